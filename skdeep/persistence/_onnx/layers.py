"""Layers that all nets share."""

from math import sqrt

import numpy as np
from torch import nn

from skdeep.modules import (
    Dropout,
    InputStandardizer,
    RobustStandardizer,
    SampleStandardizer,
)
from skdeep.modules.blocks import InceptionBlock, Shortcut, ZeroPad
from skdeep.modules.random_kernels import Competition, RandomKernels
from skdeep.modules.shared_mlp import MemberLinear, MemberScales
from skdeep.modules.standardizer import MissingToZero


def apply(g, layer, x):
    """Append a layer to the graph; returns the name of its output."""
    for cls in type(layer).__mro__:
        if cls in _LAYERS:
            return _LAYERS[cls](g, layer, x)
    raise NotImplementedError(f"{type(layer).__name__} has no counterpart in ONNX")


def is_nan(g, x):
    """Where a value is missing."""
    return g.add("IsNaN", x)


def zero_where(g, condition, x):
    """Replace by 0 where `condition` holds."""
    return g.add("Where", condition, 0.0, x)


def _identity(g, layer, x):
    return x


def _sequential(g, layer, x):
    for part in layer:
        x = apply(g, part, x)
    return x


def _linear(g, layer, x):
    x = g.add("MatMul", x, g.floats(layer.weight.mT))
    return g.add("Add", x, g.floats(layer.bias))


def _member_scales(g, layer, x):
    return g.add("Mul", x, g.floats(layer.scales.view(layer.shape)))


def _member_linear(g, layer, x):
    bias = layer.bias.view(len(layer.weight), 1, layer.out_features)
    return g.add("Add", g.add("MatMul", x, g.floats(layer.weight.mT)), g.floats(bias))


def _standardizer(g, layer, x):
    x = g.add("Sub", x, g.floats(layer.mean))
    x = g.add("Mul", x, g.floats(layer.inverse_scale))
    return zero_where(g, is_nan(g, x), x) if layer.fill_missing else x


def _robust_standardizer(g, layer, x):
    x = g.add("Sub", x, g.floats(layer.center))
    x = g.add("Mul", x, g.floats(layer.inverse_scale))
    missing = is_nan(g, x)
    x = g.add("Clip", x, -layer.far, layer.far)
    share = g.add("Div", x, layer.limit)
    root = g.add("Sqrt", g.add("Add", g.add("Mul", share, share), 1.0))
    return zero_where(g, missing, g.add("Div", x, root))


def _sample_standardizer(g, layer, x):
    axes = list(layer.pooled_dims)
    missing = is_nan(g, x)
    present = g.to_dtype(g.add("Not", missing))
    n = g.add("Max", g.add("ReduceSum", present, g.integers(*axes), keepdims=1), 1.0)

    def mean_of(values):
        total = g.add(
            "ReduceSum", zero_where(g, missing, values), g.integers(*axes), keepdims=1
        )
        return g.add("Div", total, n)

    mean = mean_of(x)
    shapes = g.add("Sub", x, mean)
    shapes = g.add("Sub", shapes, mean_of(shapes))
    variance = mean_of(g.add("Mul", shapes, shapes))
    noise = g.add("Mul", mean, 10 * float(np.finfo(g.dtype).eps))
    varies = g.add("Greater", variance, g.add("Mul", noise, noise))
    deviation = g.add("Sqrt", g.add("Where", varies, variance, 1.0))
    size = g.add("Where", varies, g.add("Log", deviation), float("nan"))
    shapes = g.add("Div", g.add("Mul", g.to_dtype(varies), shapes), deviation)
    sizes = g.add("Concat", mean, size, axis=layer.dim)
    means, factors = layer.sizes.mean, layer.sizes.inverse_scale
    sizes = g.add("Sub", sizes, g.floats(layer.along_channels(means)))
    sizes = g.add("Mul", sizes, g.floats(layer.along_channels(factors)))
    sizes = zero_where(g, is_nan(g, sizes), sizes)
    # What is missing stays so.
    gaps = g.add("Mul", x, 0.0)
    parts = [g.add("Add", gaps, part) for part in _halves(g, layer, sizes)]
    return g.add("Concat", shapes, *parts, axis=layer.dim)


def _halves(g, layer, sizes):
    n, axis = layer.n_channels, g.integers(layer.dim)
    return [
        g.add("Slice", sizes, g.integers(k * n), g.integers((k + 1) * n), axis)
        for k in range(2)
    ]


def _missing_to_zero(g, layer, x):
    return zero_where(g, is_nan(g, x), x)


# The runtime has these in single precision only, but all that they are made of.
def _elu(g, layer, x):
    below = g.add("Sub", g.add("Exp", g.add("Min", x, 0.0)), 1.0)
    return g.add("Where", g.add("Greater", x, 0.0), x, below)


def _leaky_relu(g, layer, x):
    return g.add("Max", x, g.add("Mul", x, float(layer.negative_slope)))


