"""Convolutions that stay as they are drawn, for series."""

import math

import torch
from torch import nn

# Name of the architecture.
RANDOM = "rocket"
# Values of the maps that are computed at once, which should stay in the cache. An
# accelerator needs many to be busy.
_CHUNK, _DEVICE_CHUNK = 2**18, 2**25
# How steeply maps rise from zero to one, where a kernel begins to fit.
_STEEPNESS = 10.0
# Kernels compete for a place in groups, as in a tournament of that many rounds.
_ROUNDS = 3
_GROUP = 2**_ROUNDS


# Explainers know layers by the names of their classes.
class Conv1d(nn.Conv1d):
    """Torch's, with kernels that are drawn for good.

    Every second group of kernels reads differences of neighbouring steps.
    """

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
        of_differences = torch.arange(n_out) // _GROUP % 2 == 1
        weight[of_differences, :, -1] = 0.0
        weight[of_differences] -= weight[of_differences].roll(1, 2)
        # Each kernel reads some of the channels: as often few as many.
        n_read = (n_in + 1) ** torch.rand(n_out, 1, **options)
        rank = torch.rand(n_out, n_in, **options).argsort(1).argsort(1)
        weight *= (rank < n_read.floor())[:, :, None]
        self.weight.copy_(_STEEPNESS * weight)
        if self.bias is not None:
            threshold = 2 * torch.rand(n_out, **options) - 1
            self.bias.copy_(_STEEPNESS * threshold)


class Competition(nn.Module):
    """One for the kernel of a group that fits best, zero for clearly worse ones.

    Parameters
    ----------
    n_in : int
        Channels, a multiple of the size of a group.
    """

    def __init__(self, n_in):
        super().__init__()
        self.size = n_in // _GROUP, _GROUP
        # The larger of two is one and what the other is above it. Explainers have a
        # rule for that, and torch's max pooling takes three times as long.
        self.rounds = nn.ModuleList(nn.ReLU() for _ in range(_ROUNDS))
        self.activation = nn.ReLU()

    def forward(self, x):
        """Maps of the shape of `x`, (n_samples, n_in, length)."""
        best = groups = x.unflatten(1, self.size)
        for relu in self.rounds:
            one, other = best.chunk(2, dim=2)
            best = one + relu(other - one)
        return self.activation(groups - best + 1.0).flatten(1, 2)


def _dilations(length, kernel_size):
    """From neighbouring steps to the whole series, each about twice the one before."""
    longest = max(1, (length - 1) // max(1, kernel_size - 1))
    n = math.ceil(math.log2(longest))
    return [round(longest ** (i / n)) for i in range(n)] + [longest]


class RandomKernels(nn.Module):
    """Convolutions by fixed random kernels of all dilations.

    Each map is near one where its kernel fits the series, and near zero elsewhere, so
    its mean is the share of places with a fit. That is where a product is above a
    threshold (Dempster et al., 2020), or, for up to half of the kernels of each
    dilation, above those of the rest of a group (Dempster et al., 2023).

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
        dilations = _dilations(length, kernel_size)[:n_out]
        share, more = divmod(n_out, len(dilations))
        self.branches = nn.ModuleList()
        for i, dilation in enumerate(dilations):
            n_kernels = share + (i < more)
            n_competing = n_kernels // 2 // _GROUP * _GROUP
            options = {
                "stride": stride,
                "dilation": dilation,
                "padding": dilation * (kernel_size // 2),
            }
            alone = Conv1d(n_in, n_kernels - n_competing, kernel_size, **options)
            self.branches.append(nn.Sequential(alone, nn.Sigmoid()))
            if n_competing:
                rivals = Conv1d(n_in, n_competing, kernel_size, bias=False, **options)
                self.branches.append(nn.Sequential(rivals, Competition(n_competing)))
        self.n_at_once = max(branch[0].out_channels for branch in self.branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


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
