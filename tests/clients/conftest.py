# Run by run.py, each in an environment of its own; there is no test in them.
collect_ignore_glob = ["*.py"]
