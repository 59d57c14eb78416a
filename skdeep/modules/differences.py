"""How series change, beside what they are."""

import torch
from torch import nn

from skdeep.modules.normalization import norm_layer


class Differences(nn.Module):
    """Put the differences of neighbouring steps beside the channels of series.

    They are normalized, for those of a smooth series are small, and what sets classes
    apart is often in them.

    Parameters
    ----------
    n_in : int
        Channels of the series.

    normalization : {"batch", "layer", None}
    """

    def __init__(self, n_in, normalization):
        super().__init__()
        self.normalization = norm_layer(normalization, n_in, 1)

    def forward(self, x, present):
        """Tensor of shape (n_samples, 2 * n_in, length) of one with n_in channels.

        `present`, of the shape of `x`, is False at padding, where `x` is zero.
        """
        steps = x.diff(dim=2, prepend=x[:, :, :1])
        # The step from the end of a series to its padding is none.
        steps = torch.where(present, steps, 0.0)
        return torch.cat([x, self.normalization(steps)], 1)
