"""Convolutions that stay as they are drawn, for series."""

import math

import torch
from torch import nn

# Name of the architecture.
RANDOM = "rocket"
# Values of the maps that are computed at once, which should stay in the cache. An
# accelerator needs many to be busy.
_CHUNK, _DEVICE_CHUNK = 2**18, 2**25
# The steepness of the sigmoid, which the share of places above a threshold takes.
_STEEPNESS = 10.0


# Explainers know layers by the names of their classes.
class Conv1d(nn.Conv1d):
    """Torch's, with kernels that are drawn for good."""

    def __init__(self, n_in, n_out, kernel_size, **options):
        super().__init__(n_in, n_out, kernel_size, **options)
        for parameter in self.parameters():
            parameter.requires_grad_(False)

    def draw(self, generator):
        """Fill in normal weights of mean zero and uniform thresholds.

        Parameters
        ----------
        generator : torch.Generator
        """
        n_out, n_in, _ = self.weight.shape
        options = {"generator": generator, "dtype": torch.float64}
        weight = torch.randn(self.weight.shape, **options)
        weight -= weight.mean(2, keepdim=True)
        # Each kernel reads some of the channels: as often few as many.
        n_read = (n_in + 1) ** torch.rand(n_out, 1, **options)
        rank = torch.rand(n_out, n_in, **options).argsort(1).argsort(1)
        weight *= (rank < n_read.floor())[:, :, None]
        threshold = 2 * torch.rand(n_out, **options) - 1
        self.weight.copy_(_STEEPNESS * weight)
        self.bias.copy_(_STEEPNESS * threshold)


class RandomKernels(nn.Module):
    """Convolutions by fixed random kernels of all dilations (Dempster et al., 2020).

    Each map is near one where its kernel fits the series, and near zero elsewhere, so
    its mean is the share of places with a fit.

    Parameters
    ----------
    n_in, n_out : int
        Channels of the input; kernels.

    kernel_size : int

    length : int
        Steps of the input.

    stride : int
        Steps from one place to the next.

    Attributes
    ----------
    n_at_once : int
        How many maps are computed at once.
    """

    def __init__(self, n_in, n_out, kernel_size, length, stride):
        super().__init__()
        longest = max(1, (length - 1) // max(1, kernel_size - 1))
        dilations = [2**i for i in range(1 + int(math.log2(longest)))][:n_out]
        share, more = divmod(n_out, len(dilations))
        self.n_at_once = share + (more > 0)
        self.branches = nn.ModuleList(
            Conv1d(
                n_in,
                share + (i < more),
                kernel_size,
                stride=stride,
                dilation=dilation,
                padding=dilation * (kernel_size // 2),
            )
            for i, dilation in enumerate(dilations)
        )
        self.activations = nn.ModuleList(nn.Sigmoid() for _ in dilations)

    def forward(self, x):
        pairs = zip(self.branches, self.activations, strict=True)
        return torch.cat([activation(branch(x)) for branch, activation in pairs], 1)


class FixedLayers:
    """All that training leaves as it is in a net of random kernels.

    Parameters
    ----------
    net : Net
        With a ``standardizer``, ``maps`` and a ``pool``.

    n_pooled : int
        Values that a sample becomes.

    Attributes
    ----------
    widening : float
        How many values become of one of the input; at least one, for that is read.
    """

    def __init__(self, net, n_pooled):
        self.net = net
        self.widening = max(1.0, n_pooled / math.prod(net.config["input_shape"]))

    def __call__(self, x):
        """Turn raw input into vectors, Tensor of shape (n_samples, n_pooled)."""
        net, most = self.net, _CHUNK if x.device.type == "cpu" else _DEVICE_CHUNK
        parts = net.standardizer(x).split(max(1, most // net.row_size))
        return torch.cat([net.pool(net.maps(z, ~torch.isnan(z))) for z in parts])
