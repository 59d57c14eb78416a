"""What DeepMLPClassifier adds to dense layers, and its defaults."""

import numpy as np
import pytest
import torch
from captum.attr import DeepLift
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split

from skdeep import DeepMLPClassifier
from skdeep.modules import Dropout, InputStandardizer, TableInput

X, Y = load_breast_cancer(return_X_y=True)


def rates(clf):
    """Probabilities of the dropout layers."""
    layers = clf.fit(X, Y).module_.modules()
    return [layer.p for layer in layers if isinstance(layer, Dropout)]


@pytest.mark.parametrize(
    ("sizes", "options", "expected"),
    [
        ((64, 80), {}, [0.3, 0.3]),
        (64, {}, [0.3]),
        ((63, 128), {}, []),
        ((), {}, []),
        ((64,), {"solver": "lbfgs"}, []),
        ((8,), {"dropout": 0.1}, [0.1]),
        ((64,), {"dropout": 0.0}, []),
    ],
)
def test_automatic_dropout_spares_narrow_layers(sizes, options, expected):
    clf = DeepMLPClassifier(sizes, max_iter=1, tol=1e9, learning_rate="cosine")
    assert rates(clf.set_params(**options)) == expected


def labels(n_classes, n):
    return np.arange(n) % n_classes


@pytest.mark.parametrize(
    ("y", "options", "alpha"),
    [
        # Ten classes that are equally frequent.
        (labels(10, 1790), {}, 3000 / (1790 * np.log2(10))),
        # Of two classes, labels tell so little that the limit counts.
        (labels(2, 1790), {}, 1.0),
        (labels(10, 1790), {"solver": "adam"}, 1e-4),
    ],
)
def test_automatic_penalty_follows_what_labels_tell(y, options, alpha):
    digits = load_digits().data[: len(y)]
    clf = DeepMLPClassifier((8,), max_iter=2, random_state=0, **options)
    automatic = clf.fit(digits, y).predict_proba(digits)
    expected = clf.set_params(alpha=alpha).fit(digits, y).predict_proba(digits)
    assert_allclose(automatic, expected, rtol=1e-10)
    other = clf.set_params(alpha=alpha / 2).fit(digits, y).predict_proba(digits)
    assert np.abs(other - automatic).max() > 1e-8


@pytest.mark.parametrize("n_members", [1, 3])
def test_weights_are_repetitions_with_all_defaults(n_members):
    rng = np.random.default_rng(0)
    index = rng.choice(len(X), 40, replace=False)
    weight = rng.integers(0, 4, 40)
    clf = DeepMLPClassifier(random_state=0, n_members=n_members)
    clf.fit(X[index], Y[index], sample_weight=weight)
    weighted = clf.predict_proba(X)
    index = np.repeat(index, weight)
    assert_allclose(weighted, clf.fit(X[index], Y[index]).predict_proba(X), rtol=1e-6)


def test_bins_let_a_small_net_bend():
    """A class that lies between two others on every axis."""
    digits, _ = load_digits(return_X_y=True)
    ink = digits.sum(1, keepdims=True)
    low, high = np.quantile(ink, [0.4, 0.6])
    y = ((ink > low) & (ink < high)).ravel()
    clf = DeepMLPClassifier((), max_iter=100, learning_rate_init=0.03, random_state=0)
    assert clf.fit(ink, y).score(ink, y) > 0.95
    clf.set_params(numerical_embedding=None)
    assert clf.fit(ink, y).score(ink, y) < 0.85


def test_bins_are_learned_from_training_data_only():
    rows, held_out, y, _ = train_test_split(X, Y, random_state=0)
    clf = DeepMLPClassifier((8,), max_iter=1, learning_rate="cosine").fit(rows, y)
    bins = clf.module_.standardizer.bins
    lower = bins.lower[bins.features == 0].numpy()
    assert lower[0] == rows[:, 0].min()
    assert np.isin(lower, rows[:, 0]).all()
    assert np.isfinite(clf.predict_proba(held_out * 100.0)).all()


def test_bins_stay_where_training_goes_on():
    clf = DeepMLPClassifier((8,), max_iter=1, learning_rate="cosine", warm_start=True)
    before = clf.fit(X[:300], Y[:300]).module_.standardizer.bins.lower.clone()
    after = clf.fit(X, Y).module_.standardizer.bins.lower
    assert_array_equal(after, before)
    clf = DeepMLPClassifier((8,)).partial_fit(X[:300], Y[:300], classes=[0, 1])
    assert_array_equal(clf.partial_fit(X, Y).module_.standardizer.bins.lower, before)


def test_very_wide_tables_have_no_bins():
    clf = DeepMLPClassifier((8,), max_iter=1, learning_rate="cosine")
    assert isinstance(clf.fit(X, Y).module_.standardizer, TableInput)
    wide = np.tile(X, 20)
    for table in (sparse.csr_matrix(wide), wide):
        first = clf.fit(table, Y).module_.standardizer
        assert isinstance(first, InputStandardizer)


def test_planned_training_goes_through_to_its_end():
    clf = DeepMLPClassifier((64,), max_iter=30, tol=1e9, random_state=0).fit(X, Y)
    assert clf.n_iter_ == 30


def test_deep_lift_adds_up_with_bins():
    clf = DeepMLPClassifier((8,), max_iter=20, random_state=0).fit(X, Y)
    module, shown = clf.to_module(), torch.from_numpy(X[:6]).requires_grad_()
    baseline = torch.from_numpy(X.mean(0, keepdims=True))
    attributions, delta = DeepLift(module).attribute(
        shown, baseline, target=1, return_convergence_delta=True
    )
    assert attributions.abs().max() > 0.01
    assert delta.abs().max() < 1e-9
