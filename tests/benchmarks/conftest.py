# `make benchmarks` runs these files; there is no test in them.
collect_ignore_glob = ["*.py"]
