"""Initial weights, drawn from one generator."""

import math

import torch
from torch import nn

from skdeep.modules.periodic import PeriodicEmbedding
from skdeep.modules.random_kernels import Conv1d
from skdeep.modules.shared_mlp import MemberLinear, MemberScales
from skdeep.modules.table import CategoryEmbedding
from skdeep.modules.tokens import UNKNOWN, TokenEmbedding

_RECURRENT = (nn.RNNBase,)


@torch.no_grad()
def initialize(module, generator, activation):
    """Fill `module` in place.

    Dense layers follow Glorot and Bengio (2010) as scikit-learn's MLPClassifier does,
    biases included; convolutions follow He et al. (2015), those that stay as they are
    Dempster et al. (2020); recurrent cells are uniform within one over the square root
    of the hidden size; vectors of categories have a mean square length of one, those of
    tokens are short. Numbers are drawn in float64 whatever the dtype, so that float32
    and float64 nets start alike.

    Parameters
    ----------
    module : nn.Module
        Its parameters and buffers may hold anything.

    generator : torch.Generator
        Source of randomness, on the CPU.

    activation : str
        Name of the activation that follows the dense layers.
    """
    for layer in module.modules():
        if getattr(layer, "blank", False):
            for parameter in layer.parameters():
                parameter.zero_()
        elif isinstance(layer, (nn.Linear, MemberLinear)):
            factor = 2.0 if activation == "logistic" else 6.0
            bound = math.sqrt(factor / (layer.in_features + layer.out_features))
            _uniform(layer.parameters(recurse=False), bound, generator)
        elif isinstance(layer, Conv1d):
            layer.draw(generator)
        elif isinstance(layer, (nn.Conv1d, nn.Conv2d)):
            fan_in = layer.weight[0].numel()
            _uniform([layer.weight], math.sqrt(6.0 / fan_in), generator)
            if layer.bias is not None:
                layer.bias.zero_()
        elif isinstance(layer, _RECURRENT):
            bound = 1.0 / math.sqrt(layer.hidden_size)
            _uniform(layer.parameters(recurse=False), bound, generator)
        elif isinstance(layer, CategoryEmbedding):
            # Vectors of about the length that a category has as one of many columns.
            bound = math.sqrt(3.0 / layer.embedding_dim)
            _uniform([layer.weight], bound, generator)
            layer.reset_missing()
        elif isinstance(layer, PeriodicEmbedding):
            layer.initialize(generator)
        elif isinstance(layer, MemberScales):
            layer.draw_signs(generator)
        elif isinstance(layer, TokenEmbedding):
            # The vector of a rare word hardly moves: it should say little.
            _uniform([layer.weight], 0.17, generator)
            layer.weight[: UNKNOWN + 1] = 0.0
        elif hasattr(layer, "reset_parameters"):
            layer.reset_parameters()


def _uniform(parameters, bound, generator):
    for parameter in parameters:
        values = torch.rand(
            parameter.shape, generator=generator, dtype=torch.float64, device="cpu"
        )
        parameter.copy_(values.mul_(2.0 * bound).sub_(bound))
