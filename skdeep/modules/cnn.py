"""Convolutional nets for series (1-D) and images (2-D)."""

import math

from torch import nn

from skdeep.modules.layers import (
    ACTIVATIONS,
    Dropout,
    Net,
    dense_layers,
    norm_layer,
    standardizer,
)


def convolution(n_in, n_out, kernel_size, n_spatial):
    """Layers of a convolution that keeps the size of the map."""
    conv = (nn.Conv1d, nn.Conv2d)[n_spatial - 1]
    if kernel_size % 2:
        return [conv(n_in, n_out, kernel_size, padding=kernel_size // 2)]
    # An even kernel needs one more on the far side, which torch's layer can't pad.
    pad = (nn.ZeroPad1d, nn.ZeroPad2d)[n_spatial - 1]
    sides = ((kernel_size - 1) // 2, kernel_size // 2) * n_spatial
    return [pad(sides), conv(n_in, n_out, kernel_size)]


class ConvBlock(nn.Sequential):
    """Convolution that keeps the size of the map, normalization, activation."""

    def __init__(self, n_in, n_out, kernel_size, activation, normalization, n_spatial):
        layers = convolution(n_in, n_out, kernel_size, n_spatial)
        if normalization is not None:
            layers.append(norm_layer(normalization, n_out, n_spatial))
        super().__init__(*layers, ACTIVATIONS[activation]())


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut around them (He et al., 2016)."""

    def __init__(self, n_in, n_out, kernel_size, activation, normalization, n_spatial):
        super().__init__()
        self.residual = nn.Sequential(
            ConvBlock(n_in, n_out, kernel_size, activation, normalization, n_spatial),
            *convolution(n_out, n_out, kernel_size, n_spatial),
            norm_layer(normalization, n_out, n_spatial),
        )
        self.shortcut = nn.Identity()
        if n_in != n_out:
            (self.shortcut,) = convolution(n_in, n_out, 1, n_spatial)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x):
        return self.activation(self.residual(x) + self.shortcut(x))


def global_pool(kind, n_places):
    """Reduce a map of `n_places` to one number per channel: its mean or its maximum.

    Of torch's own layers, because explainers have rules for those.
    """
    pool = nn.AdaptiveAvgPool1d(1) if kind == "mean" else nn.MaxPool1d(n_places)
    return nn.Sequential(nn.Flatten(2), pool, nn.Flatten(1))


BLOCKS = {"plain": ConvBlock, "residual": ResidualBlock}


class CNN(Net):
    """Stages of convolutions: (n_samples, channels, *size) to logits.

    Parameters
    ----------
    input_shape : tuple of int
        ``(channels, length)`` or ``(channels, height, width)``.

    n_outputs : int
        Number of logits.

    architecture : {"plain", "residual"}
        Kind of the blocks.

    n_filters : tuple of int
        Filters of each stage.

    depth : int
        Blocks in each stage.

    kernel_size : int
        Width of the convolutions.

    pool_size : int
        Window and stride of the max pooling after each stage; an axis shorter than
        the window is left as it is.

    pooling : {"mean", "max", "flatten"}
        How the last map becomes a vector.

    hidden_layer_sizes : tuple of int
        Dense layers between that vector and the logits.

    activation, normalization, dropout, standardize
        As in :class:`MLP`; `dropout` acts after pooling and after dense activations.
    """

    def __init__(
        self,
        *,
        input_shape,
        n_outputs,
        architecture,
        n_filters,
        depth,
        kernel_size,
        pool_size,
        pooling,
        hidden_layer_sizes,
        activation,
        normalization,
        dropout,
        standardize,
    ):
        super().__init__(
            config={
                "input_shape": input_shape,
                "n_outputs": n_outputs,
                "architecture": architecture,
                "n_filters": n_filters,
                "depth": depth,
                "kernel_size": kernel_size,
                "pool_size": pool_size,
                "pooling": pooling,
                "hidden_layer_sizes": hidden_layer_sizes,
                "activation": activation,
                "normalization": normalization,
                "dropout": dropout,
                "standardize": standardize,
            },
            standardizer=standardizer(standardize, input_shape, channel_axis=0),
        )
        n_in, *size = input_shape
        max_pool = (nn.MaxPool1d, nn.MaxPool2d)[len(size) - 1]
        stages = []
        self.row_size, self.n_operations = 0, 0
        for n_out in n_filters:
            for _ in range(depth):
                block = BLOCKS[architecture](
                    n_in, n_out, kernel_size, activation, normalization, len(size)
                )
                stages.append(block)
                n_weights = sum(p.numel() for p in block.parameters())
                self.n_operations += n_weights * math.prod(size)
                self.row_size = max(self.row_size, n_out * math.prod(size))
                n_in = n_out
            window = [pool_size if length >= pool_size else 1 for length in size]
            if max(window) > 1:
                stages.append(max_pool(tuple(window)))
                size = [n // w for n, w in zip(size, window, strict=True)]
        flatten = pooling == "flatten"
        n_pooled = n_in * (math.prod(size) if flatten else 1)
        sizes = (n_pooled, *hidden_layer_sizes)
        self.features = nn.Sequential(*stages)
        self.pool = nn.Flatten() if flatten else global_pool(pooling, math.prod(size))
        self.head = nn.Sequential(
            *([Dropout(dropout)] if dropout else []),
            *dense_layers(sizes, activation, normalization, dropout),
        )
        self.output = nn.Linear(sizes[-1], n_outputs)

    def body(self, x):
        """Logits of standardized input."""
        return self.output(self.head(self.pool(self.features(x))))
