"""Speed beside the peers: same data, same net, same epochs, same batch size.

Run by ``make benchmarks``. Prints a table as markdown, and writes JSON, and the table
of the documentation, if asked to. What counts is the ratio of the medians: our time
divided by the peer's.
"""

import argparse
import csv
import json
import statistics
import warnings

import cases_fit
import cases_gpu
import cases_inspection
import cases_predict
import cases_scale
import cases_search
from measuring import compare, machine, measure, threads

GROUPS = {
    "fit": cases_fit.fit,
    "cnn": cases_fit.cnn,
    "rnn": cases_fit.rnn,
    "predict": cases_predict.predict,
    "frame": cases_predict.frame,
    "explain": cases_predict.explain,
    "importance": cases_inspection.importance,
    "members": cases_search.members,
    "search": cases_search.search,
    "threads": cases_search.threads,
    "scale": cases_scale.scale,
    "gpu": cases_gpu.gpu,
}
DEFAULT = [name for name in GROUPS if name != "gpu"]
# Several processes, which share the cores as they see fit; a GPU needs no threads.
UNLIMITED = ("search", "threads", "gpu")
HEADER = ("case", "threads", "ms", "/ peer", "ratio", "bar", "met")


def main():
    options = _options()
    warnings.simplefilter("ignore")
    where = machine()
    versions = ", ".join(f"{name} {v}" for name, v in where["versions"].items())
    print(f"{where['processor']}, {where['cores']} cores, load {where['load']}.")
    if where["gpu"]:
        print(f"{where['gpu']}.")
    print(f"{versions}.\n")
    print("|", " | ".join(HEADER), "|")
    print("|", " | ".join("---" for _ in HEADER), "|")
    results = []
    for group in options.cases:
        for n_threads in [None] if group in UNLIMITED else options.threads:
            results += run(group, n_threads, options.rounds)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": where, "results": results}, file, indent=1)
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            rows = [cells for result in results for cells in lines(result)]
            csv.writer(file, lineterminator="\n").writerows([HEADER, *rows])


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--cases", nargs="+", choices=GROUPS, default=DEFAULT)
    parser.add_argument("--json", help="file for all the numbers")
    parser.add_argument("--csv", help="file for the table")
    return parser.parse_args()


def run(group, n_threads, n_rounds):
    """Measure the cases of a group and print them.

    Returns
    -------
    results : list of dict
    """
    results = []
    try:
        with threads(n_threads):
            for case in GROUPS[group]():
                seconds = measure(case, n_rounds)
                result = {
                    "group": group,
                    "case": case.title,
                    "threads": n_threads,
                    "seconds": seconds,
                    "peers": compare(case, seconds),
                }
                results.append(result)
                for cells in lines(result):
                    print("|", " | ".join(cells), "|", flush=True)
    except Exception as error:
        # An hour of measurements should not be lost to one group.
        print(f"| {group} | | failed: {error!r} | | | | |", flush=True)
    return results


def lines(result):
    """Yield the cells of a line for each peer."""
    ours = statistics.median(next(iter(result["seconds"].values())))
    for row in result["peers"]:
        yield (
            result["case"],
            str(result["threads"] or "free"),
            f"{1e3 * ours:.1f}",
            row["peer"],
            f"{row['ratio']:.2f}",
            "" if row["bar"] is None else f"{row['bar']:.2f}",
            {None: "", True: "yes", False: "no"}[row["met"]],
        )


if __name__ == "__main__":
    main()
