"""Convolutions over sequences of different length: padding never changes an answer."""

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from skdeep.modules.blocks import convolution
from skdeep.modules.layers import ACTIVATIONS
from skdeep.modules.normalization import BatchNorm1d

# Of the three convolutions (Wang et al., 2017).
KERNEL_SIZES = (8, 5, 3)


def blank(x, mask):
    """Zeros in place of padding; without a mask there is none."""
    return x if mask is None else torch.where(mask, x, 0.0)


class MaskedLayerNorm(nn.GroupNorm):
    """Layer normalization of maps, with padding left out."""

    def __init__(self, n_features):
        super().__init__(1, n_features)

    def forward(self, x, mask):
        if mask is None:
            return super().forward(x)
        n = mask.sum(2, keepdim=True) * x.shape[1]
        mean = x.sum((1, 2), keepdim=True) / n
        centred = torch.where(mask, x - mean, 0.0)
        variance = centred.square().sum((1, 2), keepdim=True) / n
        scale = torch.rsqrt(variance + self.eps) * self.weight[:, None]
        return centred * scale + self.bias[:, None]


class MaskedBatchNorm(BatchNorm1d):
    """Batch normalization of maps, with padding left out."""

    def forward(self, x, mask):
        if mask is None or not self.training:
            return super().forward(x)
        row_weight, weight = self.row_weight, mask[:, 0].to(x.dtype)
        if row_weight is not None:
            weight = weight * row_weight[:, None]
        self.row_weight = weight
        normalized = super().forward(x)
        self.row_weight = row_weight
        return normalized


NORMS = {"layer": MaskedLayerNorm, "batch": MaskedBatchNorm}


class MaskedConvBlock(nn.Module):
    """Convolution that keeps the length, normalization, activation, zeros as padding.

    Parameters
    ----------
    n_in, n_out, kernel_size : int

    activation : str

    normalization : {"batch", "layer"} or None
    """

    def __init__(self, n_in, n_out, kernel_size, activation, normalization):
        super().__init__()
        self.convolution = nn.Sequential(*convolution(n_in, n_out, kernel_size, 1))
        self.norm = NORMS[normalization](n_out) if normalization else None
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x, mask):
        x = blank(self.convolution(x), mask)
        if self.norm is not None:
            x = self.norm(x, mask)
        return blank(self.activation(x), mask)

    def fuse(self):
        """As ``blocks.fuse``."""
        if isinstance(self.norm, nn.BatchNorm1d):
            self.convolution[-1] = fuse_conv_bn_eval(self.convolution[-1], self.norm)
            self.norm = None


class ConvolutionalBranch(nn.Module):
    """Three convolutions, one after another (Wang et al., 2017).

    Parameters
    ----------
    n_in : int
        Features of one step.

    n_filters : tuple of int
        Filters of each convolution.

    activation, normalization : str
        As in :class:`MLP`.
    """

    def __init__(self, n_in, n_filters, activation, normalization):
        super().__init__()
        n_ins = (n_in, *n_filters[:-1])
        self.blocks = nn.ModuleList(
            MaskedConvBlock(*sizes, activation, normalization)
            for sizes in zip(n_ins, n_filters, KERNEL_SIZES, strict=True)
        )

    def forward(self, x, mask):
        """Map (n_samples, timesteps, n_in) to (n_samples, timesteps, n_filters[-1])."""
        x, mask = x.transpose(1, 2), None if mask is None else mask[:, None]
        for block in self.blocks:
            x = block(x, mask)
        return x.transpose(1, 2)
