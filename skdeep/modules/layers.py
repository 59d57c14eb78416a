"""Layers shared by the nets.

Every non-linearity is a module of its own, used once and never in place, because
shap and captum attribute through hooks on modules.
"""

from itertools import pairwise

import torch
from torch import nn

from skdeep.modules.normalization import norm_layer
from skdeep.modules.standardizer import Standardizer

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


class Linear(nn.Linear):
    """Torch's, which on the meta device takes its time to draw nothing.

    Attributes
    ----------
    blank : bool
        Whether its initial weights are zero.
    """

    blank = False

    def reset_parameters(self):
        """Draw weights, if there is memory for them."""
        if not self.weight.is_meta:
            super().reset_parameters()


class Net(nn.Module):
    """A standardized input, then a body that returns logits.

    Parameters
    ----------
    config : dict
        Keyword arguments that rebuild the net: ``type(net)(**net.config)``.

    standardizer : nn.Module
        Maps raw input to standardized input.

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
        return self.body(self.standardizer(x.to(self.dtype)))

    @property
    def preparation(self):
        """What training leaves as it is, so that rows need to pass it only once."""
        return self.standardizer

    @property
    def entry(self):
        """Layers that ``enter`` goes through."""
        return (self.standardizer,)

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
        first = self.standardizer
        return first.collect(values) if isinstance(first, Standardizer) else values

    def spread(self, values):
        """Give each part of `encoded` what its value of the input has."""
        first = self.standardizer
        return first.spread(values) if isinstance(first, Standardizer) else values

    @property
    def device(self):
        """Where the net is."""
        return self.output.weight.device

    @property
    def dtype(self):
        """Float type of the parameters."""
        return self.output.weight.dtype


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
        layers.append(Linear(n_in, n_out))
        if normalization is not None:
            layers.append(norm_layer(normalization, n_out))
        layers.append(ACTIVATIONS[activation]())
        if dropout:
            layers.append(Dropout(dropout, shared_dropout))
    # A Sequential without children would be a layer that explainers don't know.
    return layers or [nn.Identity()]
