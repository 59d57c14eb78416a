"""Layers shared by the nets.

Every non-linearity is a module of its own, used once and never in place, because
shap and captum attribute through hooks on modules.
"""

from itertools import pairwise

import torch
from torch import nn

from skdeep.modules.normalization import norm_layer
from skdeep.modules.robust import RobustStandardizer

ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


# Infinity stays what it is.
_NAN_ONLY = {"nan": 0.0, "posinf": float("inf"), "neginf": -float("inf")}


class Net(nn.Module):
    """A standardized input, then a body that returns logits.

    Parameters
    ----------
    config : dict
        Keyword arguments that rebuild the net: ``type(net)(**net.config)``.

    standardizer : nn.Module
        Maps raw input to standardized input of the same shape.

    Attributes
    ----------
    row_size : int
        Values in the widest layer's output for one sample.

    n_operations : int
        Multiplications of one sample's forward pass, roughly.

    output : nn.Linear
        The last layer.
    """

    row_size: int
    n_operations: int
    output: nn.Linear

    def __init__(self, config, standardizer):
        super().__init__()
        self.config = config
        self.standardizer = standardizer

    def forward(self, x):
        """Logits, (n_samples, n_outputs), of raw input, (n_samples, *input_shape)."""
        return self.body(self.standardizer(x))

    def enter(self, x):
        """What the layers with weights see of raw input.

        ``read`` goes on from there, so that gradients can start there: at numbers,
        even where the input is a token or a category, and without gaps.

        Returns
        -------
        encoded : Tensor of shape (n_samples, ...)

        present : Tensor of bool or None
            False where `encoded` is padding.
        """
        return self.standardizer(x), None

    def read(self, encoded, present=None):
        """Logits of what ``enter`` returned."""
        raise NotImplementedError

    def collect(self, values):
        """Sum values of the shape of `encoded` for each value of the input."""
        return values

    def spread(self, values):
        """Give each part of `encoded` what its value of the input has."""
        return values

    @property
    def device(self):
        """Where the net is."""
        return self.output.weight.device

    @property
    def dtype(self):
        """Float type of the parameters."""
        return self.output.weight.dtype


class InputStandardizer(nn.Module):
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
        x, weight = x.double(), weight.double()
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
        new_square = weighted_sum((x - new_mean).square_())

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


class Dropout(nn.Module):
    """Inverted dropout that draws from a generator of its own.

    ``torch.nn.Dropout`` draws from the global generator, which two fits in two threads
    would share.

    Parameters
    ----------
    p : float
        Probability of an element to be zeroed while training.

    shared : bool
        Whether all samples of a batch get the same mask.

    Attributes
    ----------
    generator : torch.Generator or None
        Where masks are drawn from.

    given_mask : Tensor or None
        Used instead of drawing one.
    """

    def __init__(self, p, shared=False):
        super().__init__()
        self.p, self.shared = p, shared
        self.generator = None
        self.given_mask = None

    def forward(self, x):
        if self.given_mask is not None:
            return x * self.given_mask
        if not self.training or self.p == 0.0:
            return x
        return x * self.mask(x)

    def mask(self, x):
        """Draw a mask of 0 and 1 / (1 - p) for `x`; of one row, if it is shared."""
        keep = torch.empty_like(x[..., :1, :] if self.shared else x)
        keep.bernoulli_(1.0 - self.p, generator=self.generator)
        return keep.div_(1.0 - self.p)

    def __getstate__(self):
        # A generator can't be pickled, and a trained net has no use for it.
        return {**self.__dict__, "generator": None}


def use_generator(module, generator):
    """Let every dropout layer of `module` draw from `generator`."""
    for layer in module.modules():
        if isinstance(layer, Dropout):
            layer.generator = generator


def n_weights(module):
    """Number of parameters."""
    return sum(p.numel() for p in module.parameters())


def dense_layers(sizes, activation, normalization, dropout, shared_dropout=False):
    """Linear, normalization, activation and dropout for each pair of `sizes`."""
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers.append(nn.Linear(n_in, n_out))
        if normalization is not None:
            layers.append(norm_layer(normalization, n_out))
        layers.append(ACTIVATIONS[activation]())
        if dropout:
            layers.append(Dropout(dropout, shared_dropout))
    # A Sequential without children would be a layer that explainers don't know.
    return layers or [nn.Identity()]


def standardizer(standardize, input_shape, channel_axis, fill_missing=False):
    """Build the first layer of a net: statistics per channel, or nothing."""
    if standardize == "robust":
        return RobustStandardizer(*input_shape)
    if standardize:
        return InputStandardizer(input_shape, channel_axis, fill_missing)
    return MissingToZero() if fill_missing else nn.Identity()
