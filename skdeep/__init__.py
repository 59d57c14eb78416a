"""Deep neural networks that are scikit-learn estimators."""

import importlib
from typing import TYPE_CHECKING

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
def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(set(globals()) | set(__all__))
