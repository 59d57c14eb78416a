"""Nets for tables, and their first stages."""

import numpy as np

from skdeep.modules import SharedMLP, TableInput
from skdeep.persistence._onnx.layers import apply, is_nan, zero_where


def mlp_logits(g, module, x):
    """Logits of rows of numbers and codes; of each member, if they share weights."""
    x = _encoded(g, module, x)
    if isinstance(module, SharedMLP):
        x = apply(g, module.scales, x)
    return apply(g, module.output, apply(g, module.hidden, x))


def _encoded(g, module, x):
    """Input of the first dense layer."""
    first = module.standardizer
    if not isinstance(first, TableInput):
        return apply(g, first, x)
    places = first.positions
    parts = []
    if places["numbers"]:
        parts.append(apply(g, first.standardizer, _columns(g, x, places["numbers"])))
    if first.bins is not None:
        parts.append(_bins(g, first.bins, x))
    if places["missing"]:
        parts.append(g.to_dtype(is_nan(g, _columns(g, x, places["missing"]))))
    if places["one_hot"]:
        codes = np.array(places["codes"], g.dtype)
        parts.append(
            g.to_dtype(g.add("Equal", _columns(g, x, places["one_hot"]), codes))
        )
    if places["coded"]:
        parts.append(_embedded(g, module.embedding, _columns(g, x, places["coded"])))
    return parts[0] if len(parts) == 1 else g.add("Concat", *parts, axis=1)


def _columns(g, x, positions):
    return g.add("Gather", x, g.integers(*positions), axis=1)


def _bins(g, bins, x):
    place = _columns(g, x, bins.features.tolist())
    place = g.add("Sub", place, g.floats(bins.lower))
    place = g.add("Mul", place, g.floats(bins.inverse_width))
    # Runtimes don't agree on the bounds of what is no number.
    missing = is_nan(g, place)
    place = g.add("Clip", place, 0.0, 1.0)
    return zero_where(g, missing, g.add("Sub", place, g.floats(bins.center)))


def _embedded(g, embedding, codes):
    codes = zero_where(g, is_nan(g, codes), g.add("Add", codes, 1.0))
    rows = g.add("Add", g.cast(codes, np.int64), g.integers(*embedding.first_rows))
    vectors = g.add("Gather", g.floats(embedding.weight), rows, axis=0)
    return g.add("Reshape", vectors, g.integers(-1, embedding.n_outputs))
