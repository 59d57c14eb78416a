"""Scaling by the statistics of the training data."""

import torch
from torch import nn

# Infinity stays what it is.
_NAN_ONLY = {"nan": 0.0, "posinf": float("inf"), "neginf": -float("inf")}


class Standardizer(nn.Module):
    """First layer that knows the `center` and the `deviation` of its input.

    Attributes
    ----------
    widening : int
        Output channels for each one of the input.
    """

    widening = 1

    def collect(self, values):
        """Sum what belongs to one channel of the input."""
        return values

    def spread(self, values):
        """Give all that belongs to one channel of the input the same."""
        return values


class InputStandardizer(Standardizer):
    """Subtract the mean and divide by the standard deviation of each channel.

    The statistics are buffers, so they travel with the weights. They are updated in
    chunks by the weighted algorithm of Chan, Golub and LeVeque (1979); missing values
    do not count.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one sample.

    channel_axis : int
        Axis of one sample that holds the channels; statistics are pooled over the
        other axes.

    fill_missing : bool
        Whether what is missing, NaN, becomes the mean.
    """

    def __init__(self, input_shape, channel_axis, fill_missing=False):
        super().__init__()
        self.fill_missing = fill_missing
        channel_axis %= len(input_shape)
        shape = [1] * len(input_shape)
        shape[channel_axis] = input_shape[channel_axis]
        self.pooled_dims = tuple(i + 1 for i, size in enumerate(shape) if size == 1)
        self.register_buffer("weight_sum", torch.zeros(shape))
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("variance", torch.ones(shape))
        self.register_buffer("inverse_scale", torch.ones(shape))
        # shap hooks layers without children and warns of those that it doesn't know,
        # though a linear map needs no rule. It knows the identity.
        self.result = nn.Identity()

    def reset_parameters(self):
        """Return to the identity map, with nothing seen."""
        self.weight_sum.zero_()
        self.mean.zero_()
        self.variance.fill_(1.0)
        self.inverse_scale.fill_(1.0)

    @property
    def center(self):
        """What becomes zero."""
        return self.mean

    @property
    def deviation(self):
        """Standard deviation of the input."""
        return 1.0 / self.inverse_scale

    def forward(self, x):
        x = x - self.mean
        x *= self.inverse_scale
        if self.fill_missing:
            x.nan_to_num_(**_NAN_ONLY)
        return self.result(x)

    @torch.no_grad()
    def update(self, x, weight):
        """Take in a chunk.

        Parameters
        ----------
        x : Tensor of shape (n_samples, *input_shape)
            Input; NaN marks what is missing.

        weight : Tensor of shape (n_samples,)
            Non-negative sample weights.
        """
        given, weight = x, weight.double()
        x = given.double()
        # Looking for NaN in the sum takes a pass less.
        missing = torch.isnan(x) if torch.isnan(x.sum()) else None

        def weighted_sum(values):
            if missing is not None:
                values = torch.where(missing, 0.0, values)
            if self.pooled_dims:
                values = values.sum(self.pooled_dims, keepdim=True)
            return (weight @ values.flatten(1)).view(self.mean.shape)

        if missing is None:
            n_pooled = x[0].numel() // max(self.mean.numel(), 1)
            new_sum = weight.sum() * n_pooled
        else:
            new_sum = weighted_sum((~missing).double())
        new_mean = weighted_sum(x) / new_sum.clamp_min(1e-300)
        # What was given stays as it is.
        x = x - new_mean if x is given else x.sub_(new_mean)
        new_square = weighted_sum(x.square_())

        old_sum = self.weight_sum.double()
        total = (old_sum + new_sum).clamp_min(1e-300)
        shift = new_mean - self.mean.double()
        square = self.variance.double() * old_sum + new_square
        square = square + shift**2 * old_sum * new_sum / total
        variance = square / total
        self.mean.add_((shift * new_sum / total).to(self.mean.dtype))
        self.variance.copy_(variance)
        self.weight_sum.copy_(total)
        # A constant channel keeps its scale: rounding noise is not a signal.
        noise = torch.finfo(self.mean.dtype).eps * (self.mean.double().abs() + 1e-300)
        constant = variance.sqrt() <= 10 * noise
        self.inverse_scale.copy_(torch.where(constant, 1.0, variance.rsqrt()))


class MissingToZero(nn.Module):
    """Replace NaN by 0."""

    def __init__(self):
        super().__init__()
        # As in InputStandardizer.
        self.result = nn.Identity()

    def forward(self, x):
        return self.result(x.nan_to_num(**_NAN_ONLY))
