"""Blocks of convolutions that keep the size of the map, for series and images."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from skdeep.modules.layers import ACTIVATIONS
from skdeep.modules.normalization import norm_layer


class ZeroPad(nn.Module):
    """Zeros around maps: so many before and after, the last axis first."""

    def __init__(self, sides):
        super().__init__()
        self.sides = sides
        # shap doesn't know torch's own layer, which is linear, and warns of it.
        self.result = nn.Identity()

    def forward(self, x):
        return self.result(F.pad(x, self.sides))


def convolution(n_in, n_out, kernel_size, n_spatial, stride=1):
    """Layers of a convolution that keeps the size of the map, but for its stride."""
    conv = (nn.Conv1d, nn.Conv2d)[n_spatial - 1]
    if kernel_size % 2:
        padding = kernel_size // 2
        return [conv(n_in, n_out, kernel_size, stride=stride, padding=padding)]
    # An even kernel needs one more on the far side, which torch's layer can't pad.
    sides = ((kernel_size - 1) // 2, kernel_size // 2) * n_spatial
    return [ZeroPad(sides), conv(n_in, n_out, kernel_size, stride=stride)]


class ConvBlock(nn.Sequential):
    """Convolution, normalization, activation."""

    def __init__(
        self, n_in, n_out, kernel_size, activation, normalization, n_spatial, stride=1
    ):
        layers = convolution(n_in, n_out, kernel_size, n_spatial, stride)
        if normalization is not None:
            layers.append(norm_layer(normalization, n_out, n_spatial))
        super().__init__(*layers, ACTIVATIONS[activation]())


class Shortcut(nn.Module):
    """Layers with a way around them, and an activation of the sum (He et al., 2016)."""

    def __init__(self, residual, n_in, n_out, activation, n_spatial):
        super().__init__()
        self.residual = residual
        self.shortcut = nn.Identity()
        if n_in != n_out:
            (self.shortcut,) = convolution(n_in, n_out, 1, n_spatial)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x):
        return self.activation(self.residual(x) + self.shortcut(x))


class InceptionBlock(nn.Module):
    """Convolutions of several widths side by side (Ismail Fawaz et al., 2020).

    They share a bottleneck, a convolution of width one; beside them stands a max
    pooling of width three.

    Parameters
    ----------
    n_in : int
        Channels of the input.

    n_out : int
        Channels of the output, divided among the branches.

    kernel_sizes : tuple of int
        Width of each branch.

    activation, normalization, n_spatial
        As in the other blocks.
    """

    def __init__(self, n_in, n_out, kernel_sizes, activation, normalization, n_spatial):
        super().__init__()
        n_branches = len(kernel_sizes) + 1
        widths = [n_out // n_branches] * n_branches
        widths[-1] += n_out % n_branches
        self.bottleneck, n_narrow = nn.Identity(), n_in
        if n_in > widths[0]:
            n_narrow = widths[0]
            (self.bottleneck,) = convolution(n_in, n_narrow, 1, n_spatial)
        self.branches = nn.ModuleList(
            nn.Sequential(*convolution(n_narrow, width, size, n_spatial))
            for width, size in zip(widths, kernel_sizes, strict=False)
        )
        pool = (nn.MaxPool1d, nn.MaxPool2d)[n_spatial - 1]
        self.pooled = nn.Sequential(
            pool(3, stride=1, padding=1),
            *convolution(n_in, widths[-1], 1, n_spatial),
        )
        self.normalization = norm_layer(normalization, n_out, n_spatial)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x):
        narrow = self.bottleneck(x)
        maps = [branch(narrow) for branch in self.branches]
        x = torch.cat([*maps, self.pooled(x)], dim=1)
        return self.activation(self.normalization(x))


def plain_stage(n_in, n_out, kernel_sizes, depth, *options):
    """Convolutions one after another: `kernel_sizes`, `depth` times."""
    layers = []
    for size in kernel_sizes * depth:
        layers.append(ConvBlock(n_in, n_out, size, *options))
        n_in = n_out
    return nn.Sequential(*layers)


def residual_block(n_in, n_out, kernel_sizes, activation, normalization, n_spatial):
    """Convolutions with a shortcut around them (He et al., 2016)."""
    *first, last = kernel_sizes
    layers, n_before = [], n_in
    for size in first:
        layers.append(
            ConvBlock(n_before, n_out, size, activation, normalization, n_spatial)
        )
        n_before = n_out
    layers += convolution(n_before, n_out, last, n_spatial)
    layers.append(norm_layer(normalization, n_out, n_spatial))
    return Shortcut(nn.Sequential(*layers), n_in, n_out, activation, n_spatial)


def residual_stage(n_in, n_out, kernel_sizes, depth, *options):
    """Residual blocks, `depth` of them."""
    blocks = [residual_block(n_in, n_out, kernel_sizes, *options)]
    for _ in range(depth - 1):
        blocks.append(residual_block(n_out, n_out, kernel_sizes, *options))
    return nn.Sequential(*blocks)


def inception_stage(
    n_in, n_out, kernel_sizes, depth, activation, normalization, n_spatial
):
    """Inception blocks, `depth` of them, with a shortcut around all."""
    options = (kernel_sizes, activation, normalization, n_spatial)
    blocks = [InceptionBlock(n_in, n_out, *options)]
    for _ in range(depth - 1):
        blocks.append(InceptionBlock(n_out, n_out, *options))
    return Shortcut(nn.Sequential(*blocks), n_in, n_out, activation, n_spatial)


STAGES = {
    "plain": plain_stage,
    "residual": residual_stage,
    "inception": inception_stage,
}


def fuse(module):
    """Let convolutions do what the batch normalization behind them does in eval mode.

    Parameters
    ----------
    module : Module
        Changed in place.
    """
    convolutions = (nn.Conv1d, nn.Conv2d)
    normalizations = (nn.BatchNorm1d, nn.BatchNorm2d)
    for layers in module.modules():
        # A block with a mask between the two does it by itself.
        if hasattr(layers, "fuse"):
            layers.fuse()
        if not isinstance(layers, nn.Sequential):
            continue
        for i, (layer, after) in enumerate(pairwise(list(layers))):
            if isinstance(layer, convolutions) and isinstance(after, normalizations):
                layers[i] = fuse_conv_bn_eval(layer, after)
                layers[i + 1] = nn.Identity()
