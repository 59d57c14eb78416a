"""Recurrent nets."""

import numpy as np

from skdeep.modules.fcn import MaskedBatchNorm
from skdeep.modules.tokens import PADDING, UNKNOWN
from skdeep.persistence._onnx.layers import affine, apply, is_nan, zero_where

# Order of the gates, of which torch has another.
_GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}
_ATTRIBUTES = {"GRU": {"linear_before_reset": 1}}


def rnn_logits(g, module, x):
    """Logits of sequences, of features or of tokens."""
    x, mask = _steps(g, module, x)
    x, mask = _joined(g, module, x, mask)
    lengths = g.add("ReduceSum", mask, g.integers(1), keepdims=0)
    lengths = g.add("Max", lengths, 1.0)
    present = g.add("Unsqueeze", g.cast(mask, bool), g.integers(2))
    pooled = [_recurrent(g, module, x, present, lengths)]
    if module.convolutions is not None:
        maps = _convolutions(g, module.convolutions, x, present)
        pooled.append(_pool(g, module.map_pool, maps, present, lengths))
    x = pooled[0] if len(pooled) == 1 else g.add("Concat", *pooled, axis=1)
    return apply(g, module.output, apply(g, module.head, x))


def _steps(g, module, x):
    """Vectors of all steps, zero where padded; 1 where there is one, and else 0."""
    if module.embedding is None:
        missing = is_nan(g, x)
        some = g.add("ReduceMin", g.to_dtype(missing), axes=[2], keepdims=0)
        mask = g.add("Sub", 1.0, some)
        absent = g.add("Unsqueeze", g.cast(some, bool), g.integers(2))
        return zero_where(g, absent, x), mask
    (n_steps,) = module.config["input_shape"]
    size = g.integers(module.vocabulary_size)
    codes = g.add("Where", g.add("Less", x, size), x, g.integers(UNKNOWN))
    # Padding is where nothing follows, but for the first step.
    rest = g.add("CumSum", codes, np.array(1, np.int64), reverse=1)
    first = np.arange(n_steps) == 0
    mask = g.add("Or", g.add("Greater", rest, g.integers(0)), first[None])
    codes = g.add("Max", codes, g.integers(UNKNOWN))
    codes = g.add("Where", mask, codes, g.integers(PADDING))
    vectors = g.add("Gather", g.floats(module.embedding.weight), codes, axis=0)
    return vectors, g.to_dtype(mask)


def _joined(g, module, x, mask):
    """Make one step of several successive ones."""
    size = module.patch_size
    if size == 1:
        return x, mask
    n_steps = module.config["input_shape"][0]
    missing = -n_steps % size
    if missing:
        x = g.add("Pad", x, g.integers(0, 0, 0, 0, missing, 0), 0.0)
        mask = g.add("Pad", mask, g.integers(0, 0, 0, missing), 0.0)
    n_steps = (n_steps + missing) // size
    width = module.recurrent[0].forward_cells.input_size
    x = g.add("Reshape", x, g.integers(-1, n_steps, width))
    mask = g.add("Reshape", mask, g.integers(-1, n_steps, size))
    return x, g.add("ReduceMax", mask, axes=[2], keepdims=0)


def _recurrent(g, module, x, present, lengths):
    """Pooled outputs of the recurrent layers."""
    lengths_as_integers = g.cast(lengths, np.int32)
    x = g.add("Transpose", x, perm=[1, 0, 2])
    for layer in module.recurrent:
        outputs, last = _cells(g, layer, x, lengths_as_integers)
        # (n_steps, n_directions, n_samples, n_units), directions side by side.
        outputs = g.add("Transpose", outputs, perm=[0, 2, 1, 3])
        x = g.add("Reshape", outputs, g.integers(0, 0, -1))
    if module.pool.kind == "last":
        last = g.add("Transpose", last, perm=[1, 0, 2])
        return g.add("Flatten", last, axis=1)
    outputs = g.add("Transpose", x, perm=[1, 0, 2])
    return _pool(g, module.pool, outputs, present, lengths)


def _cells(g, layer, x, lengths):
    directions = [layer.forward_cells]
    if layer.backward_cells is not None:
        directions.append(layer.backward_cells)
    op = type(layer.forward_cells).__name__
    arrays = [
        np.stack([_gates(g, cells, name, op) for cells in directions])
        for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    ]
    return g.add(
        op,
        x,
        *arrays[:2],
        np.concatenate(arrays[2:], axis=1),
        lengths,
        n_outputs=2,
        hidden_size=layer.forward_cells.hidden_size,
        direction="bidirectional" if len(directions) == 2 else "forward",
        **_ATTRIBUTES.get(op, {}),
    )


def _gates(g, cells, name, op):
    array = g.floats(getattr(cells, name))
    gates = np.split(array, len(_GATES[op]))
    return np.concatenate([gates[i] for i in _GATES[op]])


def _pool(g, pool, x, present, lengths):
    """One vector of all steps, padding left out."""
    absent = g.add("Not", present)
    if pool.kind == "mean":
        total = g.add("ReduceSum", zero_where(g, absent, x), g.integers(1), keepdims=0)
        return g.add("Div", total, g.add("Unsqueeze", lengths, g.integers(1)))
    never = -float("inf")
    if pool.kind == "max":
        x = g.add("Where", present, x, never)
        return g.add("ReduceMax", x, axes=[1], keepdims=0)
    score = apply(g, pool.score, apply(g, pool.tanh, apply(g, pool.project, x)))
    weight = g.add("Softmax", g.add("Where", present, score, never), axis=1)
    # What is padding may hold anything.
    weighted = g.add("Mul", weight, zero_where(g, absent, x))
    return g.add("ReduceSum", weighted, g.integers(1), keepdims=0)


def _convolutions(g, branch, x, present):
    """Maps of the convolutions, (n_samples, n_steps, n_filters)."""
    x = g.add("Transpose", x, perm=[0, 2, 1])
    absent = g.add("Not", g.add("Transpose", present, perm=[0, 2, 1]))
    g.n_spatial = 1
    for block in branch.blocks:
        x = zero_where(g, absent, apply(g, block.convolution, x))
        if isinstance(block.norm, MaskedBatchNorm):
            x = apply(g, block.norm, x)
        elif block.norm is not None:
            x = _masked_layer_norm(g, block.norm, x, absent)
        x = zero_where(g, absent, apply(g, block.activation, x))
    g.n_spatial = 0
    return g.add("Transpose", x, perm=[0, 2, 1])


def _masked_layer_norm(g, layer, x, absent):
    n_channels = float(layer.num_channels)
    present = g.to_dtype(g.add("Not", absent))
    n = g.add("ReduceSum", present, g.integers(2), keepdims=1)
    n = g.add("Mul", n, n_channels)

    def mean(values):
        return g.add("Div", g.add("ReduceSum", values, g.integers(1, 2)), n)

    centred = zero_where(g, absent, g.add("Sub", x, mean(x)))
    variance = mean(g.add("Mul", centred, centred))
    deviation = g.add("Sqrt", g.add("Add", variance, layer.eps))
    return affine(g, g.add("Div", centred, deviation), layer.weight, layer.bias)
