"""Deep neural networks that are scikit-learn estimators."""

from skdeep._cnn import DeepCNNClassifier
from skdeep._mlp import DeepMLPClassifier
from skdeep._rnn import DeepRNNClassifier
from skdeep._version import __version__

__all__ = [
    "DeepCNNClassifier",
    "DeepMLPClassifier",
    "DeepRNNClassifier",
    "__version__",
]
