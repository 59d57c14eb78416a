"""How hard to train: what the trials choose, and what they leave alone."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split

from skdeep import DeepMLPClassifier, _effort
from skdeep._effort import Findings
from skdeep.model_selection import GridSearchCV as StackedSearch

# Few epochs, for speed; what "auto" stands for is its own affair.
NET = DeepMLPClassifier((64,), n_members=1, random_state=0)


def dropout(net):
    return net.module_.config["dropout"]


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(DeepMLPClassifier, "_auto_epochs", (40, 8, 8))


@pytest.fixture(scope="module")
def noisy():
    """Digits, most of whose labels are drawn by chance."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    wrong = rng.random(len(y)) < 0.6
    y = np.where(wrong, rng.integers(10, size=len(y)), y)
    return train_test_split(X, y, random_state=0)


@pytest.fixture(scope="module")
def clean():
    """Whether a pixel is darker than another one: nothing but a sharp line."""
    X, _ = load_digits(return_X_y=True)
    return train_test_split(X, X[:, 20] > X[:, 43], random_state=0)


def test_noisy_labels_get_more_dropout_and_clean_ones_longer_training(noisy, clean):
    X, _, y, _ = noisy
    assert dropout(clone(NET).fit(X, y)) == pytest.approx(0.45)
    X, _, y, _ = clean
    net = clone(NET).fit(X, y)
    assert dropout(net) == pytest.approx(0.15)
    assert net.n_iter_ == 120


def test_few_rows_are_not_asked(short):
    X, y = load_digits(return_X_y=True)
    net = clone(NET).fit(X[:499], y[:499])
    assert (dropout(net), net.n_iter_) == (0.3, 8)


@pytest.mark.parametrize(
    "chosen",
    [
        {"max_iter": 8},
        {"alpha": 0.1},
        {"dropout": 0.3},
        {"input_dropout": 0.1},
        {"solver": "adam"},
        {"early_stopping": True},
    ],
)
def test_what_the_user_chose_is_not_tried(short, noisy, monkeypatch, chosen):
    monkeypatch.setattr("skdeep._mlp.try_efforts", None)
    X, _, y, _ = noisy
    net = clone(NET).set_params(**chosen).fit(X, y)
    assert dropout(net) == 0.3


def test_probabilities_are_calibrated_on_rows_that_were_held_out(noisy, monkeypatch):
    # A long training learns the wrong labels by heart.
    monkeypatch.setattr(_effort, "EFFORTS", _effort.EFFORTS[-1:])
    X, X_test, y, y_test = noisy
    warm = clone(NET).set_params(dtype="float64").fit(X, y)
    monkeypatch.setattr("skdeep._mlp.cool", lambda module, temperature: None)
    raw = clone(warm).fit(X, y)
    np.testing.assert_array_equal(warm.predict(X_test), raw.predict(X_test))
    ratio = raw.decision_function(X_test) / warm.decision_function(X_test)
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-6)
    losses = [log_loss(y_test, net.predict_proba(X_test)) for net in (warm, raw)]
    assert losses[0] < losses[1] - 0.5


@pytest.mark.parametrize("shared", [False, True])
def test_several_nets_share_a_choice_and_a_temperature(
    short, noisy, monkeypatch, shared
):
    effort = _effort.EFFORTS[0]
    X, X_test, y, _ = noisy
    probabilities = []
    for temperature in (1.0, 2.0):
        monkeypatch.setattr(
            "skdeep._mlp.try_efforts", lambda *_, t=temperature: Findings(effort, t)
        )
        ensemble = clone(NET).set_params(n_members=2, shared_weights=shared)
        probabilities.append(ensemble.fit(X, y).predict_proba(X_test))
    sure, unsure = (p.max(1) for p in probabilities)
    assert (unsure < sure).all()


