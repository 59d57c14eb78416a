# Run by run.py; there is no test in them.
collect_ignore_glob = ["*.py"]
