"""What the accuracy benchmarks have in common: arguments, fits, tables."""

import argparse
import csv
import json
import time
import warnings
from pathlib import Path

import numpy as np
import sets
from measures import SMALLER_IS_BETTER
from scipy.stats import rankdata

from skdeep import __version__


def arguments(description, n_members=1):
    """Parser of the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path, help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", help="names of sets (default: all)")
    parser.add_argument(
        "--members", type=_members, default=n_members, help="nets of the ensemble"
    )
    parser.add_argument("--seeds", type=int, default=1, help="fits of each set")
    parser.add_argument("--json", type=Path, help="file that takes the results")
    parser.add_argument("--csv", type=Path, help="file that takes the last table")
    return parser


def arguments_of_tables(description, n_splits=3):
    """Parser of the command line of what compares classifiers on tables."""
    parser = arguments(description, n_members="auto")
    parser.add_argument(
        "--splits", type=int, default=n_splits, help="random splits of a set"
    )
    parser.add_argument("--rows", type=int, help="train on so many rows at most")
    parser.add_argument("--only", nargs="+", help="names of classifiers")
    return parser


def _members(text):
    return text if text == "auto" else int(text)


def compare(args, title, names, contestants, measure):
    """Fit every contestant on every split of every set.

    Parameters
    ----------
    args : Namespace
        Of `arguments_of_tables`.

    title : str

    names : list of str
        Of the sets.

    contestants : dict
        Name to a function of a seed and a split that makes a classifier.

    measure : callable
        Takes a classifier and a split, returns a dict.

    Returns
    -------
    results : dict
        Set to contestant to a list of dicts.
    """
    warnings.simplefilter("ignore")
    contestants = {
        name: make
        for name, make in contestants.items()
        if args.only is None or name in args.only
    }
    results = {}
    for name in names:
        runs = results[name] = {contestant: [] for contestant in contestants}
        for part, split in sets.table_splits(args.folder, name, args.splits):
            split = sets.at_most(split, args.rows)
            for contestant, make in contestants.items():
                for seed in range(args.seeds):
                    run = {"split": part, **measure(make(seed, split), split)}
                    runs[contestant].append(run)
                    print(name, contestant, run, flush=True)
        save(args.json, title, results)
    return results


def show(args, results, measures):
    """Print the tables that `compare` is for."""
    print(details(results, measures))
    print(summary(results, measures, args.csv))


def measure(clf, split):
    """Fit, and return the accuracy on the test part with the seconds it took."""
    start = time.perf_counter()
    clf.fit(split.X_train, split.y_train)
    fitted = time.perf_counter()
    accuracy = float(clf.score(split.X_test, split.y_test))
    return {"accuracy": accuracy, "fit_seconds": round(fitted - start, 1)}


def mean(runs, key):
    """Mean of one number over the fits of a set."""
    return float(np.mean([run[key] for run in runs]))


def save(path, title, results):
    """Write what there is by now."""
    if path is not None:
        content = {"title": title, "skdeep": __version__, "results": results}
        path.write_text(json.dumps(content, indent=1) + "\n")


def details(results, measures):
    """Tables of each measure: sets, means over all sets, mean ranks."""
    return "\n\n".join(f"{name}\n\n{_details(results, name)}" for name in measures)


def _details(results, measure):
    names = list(next(iter(results.values())))
    numbers = _numbers(results, measure)
    rows = [[name, *row] for name, row in zip(results, numbers.tolist(), strict=True)]
    rows.append([f"mean of {len(rows)}", *numbers.mean(0).tolist()])
    better = numbers if measure in SMALLER_IS_BETTER else -numbers
    rows.append(["mean rank", *rankdata(better, axis=1).mean(0).tolist()])
    return table(["set", *names], rows)


def summary(results, measures, path):
    """Table of the means over all sets, a row for each contestant; also as csv."""
    names = list(next(iter(results.values())))
    means = [_numbers(results, measure).mean(0).tolist() for measure in measures]
    rows = [[name, *row] for name, *row in zip(names, *means, strict=True)]
    header = ["classifier", *(measure.replace("_", " ") for measure in measures)]
    return f"means of {len(results)} sets\n\n{table(header, rows, path)}"


def _numbers(results, measure):
    """Means over the fits, of shape (n_sets, n_contestants)."""
    return np.array(
        [[mean(fits, measure) for fits in runs.values()] for runs in results.values()]
    )


def table(header, rows, path=None):
    """Markdown table; written to `path` as csv."""
    rows = [[_shown(value) for value in row] for row in rows]
    if path is not None:
        with path.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])
    lines = [header, ["-"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(value):
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
