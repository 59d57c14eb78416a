"""What a client is told of the server, and how its answers are compared."""

import importlib.metadata
import json
import sys
from pathlib import Path
from types import SimpleNamespace


def read_case():
    return SimpleNamespace(**json.loads(Path(sys.argv[1]).read_text()))


def assert_right(case, probabilities, labels):
    assert labels == case.labels, labels
    for row, expected in zip(probabilities, case.probabilities, strict=True):
        for p, e in zip(row, expected, strict=True):
            assert abs(p - e) < 1e-6, (row, expected)


def assert_entries_right(case, entries):
    probabilities = [entry["probabilities"] for entry in entries]
    assert_right(case, probabilities, [entry["label"] for entry in entries])


def error_of(ask, *arguments):
    """What a client raises for a request that must be refused."""
    try:
        ask(*arguments)
    except Exception as error:
        return error
    raise AssertionError("the request was not refused")


def passed(package, what):
    print(f"  {package} {importlib.metadata.version(package)}: {what}")
