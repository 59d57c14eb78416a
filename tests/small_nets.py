"""Small nets that are quick to fit, on data that scikit-learn ships."""

from inspect import getdoc

import pytest
from benchmarks.plain import PLAIN
from sklearn.base import clone
from sklearn.cluster import DBSCAN, KMeans, SpectralClustering
from sklearn.datasets import load_digits, load_wine
from sklearn.linear_model import Lasso, LogisticRegression, Ridge

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier

SCHEDULE = {
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.02,
    "max_iter": 4,
    "batch_size": 32,
    "random_state": 0,
}
# MLPClassifier with its defaults.
AS_MLP_CLASSIFIER = {"hidden_layer_sizes": (100,), "max_iter": 200, **PLAIN}
X, Y = load_wine(return_X_y=True)
DIGITS, DIGIT = load_digits(n_class=3, return_X_y=True)
# What scikit-learn's documentation says, twelve words at a time, and of what.
DOCUMENTED = {
    "cluster": (KMeans, DBSCAN, SpectralClustering),
    "line": (LogisticRegression, Lasso, Ridge),
}
SENTENCES, SUBJECT = zip(
    *(
        (" ".join(words[i : i + 12]), subject)
        for subject, classes in DOCUMENTED.items()
        for words in (getdoc(cls).split() for cls in classes)
        for i in range(0, len(words) - 11, 12)
    ),
    strict=True,
)
# Few words, of which two tell the mood.
TEXTS, MOOD = zip(
    *[
        (f"a {a} {b} film", "+" if b == "good" else "-")
        for a in ("very", "rather", "so")
        for b in ("good", "bad")
        for _ in range(10)
    ],
    strict=True,
)
NETS = {
    "mlp": DeepMLPClassifier((8,), **SCHEDULE),
    "cnn": DeepCNNClassifier(input_shape=(1, 8, 8), n_filters=(4,), **SCHEDULE),
    "rnn": DeepRNNClassifier(
        architecture="recurrent", input_shape=(8, 8), hidden_size=8, **SCHEDULE
    ),
}
EACH_NET = pytest.mark.parametrize("kind", NETS)


def mlp(**parameters):
    return clone(NETS["mlp"]).set_params(**parameters)


def data(kind):
    return (X, Y) if kind == "mlp" else (DIGITS, DIGIT)


def fitted(kind, **parameters):
    return clone(NETS[kind]).set_params(**parameters).fit(*data(kind))
