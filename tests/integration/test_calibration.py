"""How honest probabilities are, and scikit-learn's calibration around the nets.

A share of the labels is wrong, so a net that is right about its training rows is too
sure of all others.
"""

import copy
from functools import cache

import numpy as np
import pytest
from benchmarks.accuracy.measures import expected_calibration_error
from benchmarks.plain import PLAIN
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import TunedThresholdClassifierCV, train_test_split

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier

SCHEDULE = {
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.02,
    "batch_size": 32,
    "max_iter": 40,
    "random_state": 0,
}
NETS = {
    "mlp": DeepMLPClassifier((64,), **(PLAIN | SCHEDULE)),
    "cnn": DeepCNNClassifier(input_shape=(1, 8, 8), n_filters=(16,), **SCHEDULE),
    "rnn": DeepRNNClassifier(
        architecture="recurrent", input_shape=(8, 8), hidden_size=16, **SCHEDULE
    ),
}
EACH_NET = pytest.mark.parametrize("kind", NETS)
WRONG = 0.15


@cache
def noisy_digits():
    """Digits to train on, to calibrate on and to judge by."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    wrong = rng.random(len(y)) < WRONG
    y = np.where(wrong, (y + rng.integers(1, 10, len(y))) % 10, y)
    X, X_test, y, y_test = train_test_split(X, y, train_size=700, random_state=0)
    return X[:400], y[:400], X[400:], y[400:], X_test, y_test


@cache
def fitted(kind, n_members=1):
    X, y, *_ = noisy_digits()
    return clone(NETS[kind]).set_params(n_members=n_members).fit(X, y)


@cache
def dishonesty(kind):
    """Log-loss and calibration error of the plain net."""
    *_, X_test, y_test = noisy_digits()
    return judge(fitted(kind), X_test, y_test)


def judge(clf, X, y):
    p = clf.predict_proba(X)
    return np.array([log_loss(y, p), expected_calibration_error(y, p)])


@EACH_NET
def test_the_task_makes_nets_overconfident(kind):
    *_, X_test, y_test = noisy_digits()
    confidence = fitted(kind).predict_proba(X_test).max(1).mean()
    assert confidence > fitted(kind).score(X_test, y_test) + 0.08


@EACH_NET
def test_temperature_by_cross_validation(kind):
    X, y, *_, X_test, y_test = noisy_digits()
    net = clone(NETS[kind])
    calibrated = CalibratedClassifierCV(net, method="temperature", cv=3).fit(X, y)
    temperatures = [
        1 / part.calibrators[0].beta_ for part in calibrated.calibrated_classifiers_
    ]
    assert min(temperatures) > 1
    # Of three nets that were made less sure, the mean is less sure still.
    assert judge(calibrated, X_test, y_test)[0] < 0.85 * dishonesty(kind)[0]


@EACH_NET
def test_temperature_of_a_frozen_net(kind):
    _, _, X, y, X_test, y_test = noisy_digits()
    net = fitted(kind)
    calibrated = CalibratedClassifierCV(FrozenEstimator(net), method="temperature")
    calibrated.fit(X, y)
    assert_array_equal(calibrated.predict(X_test), net.predict(X_test))
    assert (judge(calibrated, X_test, y_test) < 0.9 * dishonesty(kind)).all()


@EACH_NET
def test_several_nets_are_more_honest_than_each_of_them(kind):
    *_, X_test, y_test = noisy_digits()
    ensemble = fitted(kind, n_members=5)
    members = []
    for module in ensemble.module_.members:
        member = copy.copy(ensemble)
        member.module_ = module
        members.append(member)
    each = [judge(member, X_test, y_test) for member in members]
    assert_allclose(
        np.mean([member.predict_proba(X_test) for member in members], axis=0),
        ensemble.predict_proba(X_test),
    )
    assert (judge(ensemble, X_test, y_test) < 0.9 * np.mean(each, axis=0)).all()


def test_calibrated_net_takes_a_threshold():
    X, y, *_, X_test, y_test = noisy_digits()
    calibrated = CalibratedClassifierCV(NETS["mlp"], method="temperature", cv=2)
    tuned = TunedThresholdClassifierCV(calibrated, scoring="balanced_accuracy", cv=2)
    tuned.fit(X, y == 8)
    # Without a threshold the answer is mostly no.
    assert (tuned.predict(X_test) == (y_test == 8)).mean() > 0.8
    assert 0 < tuned.best_threshold_ < 0.5


def test_expected_calibration_error():
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.5, 0.5]])
    # By bin: .9 - 1/2 over two rows, .7 - 1, .5 - 0 (the tie is for the first class).
    expected = (2 * 0.4 + 0.3 + 0.5) / 4
    y = np.array([0, 1, 1, 1])
    assert expected_calibration_error(y, p) == pytest.approx(expected)
    assert expected_calibration_error(np.array([0, 1]), np.eye(2)) == 0
    assert expected_calibration_error(np.array([1, 0]), np.eye(2)) == 1