def _gelu(g, layer, x):
    scaled = g.add("Mul", x, 1 / sqrt(2))
    if g.dtype == np.float64:
        scaled = g.cast(g.add("Erf", g.cast(scaled, np.float32)), g.dtype)
    else:
        scaled = g.add("Erf", scaled)
    return g.add("Mul", g.add("Mul", x, 0.5), g.add("Add", scaled, 1.0))


def _silu(g, layer, x):
    return g.add("Mul", x, g.add("Sigmoid", x))


def _batch_norm(g, layer, x):
    scale = layer.weight.double() / (layer.running_var.double() + layer.eps).sqrt()
    shift = layer.bias.double() - layer.running_mean.double() * scale
    return affine(g, x, scale, shift)


def affine(g, x, scale, shift):
    """Scale and shift the channels of a map, or the features of a vector."""
    shape = (-1, *[1] * g.n_spatial)
    x = g.add("Mul", x, g.floats(scale.view(shape)))
    return g.add("Add", x, g.floats(shift.view(shape)))


def _layer_norm(g, layer, x):
    axes = list(range(-1 - g.n_spatial, 0))
    centred = g.add("Sub", x, g.add("ReduceMean", x, axes=axes))
    variance = g.add("ReduceMean", g.add("Mul", centred, centred), axes=axes)
    deviation = g.add("Sqrt", g.add("Add", variance, layer.eps))
    return affine(g, g.add("Div", centred, deviation), layer.weight, layer.bias)


def _convolution(g, layer, x):
    return g.add(
        "Conv",
        x,
        g.floats(layer.weight),
        *([] if layer.bias is None else [g.floats(layer.bias)]),
        strides=list(layer.stride),
        dilations=list(layer.dilation),
        pads=list(layer.padding) * 2,
    )


def _zero_pad(g, layer, x):
    sides = layer.sides
    # torch begins with the last axis.
    before, after = sides[::2][::-1], sides[1::2][::-1]
    return g.add("Pad", x, g.integers(0, 0, *before, 0, 0, *after), 0.0)


def _max_pool(g, layer, x):
    def each(size):
        return list(size) if isinstance(size, tuple) else [size] * g.n_spatial

    return g.add(
        "MaxPool",
        x,
        kernel_shape=each(layer.kernel_size),
        strides=each(layer.stride),
        pads=each(layer.padding) * 2,
    )


def _mean_pool(g, layer, x):
    return g.add("ReduceMean", x, axes=[2])


def _flatten(g, layer, x):
    if layer.start_dim == 2:
        g.n_spatial = 1
        return g.add("Reshape", x, g.integers(0, 0, -1))
    g.n_spatial = 0
    return g.add("Flatten", x, axis=1)


def _shortcut(g, layer, x):
    total = g.add("Add", apply(g, layer.residual, x), apply(g, layer.shortcut, x))
    return apply(g, layer.activation, total)


def _inception(g, layer, x):
    narrow = apply(g, layer.bottleneck, x)
    maps = [apply(g, branch, narrow) for branch in layer.branches]
    x = g.add("Concat", *maps, apply(g, layer.pooled, x), axis=1)
    return apply(g, layer.activation, apply(g, layer.normalization, x))


def _random_kernels(g, layer, x):
    maps = [apply(g, branch, x) for branch in layer.branches]
    return g.add("Concat", *maps, axis=1)


def _competition(g, layer, x):
    n_groups, size = layer.size
    groups = g.add("Reshape", x, g.integers(0, n_groups, size, -1))
    lead = g.add("Sub", groups, g.add("ReduceMax", groups, axes=[2]))
    lead = g.add("Reshape", lead, g.integers(0, n_groups * size, -1))
    return apply(g, layer.activation, g.add("Add", lead, 1.0))


_LAYERS = {
    Competition: _competition,
    Dropout: _identity,
    InceptionBlock: _inception,
    InputStandardizer: _standardizer,
    MemberLinear: _member_linear,
    MemberScales: _member_scales,
    MissingToZero: _missing_to_zero,
    RandomKernels: _random_kernels,
    RobustStandardizer: _robust_standardizer,
    SampleStandardizer: _sample_standardizer,
    Shortcut: _shortcut,
    ZeroPad: _zero_pad,
    nn.AdaptiveAvgPool1d: _mean_pool,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.Conv1d: _convolution,
    nn.Conv2d: _convolution,
    nn.ELU: _elu,
    nn.Flatten: _flatten,
    nn.GELU: _gelu,
    nn.GroupNorm: _layer_norm,
    nn.Identity: _identity,
    nn.LayerNorm: _layer_norm,
    nn.LeakyReLU: _leaky_relu,
    nn.Linear: _linear,
    nn.MaxPool1d: _max_pool,
    nn.MaxPool2d: _max_pool,
    nn.ReLU: lambda g, layer, x: g.add("Relu", x),
    nn.Sequential: _sequential,
    nn.SiLU: _silu,
    nn.Sigmoid: lambda g, layer, x: g.add("Sigmoid", x),
    nn.Tanh: lambda g, layer, x: g.add("Tanh", x),
}
