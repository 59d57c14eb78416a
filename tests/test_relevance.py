"""Columns that matter, and what comes of knowing them."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_less
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skdeep import DeepMLPClassifier, _effort
from skdeep._batches import Fold, Rows
from skdeep._effort import Findings
from skdeep._relevance import column_speeds, relevance

NET = DeepMLPClassifier((64,), random_state=0, max_iter=20)
X, Y = load_breast_cancer(return_X_y=True)


def relevance_of(nets, X, weight=None, multilabel=False):
    """Relevance of the columns of X, as the trained nets have them."""
    X = nets[0].encode(X)
    rows = Rows(X, Fold(X.shape[1:]), torch.float64, torch.device("cpu"))
    modules = [net.to_module().double() for net in nets]
    return relevance(
        modules, rows, weight, multilabel, np.random.RandomState(0)
    ).numpy()


def with_noise(X, n_noisy):
    """More columns, which are those of X in an order of their own each."""
    rng = np.random.default_rng(0)
    chosen = rng.integers(X.shape[1], size=n_noisy)
    return np.column_stack([X, rng.permuted(X[:, chosen], axis=0)])


def test_slopes_of_a_linear_net_are_its_weights():
    net = clone(NET).set_params(
        hidden_layer_sizes=(), numerical_embedding=None, dropout=0.0
    )
    net.fit(X, Y)
    (weights,) = net.coefs_
    expected = (weights[:, 1] - weights[:, 0]) ** 2
    found = relevance_of([net], X)
    assert_allclose(found, expected / expected.mean(), rtol=1e-6)
    assert_allclose(found.mean(), 1.0)


def test_all_inputs_made_of_a_column_count_for_it_and_noise_for_little():
    frame = pd.DataFrame(with_noise(X[:, :5], 5))
    frame.columns = [f"x{j}" for j in range(10)]
    frame["kind"] = np.where(X[:, 20] > np.median(X[:, 20]), "large", "small")
    frame["coin"] = np.random.default_rng(1).choice(["heads", "tails"], len(X))
    net = clone(NET).fit(frame, Y)
    found = relevance_of([net], frame)
    assert found.shape == (12,)
    assert found[[*range(5), 10]].min() > found[[*range(5, 10), 11]].max()


def test_several_nets_have_a_mean():
    nets = [clone(NET).set_params(random_state=seed).fit(X, Y) for seed in range(2)]
    alone = [relevance_of([net], X) for net in nets]
    assert_allclose(relevance_of(nets, X), np.mean(alone, axis=0))


def test_weights_count_as_repetitions():
    net = clone(NET).fit(X, Y)
    kept = (np.arange(len(X)) % 2).astype(float)
    # Signs are drawn row by row: more of them than the rows leave little to chance.
    weighted = relevance_of([net], np.tile(X, (6, 1)), np.tile(kept, 6))
    rows = relevance_of([net], np.tile(X[1::2], (12, 1)))
    assert_allclose(weighted, rows, rtol=0.1)


def test_labels_that_agree_matter_as_much_as_those_that_differ():
    labels = np.column_stack([Y, Y, Y])
    net = clone(NET).set_params(hidden_layer_sizes=(), numerical_embedding=None)
    net.fit(X, labels)
    (weights,) = net.coefs_
    expected = (weights**2).sum(1)
    found = relevance_of([net], np.tile(X, (7, 1)), multilabel=True)
    assert_allclose(found, expected / expected.mean(), rtol=0.1)


@pytest.mark.parametrize("n_columns", [5, 30])
def test_speeds_have_bounds_and_are_one_on_the_mean(n_columns):
    net = clone(NET).fit(X[:, :n_columns], Y)
    speeds = column_speeds(net.module_, torch.ones(n_columns).double())
    assert_allclose(speeds, np.ones(len(speeds)))
    some = torch.zeros(n_columns).double()
    some[0] = 1.0
    speeds = column_speeds(net.module_, some)
    assert_allclose(speeds.square().mean(), 1.0)
    assert (speeds > 0).all()
    assert_array_less(1.0, speeds[net.module_.sources == 0])
    assert speeds.max() / speeds.min() < 30.001


def test_fast_columns_are_as_good_as_columns_that_are_scaled(monkeypatch):
    """A layer whose weights start and move s times as far, and input times s."""
    net = DeepMLPClassifier(
        (64,),
        numerical_embedding=None,
        standardize=False,
        epsilon=1e-30,
        random_state=0,
        dtype="float64",
    )
    monkeypatch.setattr(DeepMLPClassifier, "_auto_epochs", (40, 8, 8))
    inputs = (X - X.mean(0)) / X.std(0)
    found = torch.linspace(0.5, 2.0, X.shape[1], dtype=torch.float64)
    speeds = (found / found.mean()).sqrt().numpy()
    monkeypatch.setattr("skdeep._mlp.try_efforts", lambda *_: Findings(relevance=found))
    fast = clone(net).fit(inputs, Y)
    monkeypatch.setattr("skdeep._mlp.try_efforts", lambda *_: Findings())
    scaled = clone(net).fit(inputs * speeds, Y)
    assert_allclose(
        fast.decision_function(inputs),
        scaled.decision_function(inputs * speeds),
        rtol=1e-6,
    )
    assert_allclose(fast.coefs_[0], scaled.coefs_[0] * speeds[:, None], rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"n_members": 3, "shared_weights": True}])
def test_noise_does_less_harm_where_columns_are_told_apart(monkeypatch, options):
    X, y = load_digits(return_X_y=True)
    X = with_noise(X[:, 20:44], 150)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    net, losses = DeepMLPClassifier((64,), random_state=0, **options), []
    losses.append(log_loss(y_test, net.fit(X, y).predict_proba(X_test)))
    monkeypatch.setattr(_effort, "relevance", lambda *_: None)
    losses.append(log_loss(y_test, net.fit(X, y).predict_proba(X_test)))
    assert losses[0] < 0.85 * losses[1]
