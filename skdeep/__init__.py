"""Deep neural networks that are scikit-learn estimators."""

from typing import TYPE_CHECKING

from skdeep._lazy import attach
from skdeep._version import __version__

if TYPE_CHECKING:
    from skdeep._cnn import DeepCNNClassifier
    from skdeep._mlp import DeepMLPClassifier
    from skdeep._rnn import DeepRNNClassifier

_HOMES = {
    "DeepCNNClassifier": "skdeep._cnn",
    "DeepMLPClassifier": "skdeep._mlp",
    "DeepRNNClassifier": "skdeep._rnn",
}

__all__ = [
    "DeepCNNClassifier",
    "DeepMLPClassifier",
    "DeepRNNClassifier",
    "__version__",
]


# Estimators come with torch, which a server of exported models does without.
__getattr__ = attach(__name__, _HOMES)


def __dir__():
    return sorted(set(globals()) | set(__all__))
