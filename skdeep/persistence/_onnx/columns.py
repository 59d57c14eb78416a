"""Inputs of the graph, and what the first step or the net gets of them."""

from numbers import Real

import numpy as np

from skdeep.persistence._onnx.graph import ML

# What stands for a missing category, unless it is one.
MISSING_TEXT = ""
_PREFIX, _OTHER_TEXT = "x", "\N{REPLACEMENT CHARACTER}"


def layout_of(inputs):
    """How the model takes its columns: all in one matrix, or each on its own.

    Parameters
    ----------
    inputs : list of dict
        Of the signature.
    """
    return "columns" if any(map(is_text, inputs)) else "matrix"


def is_text(column):
    """Whether a column of the signature holds categories that are texts."""
    categories = column.get("categories", ())
    return bool(categories) and all(isinstance(c, str) for c in categories)


def input_names(inputs):
    """Names of the graph's inputs, for columns; those without a name are numbered.

    Raises
    ------
    ValueError
        If a name can't be used in a graph.
    """
    names = [
        f"{_PREFIX}{j}" if column["name"] is None else str(column["name"])
        for j, column in enumerate(inputs)
    ]
    for name in names:
        if not name or name == "probabilities" or name.startswith("net/"):
            raise ValueError(f"a column must have another name than {name!r}")
    return names


def missing_text(column):
    """A text that is none of a column's categories, and so stands for none."""
    return _OTHER_TEXT if MISSING_TEXT in column["categories"] else MISSING_TEXT


def declare_matrix(g, net):
    """Add the one input of a net alone; returns the name of its rows."""
    n_features = net.n_features_in_
    if net._input_format.tokens:
        return g.declare("X", np.int64, n_features)
    if net._columns is None:
        return g.declare("X", g.dtype, n_features)
    # Categories that are numbers are compared before anything is rounded.
    return _encoded(g, net, g.declare("X", np.float64, n_features))


def encode_rows(g, net, x):
    """Turn what other steps return into what the net's first layer gets."""
    if net._input_format.tokens:
        return g.cast(x, np.int64)
    if net._columns is None:
        return g.to_dtype(x)
    return _encoded(g, net, g.cast(x, np.float64))


def _encoded(g, net, x):
    parts = []
    for j, codes in enumerate(net._columns.categories):
        part = g.add("Gather", x, g.integers(j), axis=1)
        parts.append(g.to_dtype(part) if codes is None else _codes(g, part, codes))
    return g.add("Concat", *parts, axis=1)


def declare_columns(g, net, inputs):
    """Add an input for each column of a net alone; returns the name of all together."""
    parts = []
    columns = zip(input_names(inputs), inputs, net._columns.categories, strict=True)
    for name, column, codes in columns:
        if codes is None:
            parts.append(g.declare(name, g.dtype, 1))
        elif is_text(column):
            parts.append(_codes_of_texts(g, g.declare(name, np.str_, 1), codes))
        else:
            parts.append(_codes(g, g.declare(name, np.float64, 1), codes))
    return g.add("Concat", *parts, axis=1)


def _codes_of_texts(g, x, codes):
    codes = g.add(
        "LabelEncoder",
        x,
        domain=ML,
        keys_strings=list(codes),
        values_int64s=list(codes.values()),
        default_int64=-1,
    )
    unknown = g.add("Less", codes, g.integers(0))
    return g.add("Where", unknown, float("nan"), g.to_dtype(codes))


def _codes(g, x, codes):
    """Codes of categories that are numbers, NaN for others."""
    if not all(isinstance(category, (Real, np.bool_)) for category in codes):
        raise ValueError("the categories of a column must be all texts or all numbers")
    found = g.add("Equal", x, np.array([list(codes)], np.float64))
    place = g.add("Mul", g.to_dtype(found), np.arange(len(codes), dtype=g.dtype)[None])
    place = g.add("ReduceSum", place, g.integers(1))
    none = g.add("Not", g.cast(g.add("ReduceMax", g.to_dtype(found), axes=[1]), bool))
    return g.add("Where", none, float("nan"), place)
