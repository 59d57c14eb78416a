"""Scaling that a few extreme numbers don't disturb."""

import torch
from torch import nn

from skdeep.modules.standardizer import Standardizer

# Of a normal distribution.
_RANGE_OF_DEVIATION = 1.349


class RobustStandardizer(Standardizer):
    """Median and interquartile range, and no number far from zero.

    Subtracts the median and divides by the interquartile range, or by half the whole
    range where quartiles are equal; constant features become zero. Then
    ``x / sqrt(1 + (x / 3)**2)`` leaves small numbers nearly as they are and keeps
    large ones within -3 and 3 (Holzmueller, Grinsztajn and Steinwart, 2024). Missing
    numbers, NaN, become zero.

    Parameters
    ----------
    n_features : int

    Attributes
    ----------
    center, inverse_scale : Tensor of shape (n_features,)

    limit : float
        No output is further from zero.

    far : float
        Numbers further from zero end up at the limit anyway.
    """

    limit, far = 3.0, 1e6

    def __init__(self, n_features):
        super().__init__()
        self.register_buffer("center", torch.zeros(n_features))
        self.register_buffer("inverse_scale", torch.ones(n_features))
        # As in InputStandardizer.
        self.result = nn.Identity()

    def reset_parameters(self):
        """Fill the buffers; nothing is known about the numbers."""
        self.center.zero_()
        self.inverse_scale.fill_(1.0)

    @torch.no_grad()
    def set_quantiles(self, quantiles):
        """Scale by these.

        Parameters
        ----------
        quantiles : Tensor of shape (5, n_features)
            Lowest number, lower quartile, median, upper quartile, highest number.
        """
        lowest, lower, median, upper, highest = quantiles.double()
        # Rounding noise is not a signal.
        noise = 10 * torch.finfo(self.center.dtype).eps * median.abs()
        between, half = upper - lower, (highest - lowest) / 2
        scale = torch.where(between > noise, between, half)
        inverse = torch.where(scale > noise, 1.0 / scale, 0.0)
        self.center.copy_(median)
        self.inverse_scale.copy_(inverse)

    @property
    def deviation(self):
        """Standard deviation of the input, if it is normal."""
        known = self.inverse_scale > 0
        return torch.where(known, 1.0 / self.inverse_scale / _RANGE_OF_DEVIATION, 0.0)

    def forward(self, x):
        x = ((x - self.center) * self.inverse_scale).clamp(-self.far, self.far)
        x = x / (1.0 + (x / self.limit).square()).sqrt()
        return self.result(x.nan_to_num(0.0))
