"""What the accuracy benchmarks have in common: arguments, fits, tables."""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from skdeep import __version__


def arguments(description):
    """Parser of the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path, help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", help="names of sets (default: all)")
    parser.add_argument("--members", type=int, default=1, help="nets of the ensemble")
    parser.add_argument("--seeds", type=int, default=1, help="fits of each set")
    parser.add_argument("--json", type=Path, help="file that takes the results")
    return parser


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


def table(header, rows):
    """Markdown table."""
    lines = [header, ["-"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_shown, line))} |" for line in lines)


def _shown(value):
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
