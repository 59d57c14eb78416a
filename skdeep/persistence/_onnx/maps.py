"""Convolutional nets."""

import numpy as np

from skdeep.persistence._onnx.layers import apply, is_nan, zero_where


def cnn_logits(g, module, x):
    """Logits of folded images or series."""
    if len(module.config["input_shape"]) == 2:
        missing = is_nan(g, x)
        x = zero_where(g, missing, x)
        if module.config["stretch"]:
            x = _stretch(g, x, missing, module.config["input_shape"][1])
    g.n_spatial = len(module.config["input_shape"]) - 1
    if module.differences is not None:
        x = _with_differences(g, module.differences, x, missing)
    x = apply(g, module.pool, apply(g, module.features, x))
    return apply(g, module.output, apply(g, module.head, x))


def _stretch(g, x, missing, length):
    """Counterpart of ``skdeep.modules.stretching.stretch``."""
    steps = np.arange(length, dtype=g.dtype)
    present = g.to_dtype(g.add("Not", missing))
    last = g.add("ReduceMax", g.add("Mul", present, steps), axes=[1, 2])
    place = g.add("Div", g.add("Mul", last, steps), float(max(1, length - 1)))
    before = g.add("Floor", place)
    after = g.add("Min", g.add("Add", before, 1.0), last)
    early, late = (
        g.add("GatherElements", x, g.cast(_like(g, at, x), np.int64), axis=2)
        for at in (before, after)
    )
    share = g.add("Sub", place, before)
    return g.add("Add", early, g.add("Mul", share, g.add("Sub", late, early)))


def _with_differences(g, layer, x, missing):
    """Counterpart of ``skdeep.modules.differences.Differences``."""
    axis = g.integers(2)
    first = g.add("Slice", x, g.integers(0), g.integers(1), axis)
    before = g.add("Slice", x, g.integers(0), g.integers(-1), axis)
    steps = g.add("Sub", x, g.add("Concat", first, before, axis=2))
    steps = apply(g, layer.normalization, zero_where(g, missing, steps))
    return g.add("Concat", x, steps, axis=1)


def _like(g, values, x):
    """Broadcast to the shape of `x`."""
    return g.add("Expand", values, g.add("Shape", x))
