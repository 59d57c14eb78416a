"""Small, quick nets on real data; short one-cycle schedules never warn."""

import secrets
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import train_test_split

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier

SCHEDULE = {
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.03,
    "max_iter": 8,
    "batch_size": 32,
    "random_state": 0,
}
ESTIMATORS = {
    "mlp": DeepMLPClassifier((8,), **SCHEDULE),
    "cnn": DeepCNNClassifier(input_shape=(1, 8, 8), n_filters=(4,), **SCHEDULE),
    "rnn": DeepRNNClassifier(
        architecture="recurrent", input_shape=(8, 8), hidden_size=8, **SCHEDULE
    ),
}


class Net(NamedTuple):
    """An unfitted estimator and data that suit it.

    Attributes
    ----------
    estimator : estimator

    X, y : ndarray
        Flat training data.

    X_test, y_test : ndarray
        Data to judge it on.
    """

    estimator: Any
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray

    def make(self, **parameters):
        """Build the estimator with other parameters."""
        return clone(self.estimator).set_params(**parameters)


@cache
def _data(tabular, binary):
    if tabular:
        load = load_breast_cancer if binary else load_wine
        X, y = load(return_X_y=True)
    else:
        X, y = load_digits(n_class=10 if binary else 4, return_X_y=True)
    if binary and not tabular:
        X, y = X[(y == 3) | (y == 8)], y[(y == 3) | (y == 8)]
    n_test = 60 if tabular and not binary else 100
    n_train = min(200, len(X) - n_test)
    X, X_test, y, y_test = train_test_split(
        X, y, train_size=n_train, test_size=n_test, stratify=y, random_state=0
    )
    for array in (X, X_test, y, y_test):
        # Tests share them; whoever writes into them must hear of it.
        array.flags.writeable = False
    return X, y, X_test, y_test


def _net(kind, binary=False):
    return Net(ESTIMATORS[kind], *_data(kind == "mlp", binary))


@pytest.fixture(params=list(ESTIMATORS))
def net(request):
    """Each net in turn, with three or four classes."""
    return _net(request.param)


@pytest.fixture(params=list(ESTIMATORS))
def binary_net(request):
    """Each net in turn, with two classes."""
    return _net(request.param, binary=True)


@pytest.fixture
def mlp():
    """Only the net for tables, with three classes."""
    return _net("mlp")


@pytest.fixture
def cnn():
    """Only the net for images, with four classes."""
    return _net("cnn")


@pytest.fixture
def rnn():
    """Only the net for sequences, with four classes."""
    return _net("rnn")


@pytest.fixture(scope="session")
def ray_token():
    """Ray reads its token once in a process, whatever becomes of the variable."""
    return secrets.token_hex()
