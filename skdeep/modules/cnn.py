"""Convolutional nets for series (1-D) and images (2-D)."""

import math

import torch
from torch import nn

from skdeep.modules.blocks import STAGES, ConvBlock
from skdeep.modules.differences import Differences
from skdeep.modules.layers import Dropout, Linear, Net, dense_layers, n_weights
from skdeep.modules.normalization import norm_layer
from skdeep.modules.random_kernels import RANDOM, FixedLayers, RandomKernels
from skdeep.modules.scaling import standardizer
from skdeep.modules.stretching import stretch


def global_pool(kind, n_places):
    """Reduce a map of `n_places` to one number per channel: its mean or its maximum.

    Of torch's own layers, because explainers have rules for those.
    """
    pool = nn.AdaptiveAvgPool1d(1) if kind == "mean" else nn.MaxPool1d(n_places)
    return nn.Sequential(nn.Flatten(2), pool, nn.Flatten(1))


class CNN(Net):
    """Stages of convolutions: (n_samples, channels, *size) to logits.

    NaN, the padding of a short series, is read as the mean of its channel.

    Parameters
    ----------
    input_shape : tuple of int
        ``(channels, length)`` or ``(channels, height, width)``.

    n_outputs : int
        Number of logits.

    architecture : {"plain", "residual", "inception", "rocket"}
        Kind of the stages. "rocket" has one of fixed kernels, for series.

    n_filters : tuple of int
        Filters of each stage.

    depth : int
        Blocks in each stage.

    kernel_size : tuple of tuple of int
        For each stage, widths of the convolutions of a block.

    stride : int
        Step of a first convolution before the stages; 1 has no such convolution.

    pool_size : int
        Window and stride of the max pooling after each stage; an axis shorter than
        the window is left as it is.

    pooling : {"mean", "max", "flatten"}
        How the last map becomes a vector.

    hidden_layer_sizes : tuple of int
        Dense layers between that vector and the logits.

    activation, normalization, dropout
        As in :class:`MLP`; `dropout` acts after pooling and after dense activations.

    standardize : bool or "sample"
        Whether the first layer standardizes each channel, or each one of every sample.

    stretch : bool
        Whether short series are stretched over their padding.

    differences : bool
        Whether the stages get the differences of neighbouring steps of series, too.
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
        stride,
        pool_size,
        pooling,
        hidden_layer_sizes,
        activation,
        normalization,
        dropout,
        standardize,
        stretch=False,
        differences=False,
    ):
        super().__init__(
            config={
                "input_shape": input_shape,
                "n_outputs": n_outputs,
                "architecture": architecture,
                "n_filters": n_filters,
                "depth": depth,
                "kernel_size": kernel_size,
                "stride": stride,
                "pool_size": pool_size,
                "pooling": pooling,
                "hidden_layer_sizes": hidden_layer_sizes,
                "activation": activation,
                "normalization": normalization,
                "dropout": dropout,
                "standardize": standardize,
                "stretch": stretch,
                "differences": differences,
            },
            standardizer=standardizer(standardize, input_shape, channel_axis=0),
        )
        self.row_size, self.n_operations = 0, 0
        self.differences = None
        if differences:
            self.differences = Differences(self._n_channels, normalization)
        fixed = architecture == RANDOM
        layers, size = self._random_stage() if fixed else self._stages()
        self.features = nn.Sequential(*layers)
        flatten, n_places = pooling == "flatten", math.prod(size)
        n_pooled = n_filters[-1] * (n_places if flatten else 1)
        sizes = (n_pooled, *hidden_layer_sizes)
        self.pool = nn.Flatten() if flatten else global_pool(pooling, n_places)
        self.head = nn.Sequential(
            *([norm_layer(normalization, n_pooled)] if fixed else []),
            *([Dropout(dropout)] if dropout else []),
            *dense_layers(sizes, activation, normalization, dropout),
        )
        self.output = Linear(sizes[-1], n_outputs)
        # Where only this layer trains, what is drawn is noise that mostly stays.
        self.output.blank = fixed
        self._fixed_layers = FixedLayers(self, n_pooled) if fixed else None

    def _stages(self):
        """Layers, and the size of the last map."""
        c = self.config
        stride, pool_size, n_filters = c["stride"], c["pool_size"], c["n_filters"]
        build = STAGES[c["architecture"]]
        n_in, *size = self._input_size
        options = (c["activation"], c["normalization"], len(size))
        layers = []
        if stride > 1:
            size = [-(-n // stride) for n in size]
            stem = ConvBlock(n_in, n_filters[0], 2 * stride + 1, *options, stride)
            layers.append(self._counted(stem, n_filters[0], size))
            n_in = n_filters[0]
        max_pool = (nn.MaxPool1d, nn.MaxPool2d)[len(size) - 1]
        for n_out, kernels in zip(n_filters, c["kernel_size"], strict=True):
            stage = build(n_in, n_out, kernels, c["depth"], *options)
            layers.append(self._counted(stage, n_out, size))
            n_in = n_out
            window = [pool_size if length >= pool_size else 1 for length in size]
            if max(window) > 1:
                layers.append(max_pool(tuple(window)))
                size = [n // w for n, w in zip(size, window, strict=True)]
        return layers, size

    def _random_stage(self):
        """As ``_stages``, with fixed kernels."""
        c = self.config
        n_in, length = self._input_size
        (n_out,), ((kernel_size,),) = c["n_filters"], c["kernel_size"]
        size = [-(-length // c["stride"])]
        stage = RandomKernels(n_in, n_out, kernel_size, length, c["stride"])
        return [self._counted(stage, stage.n_at_once, size)], size

    @property
    def _n_channels(self):
        """Channels of standardized input."""
        n_in = self.config["input_shape"][0]
        return n_in * getattr(self.standardizer, "widening", 1)

    @property
    def _input_size(self):
        """Channels, then size, of the map that the first stage gets."""
        size = self.config["input_shape"][1:]
        return self._n_channels * (1 if self.differences is None else 2), *size

    def _counted(self, layer, n_out, size):
        """Add a layer with a map of that size to the sums that plan the work."""
        self.n_operations += n_weights(layer) * math.prod(size)
        self.row_size = max(self.row_size, n_out * math.prod(size))
        return layer

    @property
    def preparation(self):
        return self._fixed_layers or self.standardizer

    def body(self, x):
        """Logits of standardized input, or of what ``preparation`` returned."""
        if x.ndim == 2:
            return self.output(self.head(x))
        return self.read(x, ~torch.isnan(x) if x.ndim == 3 else None)

    def enter(self, x):
        x = self.standardizer(x)
        if x.ndim == 4:
            return x, None
        present = ~torch.isnan(x)
        return torch.where(present, x, 0.0), present

    def read(self, encoded, present=None):
        return self.read_maps(self.maps(encoded, present))

    def maps(self, encoded, present=None):
        """What the stages make of standardized input."""
        if present is not None:
            encoded = torch.where(present, encoded, 0.0)
            if self.config["stretch"]:
                encoded = stretch(encoded, present)
            if self.differences is not None:
                encoded = self.differences(encoded, present)
        return self.features(encoded)

    def read_maps(self, maps):
        """Logits of what ``features`` returns."""
        return self.output(self.head(self.pool(maps)))