@pytest.mark.parametrize("effort", _effort.EFFORTS)
def test_training_goes_on_with_what_was_chosen(short, noisy, monkeypatch, effort):
    monkeypatch.setattr("skdeep._mlp.try_efforts", lambda *_: Findings(effort))
    X, _, y, _ = noisy
    net = clone(NET).set_params(warm_start=True).fit(X, y)
    assert dropout(net) == pytest.approx(0.3 * effort.dropout)
    assert net.n_iter_ == 8 * effort.epochs
    monkeypatch.setattr("skdeep._mlp.try_efforts", None)
    net.fit(X, y)
    net.partial_fit(X[:50], y[:50])
    assert dropout(net) == pytest.approx(0.3 * effort.dropout)


def test_a_class_of_one_row_is_trained_on(short):
    X, y = load_breast_cancer(return_X_y=True)
    y = np.append(y[:-1], 2)
    net = clone(NET).fit(X, y)
    assert net.predict_proba(X).shape == (len(X), 3)


@pytest.mark.parametrize("y", [np.arange(600) % 2, np.arange(600)], ids=["two", "600"])
def test_rows_that_leave_nothing_to_hold_out_are_trained_on(short, y):
    net = clone(NET).fit(np.ones((600, 3)), y)
    assert (dropout(net), net.n_iter_) == (0.3, 8)


def test_labels_of_several_kinds_are_judged_one_by_one(short):
    X, y = load_digits(return_X_y=True)
    y = np.column_stack([y % 2, y > 4])
    net = clone(NET).fit(X, y)
    assert net.score(X, y) > 0.9


def test_weights_choose_as_repetitions_do(short, noisy, monkeypatch):
    X, _, y, _ = noisy
    times = np.random.default_rng(0).integers(1, 4, size=len(X))
    seen = []
    choose = _effort.try_efforts

    def watch(estimator, data):
        train, held_out = _effort._split(data, 0)
        seen.append([{X.tobytes() for X in data.X[part]} for part in (train, held_out)])
        return choose(estimator, data)

    monkeypatch.setattr("skdeep._mlp.try_efforts", watch)
    clone(NET).fit(X, y, sample_weight=times)
    clone(NET).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert seen[0] == seen[1]
    assert not seen[0][0] & seen[0][1]


def test_searches_try_as_lone_fits_do(short, noisy):
    X, _, y, _ = noisy
    grid = {"learning_rate_init": [0.001, 0.01]}
    plain, stacked = (
        search(clone(NET), grid, cv=2).fit(X, y)
        for search in (GridSearchCV, StackedSearch)
    )
    np.testing.assert_allclose(
        stacked.cv_results_["mean_test_score"],
        plain.cv_results_["mean_test_score"],
        atol=0.01,  # float rounding moves single predictions
    )


def test_input_dropout_saves_a_net_from_noise(noisy):
    X, X_test, y, y_test = noisy
    net = clone(NET).set_params(max_iter=60, input_dropout=0.0)
    losses = [
        log_loss(
            y_test, net.set_params(input_dropout=share).fit(X, y).predict_proba(X_test)
        )
        for share in (0.0, 0.3)
    ]
    assert losses[1] < losses[0] - 0.1


def test_nets_that_lose_different_columns_train_in_one_stack(short, noisy):
    X, _, y, _ = noisy
    grid = {"input_dropout": [0.0, 0.3], "alpha": [0.1, 1.0]}
    net = clone(NET).set_params(dtype="float64")
    options = {"cv": 2, "scoring": "neg_log_loss", "refit": False}
    plain, stacked = (
        search(clone(net), grid, **options).fit(X, y)
        for search in (GridSearchCV, StackedSearch)
    )
    np.testing.assert_allclose(
        stacked.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )
    assert len(set(plain.cv_results_["mean_test_score"].round(6))) == 4


def test_lbfgs_takes_no_input_dropout():
    X, y = load_breast_cancer(return_X_y=True)
    net = DeepMLPClassifier(solver="lbfgs", input_dropout=0.1)
    with pytest.raises(
        ValueError, match="`input_dropout` must be 0 with solver='lbfgs'"
    ):
        net.fit(X, y)
