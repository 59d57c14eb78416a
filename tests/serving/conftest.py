"""Models that the tests serve: fitted once, saved as users save them."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from serving.talking import Client
from sklearn.datasets import load_breast_cancer, load_digits, load_wine

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier
from skdeep.persistence import save
from skdeep.serving import ServedModel, create_app

QUICK = {"max_iter": 2, "random_state": 0}


class Saved(NamedTuple):
    """A fitted net, its file, and rows as it takes them."""

    net: Any
    path: Path
    X: Any

    def served(self, **options):
        return ServedModel.from_archive(self.path, **options)

    def app(self, **settings):
        return create_app(self.served(), **settings)


def saved(folder, name, net, X, y):
    path = folder / f"{name}.skdeep"
    net.fit(X, y)
    save(net, path, X, onnx=True)
    return Saved(net, path, X)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def cancer(folder):
    """Thirty named columns of numbers, labels that are text."""
    data = load_breast_cancer(as_frame=True)
    net = DeepMLPClassifier((20,), **QUICK)
    y = data.target_names[data.target]
    return saved(folder, "cancer", net, data.data, y)


@pytest.fixture(scope="session")
def digits(folder):
    """Images of one channel, columns without names, labels that are integers."""
    X, y = load_digits(return_X_y=True)
    net = DeepCNNClassifier(input_shape=(1, 8, 8), n_filters=(4, 4), **QUICK)
    return saved(folder, "digits", net, X[:500].astype(np.float32), y[:500])


@pytest.fixture(scope="session")
def wine(folder):
    """Text, numbers and a category that is a number; anything may be missing."""
    data = load_wine(as_frame=True)
    X = data.data[["alcohol", "ash"]].copy()
    X["hue"] = np.array(["pale", "medium", "deep"])[
        np.digitize(data.data["hue"], [0.8, 1.0])
    ]
    X["year"] = 2000 + (data.data["proline"] > 700).astype(int)
    X.loc[::10, "ash"] = np.nan
    net = DeepMLPClassifier((20,), categorical_features=["hue", "year"], **QUICK)
    return saved(folder, "wine", net, X, data.target)


@pytest.fixture(scope="session")
def tokens(folder):
    X = np.random.default_rng(0).integers(1, 20, (60, 6))
    net = DeepRNNClassifier(input_type="tokens", hidden_size=8, **QUICK)
    return saved(folder, "tokens", net, X, X[:, 0] > 10)


@pytest.fixture(scope="session")
def several(folder):
    """Two labels at once."""
    data = load_wine()
    y = np.column_stack([data.target > 0, data.data[:, 0] > 13]).astype(int)
    net = DeepMLPClassifier((20,), **QUICK)
    return saved(folder, "several", net, data.data, y)


@pytest.fixture
def client():
    """Function that makes a client of an app."""
    clients = []

    def make(app):
        clients.append(Client(app))
        return clients[-1]

    yield make
    for each in clients:
        each.close()


def records(frame):
    """Rows as JSON has them, with None for what is missing."""
    rows = frame.to_dict("records")
    return [{k: None if pd.isna(v) else v for k, v in row.items()} for row in rows]
