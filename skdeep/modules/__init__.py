"""Plain torch modules behind the estimators; this package imports torch only."""

import torch

from skdeep.modules.cnn import CNN
from skdeep.modules.initialization import initialize
from skdeep.modules.layers import (
    ACTIVATIONS,
    Dropout,
    InputStandardizer,
    Net,
    use_generator,
)
from skdeep.modules.mlp import MLP
from skdeep.modules.rnn import RNN


def build(name, config):
    """Build a net on the meta device, which allocates and draws nothing."""
    with torch.device("meta"):
        return REGISTRY[name](**config)


# The closed set of classes that a saved state may name.
REGISTRY = {"MLP": MLP, "CNN": CNN, "RNN": RNN}

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "MLP",
    "REGISTRY",
    "RNN",
    "Dropout",
    "InputStandardizer",
    "Net",
    "build",
    "initialize",
    "use_generator",
]
