"""Normalization layers."""

import torch
from torch import nn
from torch.nn import functional as F


class WeightedBatchNorm:
    """Mixin for torch's batch normalization: rows count by their weight.

    So weights act as repetitions do, and rows that only pad a batch not at all.

    Attributes
    ----------
    row_weight : Tensor of shape (n_samples,) or (n_samples, *size), or None
        Weights of the rows of the next batch, or of each place in its maps.
    """

    row_weight = None

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        n_values = x.numel() // x.shape[1]
        if self.row_weight is not None or n_values == 1:
            return self._weighted(x)
        mean, variance = map(torch.zeros_like, (self.running_mean, self.running_var))
        y = F.batch_norm(x, mean, variance, self.weight, self.bias, True, 1.0, self.eps)
        # torch divides by one value less than there are, but weights are no counts.
        self._remember(mean, variance * ((n_values - 1) / n_values))
        return y

    def _weighted(self, x):
        dims = (0, *range(2, x.ndim))
        w = x.new_ones(len(x)) if self.row_weight is None else self.row_weight
        w = w.reshape(len(x), *[1] * (x.ndim - 1)) if w.ndim == 1 else w[:, None]
        w = w / w.expand(len(x), 1, *x.shape[2:]).sum()
        mean = (w * x).sum(dims, keepdim=True)
        x = x - mean
        variance = (w * x.square()).sum(dims, keepdim=True)
        self._remember(mean.detach().flatten(), variance.detach().flatten())
        scale = (variance + self.eps).rsqrt() * self.weight.view(mean.shape)
        return x * scale + self.bias.view(mean.shape)

    def _remember(self, mean, variance):
        # A plain mean at first, in which the initial values have no part.
        self.num_batches_tracked.add_(1)
        share = self.num_batches_tracked.to(mean.dtype).reciprocal()
        share = share.clamp_min(self.momentum)
        for running, now in ((self.running_mean, mean), (self.running_var, variance)):
            running.add_((share * (now - running)).to(running.dtype))


# Explainers know layers by the names of their classes.
class BatchNorm1d(WeightedBatchNorm, nn.BatchNorm1d):
    """Of vectors and series."""


class BatchNorm2d(WeightedBatchNorm, nn.BatchNorm2d):
    """Of images."""


def norm_layer(kind, n_features, n_spatial=0):
    """Build the normalization layer `kind` for inputs with `n_spatial` spatial axes.

    Layer normalization of a feature map is group normalization with one group (Wu and
    He, 2018), which does not depend on the size of the map.
    """
    if kind is None:
        return nn.Identity()
    if kind == "batch":
        return (BatchNorm1d, BatchNorm1d, BatchNorm2d)[n_spatial](n_features)
    return nn.GroupNorm(1, n_features) if n_spatial else nn.LayerNorm(n_features)
