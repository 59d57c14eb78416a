"""Scaling of each sample by itself, for series whose sizes are far apart."""

import torch
from torch import nn

from skdeep.modules.standardizer import InputStandardizer, Standardizer


class SampleStandardizer(Standardizer):
    """Standardize each channel of a sample by itself; beside it, what it was before.

    Every channel becomes three: its shape, of mean 0 and deviation 1; its mean; and the
    logarithm of its deviation. The latter two are the same everywhere in a sample, and
    standardized by the training data. A constant channel has shape 0 and a deviation
    like any. NaN stays NaN and counts nowhere.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one sample.

    channel_axis : int
        Axis of one sample that holds the channels.
    """

    widening = 3

    def __init__(self, input_shape, channel_axis):
        super().__init__()
        self.dim = channel_axis % len(input_shape) + 1
        self.n_channels = input_shape[channel_axis]
        self.pooled_dims = tuple(
            d for d in range(1, len(input_shape) + 1) if d != self.dim
        )
        self.sizes = InputStandardizer((2 * self.n_channels,), 0, fill_missing=True)
        # As in InputStandardizer.
        self.result = nn.Identity()

    @property
    def center(self):
        """Mean of each channel."""
        return self.along_channels(self.sizes.mean[: self.n_channels])

    @property
    def deviation(self):
        """Geometric mean of the deviations of each channel."""
        return self.along_channels(self.sizes.mean[self.n_channels :].exp())

    def update(self, x, weight):
        """Take in the sizes of a chunk; as ``InputStandardizer.update``."""
        _, sizes = self._split(x.double())
        self.sizes.update(sizes, weight)

    def forward(self, x):
        """Widen a Tensor of shape (n_samples, *input_shape) along the channels."""
        shapes, sizes = self._split(x)
        sizes = self.along_channels(self.sizes(sizes)).chunk(2, self.dim)
        # The first one is there to hand NaN on.
        beside = [torch.where(x.isnan(), x, size) for size in sizes]
        return self.result(torch.cat([shapes, *beside], self.dim))

    def collect(self, values):
        return sum(values.chunk(self.widening, self.dim))

    def spread(self, values):
        return torch.cat([values] * self.widening, self.dim)

    def _split(self, x):
        """Shapes; means and logarithms of deviations, (n_samples, 2 * n_channels)."""
        dims = {"dim": self.pooled_dims, "keepdim": True}
        n = (~x.isnan()).sum(**dims).clamp_min(1)
        mean = x.nansum(**dims) / n
        shapes = x - mean
        # The mean of a sample far from zero has few digits left for what varies.
        shapes = shapes - shapes.nansum(**dims) / n
        variance = shapes.square().nansum(**dims) / n
        # Rounding noise is not a signal.
        noise = 10 * torch.finfo(x.dtype).eps * mean.abs()
        varies = variance > noise.square()
        # The square root of zero has no slope.
        deviation = torch.where(varies, variance, 1.0).sqrt()
        size = torch.where(varies, deviation.log(), torch.nan)
        sizes = torch.cat([mean.flatten(1), size.flatten(1)], 1)
        return varies * shapes / deviation, sizes

    def along_channels(self, values):
        """Lay (..., n) values out so that they meet the channels of a sample."""
        shape = [1] * (len(self.pooled_dims) + 1)
        shape[self.dim - 1] = values.shape[-1]
        return values.view(*values.shape[:-1], *shape)
