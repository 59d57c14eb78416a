"""Whether the signature in a file is that of the model in it."""

import json

import numpy as np

from skdeep._archive import ArchiveError
from skdeep.persistence._signature import as_json, find_signature
from skdeep.persistence._steps import unnest

# What the graph adds to a signature; the graph itself is none of the model's.
_OF_GRAPH = {"onnx", "onnx_error"}


def check_signature(told, model):
    """Refuse a signature that isn't the model's.

    What only rows could tell is left open: which numbers are booleans, and, where other
    steps come before the net, which columns are categories.

    Parameters
    ----------
    told : object
        From a file that anyone may have written.

    model : estimator
        As `find_signature` takes it.

    Raises
    ------
    ArchiveError
        Names what differs.
    """
    inputs = told.get("inputs") if isinstance(told, dict) else None
    if not (isinstance(inputs, list) and all(isinstance(c, dict) for c in inputs)):
        raise ArchiveError("its signature must describe the columns of its input.")
    front, net = unnest(model)
    first = front[0][1] if front else net
    # Compared at first, for nothing else bounds what a step may say.
    n_columns = int(getattr(first, "n_features_in_", len(inputs)))
    _compare("the number of columns", n_columns, len(inputs))
    # Without rows, but with columns, for steps that don't know how many they take.
    known = find_signature(model, np.empty((0, n_columns)))
    columns = known.pop("inputs")
    _compare("the number of columns", len(columns), len(inputs))
    for position, (column, entry) in enumerate(zip(columns, inputs, strict=True)):
        expected = _with_rows(column, entry, bool(front))
        _compare_all(expected, entry, f" of column {position}")
    rest = {key: told[key] for key in told.keys() - {"inputs"} - _OF_GRAPH}
    _compare_all({key: known[key] for key in known.keys() - _OF_GRAPH}, rest, "")


def _with_rows(column, entry, in_front):
    """Take from an entry what rows may have told of a column."""
    column = dict(column)
    if in_front:
        # Which steps allow gaps differs between versions of scikit-learn.
        column["missing"] = bool(entry.get("missing"))
    if column["kind"] == "number" and entry.get("kind") == "boolean":
        column["kind"] = "boolean"
    elif column["kind"] == "number" and in_front and entry.get("kind") == "category":
        categories = entry.get("categories")
        column["kind"] = "category"
        column["categories"] = [as_json(c) for c in categories or ()]
    return column


def _compare_all(known, told, where):
    for key in sorted({*known, *told}):
        _compare(f"`{key}`{where}", known.get(key), told.get(key))


def _compare(what, known, told):
    # As texts, for Python takes True for 1.
    if json.dumps(known) != json.dumps(told):
        raise ArchiveError(
            f"its signature doesn't fit its model: {what} must be {known!r}. "
            f"Got {told!r}."
        )
