"""What "auto" stands for in the recurrent classifier."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skdeep import DeepRNNClassifier

X, Y = load_digits(n_class=2, return_X_y=True)


def config(X=X, **parameters):
    clf = DeepRNNClassifier(**{"max_iter": 1, **parameters})
    return clf.fit(X, Y[: len(X)]).module_.config


def test_architecture():
    assert config()["architecture"] == "lstm_fcn"
    assert config(architecture="recurrent")["architecture"] == "recurrent"
    assert config(input_type="tokens", X=X + 1)["architecture"] == "recurrent"


@pytest.mark.parametrize(
    ("timesteps", "patch_size"), [(64, 1), (100, 1), (101, 2), (201, 3), (1000, 10)]
)
def test_long_series_are_read_in_patches(timesteps, patch_size):
    long = np.resize(X[:20], (20, timesteps))
    few = {"architecture": "recurrent", "hidden_size": 2}
    assert config(long, **few)["patch_size"] == patch_size
    assert config(long, patch_size=7, **few)["patch_size"] == 7
    tokens = {"input_type": "tokens", **few}
    assert config(long + 1, **tokens)["patch_size"] == 1


def test_reading_of_tokens_and_of_series():
    series, tokens = config(), config(input_type="tokens", X=X + 1)
    assert (series["bidirectional"], series["pooling"]) == (False, "last")
    assert (tokens["bidirectional"], tokens["pooling"]) == (True, "max")
    chosen = config(bidirectional=True, pooling="mean")
    assert (chosen["bidirectional"], chosen["pooling"]) == (True, "mean")


def test_normalization():
    assert config()["normalization"] == "batch"
    assert config(X[:20], batch_size=1)["normalization"] == "layer"
    assert config(normalization=None)["normalization"] is None


@pytest.mark.parametrize(
    ("n_steps", "n_epochs"), [(1, 300), (2, 300), (6, 100), (85, 8), (10_000, 8)]
)
def test_epochs_make_up_for_few_batches(n_steps, n_epochs):
    assert DeepRNNClassifier(max_iter="auto")._n_epochs(n_steps) == n_epochs
    assert DeepRNNClassifier(max_iter=7)._n_epochs(n_steps) == 7


@pytest.mark.parametrize(
    ("n_samples", "size"),
    [(10, 10), (64, 64), (65, 33), (100, 34), (400, 40), (5000, 65)],
)
def test_batches(n_samples, size):
    assert DeepRNNClassifier()._auto_batch_size(n_samples) == size
