"""Plain torch modules behind the estimators; this package imports torch only."""

import torch

from skdeep.modules.cnn import CNN
from skdeep.modules.ensemble import Ensemble
from skdeep.modules.initialization import initialize
from skdeep.modules.layers import (
    ACTIVATIONS,
    Dropout,
    Net,
    use_generator,
)
from skdeep.modules.mlp import MLP
from skdeep.modules.normalization import WeightedBatchNorm
from skdeep.modules.rnn import RNN
from skdeep.modules.robust import RobustStandardizer
from skdeep.modules.sample import SampleStandardizer
from skdeep.modules.shared_mlp import SharedMLP
from skdeep.modules.standardizer import InputStandardizer, Standardizer
from skdeep.modules.table import TableInput


def build(name, config):
    """Build a net on the meta device, which allocates and draws nothing."""
    with torch.device("meta"):
        return REGISTRY[name](**config)


def allocate(module, dtype):
    """Give a net from the meta device memory, which holds anything at first.

    ``to_empty`` would do the same and import the symbolic shapes of torch's compiler.
    """
    memory = {
        name: torch.empty(t.shape, dtype=dtype if t.is_floating_point() else t.dtype)
        for name, t in module.state_dict().items()
    }
    module.load_state_dict(memory, assign=True)
    return lay_out(module)


def lay_out(module):
    """Hold the weights of convolutions over images with the channels last in memory.

    On a CPU they so train 1.3 to 1.7 times as fast, and predict twice as fast.
    """
    return module.to(memory_format=torch.channels_last)


# The closed set of classes that a saved state may name.
REGISTRY = {"MLP": MLP, "SharedMLP": SharedMLP, "CNN": CNN, "RNN": RNN}

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "MLP",
    "REGISTRY",
    "RNN",
    "Dropout",
    "Ensemble",
    "InputStandardizer",
    "Net",
    "RobustStandardizer",
    "SampleStandardizer",
    "SharedMLP",
    "Standardizer",
    "TableInput",
    "WeightedBatchNorm",
    "allocate",
    "build",
    "initialize",
    "lay_out",
    "use_generator",
]
