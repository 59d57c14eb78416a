"""Nets for tables, and their first stages."""

from math import pi

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
    if module.periodic is not None:
        parts.insert(0, _waves(g, module.periodic, parts[0]))
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


def _waves(g, periodic, numbers):
    """Three sums of waves for each number; all numbers are one batch of products."""
    x = g.add("Transpose", _columns(g, numbers, periodic.at), perm=[1, 0])
    x = g.add("Unsqueeze", x, g.integers(2))
    n, n_waves, n_outputs = periodic.weight.shape
    x = g.add("Mul", x, g.floats(2.0 * pi * periodic.frequencies.view(n, 1, n_waves)))
    x = g.add("Add", x, g.floats(periodic.phases.view(n, 1, n_waves)))
    # The runtime knows it in single precision only.
    waves = g.to_dtype(g.add("Cos", g.cast(x, np.float32)))
    sums = g.add("MatMul", waves, g.floats(periodic.weight))
    sums = g.add("Add", sums, g.floats(periodic.bias.view(n, 1, n_outputs)))
    sums = g.add("Transpose", sums, perm=[1, 0, 2])
    return g.add("Reshape", sums, g.integers(-1, periodic.n_outputs))


def _embedded(g, embedding, codes):
    codes = zero_where(g, is_nan(g, codes), g.add("Add", codes, 1.0))
    rows = g.add("Add", g.cast(codes, np.int64), g.integers(*embedding.first_rows))
    vectors = g.add("Gather", g.floats(embedding.weight), rows, axis=0)
    return g.add("Reshape", vectors, g.integers(-1, embedding.n_outputs))
