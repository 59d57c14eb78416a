"""Estimators of several nets."""

import pickle

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_breast_cancer
from small_nets import DIGIT, DIGITS, EACH_NET, NETS, X, Y, data, fitted, mlp

from skdeep import DeepMLPClassifier, _stacked, model_selection
from skdeep._meeting import StackingBackend
from skdeep.modules import MLP, Ensemble

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
LABELS = np.column_stack([Y == 1, X[:, 0] > 13]).astype(int)


def members(clf, X, y):
    """The members as estimators of their own: the same draws, one after the other."""
    rng, alone = np.random.RandomState(clf.random_state), []
    for _ in range(clf.n_members):
        net = clone(clf).set_params(n_members=1)
        # Cloning would copy the generator; the next member goes on with it.
        net.random_state = rng
        alone.append(net.fit(X, y))
    return alone


@EACH_NET
def test_probabilities_are_the_mean_of_those_of_lone_fits(kind):
    X, y = data(kind)
    clf = fitted(kind, n_members=3)
    alone = members(clf, X, y)
    proba = [net.predict_proba(X) for net in alone]
    assert np.abs(proba[0] - proba[1]).max() > 1e-3
    assert_allclose(clf.predict_proba(X), np.mean(proba, axis=0), rtol=1e-7)
    assert_allclose(clf.loss_curve_, np.mean([n.loss_curve_ for n in alone], axis=0))
    assert clf.n_iter_ == alone[0].n_iter_
    assert clf.t_ == alone[0].t_
    assert_allclose(alone[0].predict_proba(X), fitted(kind).predict_proba(X))


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_members_train_as_one_stack(kind, monkeypatch):
    sizes, train = [], _stacked.Stack.run

    def run(self, *args):
        sizes.append(len(self.trainings))
        return train(self, *args)

    monkeypatch.setattr(_stacked.Stack, "run", run)
    # Nets on small images would be faster alone.
    monkeypatch.setattr("skdeep._small_maps._FEW", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    fitted(kind, n_members=4)
    assert sizes == [4]


def test_labels_of_their_own():
    clf = mlp(n_members=3).fit(X, LABELS)
    proba = [net.predict_proba(X) for net in members(clf, X, LABELS)]
    assert_allclose(clf.predict_proba(X), np.mean(proba, axis=0), rtol=1e-6)
    assert clf.predict(X).shape == LABELS.shape


def test_logits_are_those_of_the_mean():
    X, y = load_breast_cancer(return_X_y=True)
    clf = mlp(n_members=3).fit(X, y)
    p = clf.predict_proba(X)[:, 1]
    assert_allclose(1 / (1 + np.exp(-clf.decision_function(X))), p, rtol=1e-9)


def test_early_stopping_of_each_member():
    options = {"early_stopping": True, "max_iter": 30, "n_iter_no_change": 3}
    clf = mlp(n_members=3, learning_rate="constant", **options).fit(X, Y)
    alone = members(clf, X, Y)
    assert len({net.n_iter_ for net in alone}) > 1
    assert clf.n_iter_ == max(net.n_iter_ for net in alone) == len(clf.loss_curve_)
    proba = np.mean([net.predict_proba(X) for net in alone], axis=0)
    assert_allclose(clf.predict_proba(X), proba, rtol=1e-6)
    best = np.mean([net.best_validation_score_ for net in alone])
    assert clf.best_validation_score_ == pytest.approx(best)


@pytest.mark.parametrize(
    "chosen", [{}, {"alpha": 0.1}, {"early_stopping": True}], ids=str
)
def test_tables_are_for_three_nets(chosen, monkeypatch):
    monkeypatch.setattr(DeepMLPClassifier, "_auto_epochs", (40, 8, 8))
    clf = DeepMLPClassifier((8,), random_state=0, **chosen).fit(X, Y)
    assert [type(net) for net in clf.module_.members] == [MLP, MLP, MLP]
    assert clf.coefs_[0].shape[0] == 3
    three = clone(clf).set_params(n_members=3).fit(X, Y)
    assert_array_equal(clf.predict_proba(X), three.predict_proba(X))


def test_training_goes_on_with_as_many_nets_as_there_are(monkeypatch):
    monkeypatch.setattr(DeepMLPClassifier, "_auto_epochs", (40, 8, 8))
    clf = DeepMLPClassifier((8,), random_state=0).fit(X, Y)
    clf.set_params(warm_start=True, max_iter=3).fit(X, Y)
    assert len(clf.module_.members) == 3
    assert len(clf.partial_fit(X, Y).module_.members) == 3


@pytest.mark.parametrize("chosen", [{"n_members": 1}, {"max_iter": 3}], ids=str)
def test_one_net_where_it_is_asked_for(chosen, monkeypatch):
    monkeypatch.setattr(DeepMLPClassifier, "_auto_epochs", (40, 8, 8))
    clf = DeepMLPClassifier((8,), random_state=0, **chosen).fit(X, Y)
    assert type(clf.module_) is MLP


def test_partial_fit_has_no_trials_and_one_net():
    clf = DeepMLPClassifier((8,), random_state=0).partial_fit(X, Y, classes=[0, 1, 2])
    assert type(clf.module_) is MLP
    assert type(clf.partial_fit(X, Y).module_) is MLP


@pytest.mark.parametrize("alike", [True, False])
def test_a_table_is_read_once_by_members_that_read_alike(alike):
    clf = DeepMLPClassifier((8,), n_members=2, max_iter=2, random_state=0).fit(X, Y)
    members = list(clf.module_.members)
    if not alike:
        members[1].standardizer.bins.center += 1.0
    clf.module_ = Ensemble(members, multilabel=False).eval()
    assert clf.module_.reads_alike is alike
    with torch.no_grad():
        expected = clf.module_(torch.from_numpy(X)).softmax(1)
    assert_allclose(clf.predict_proba(X), expected)


@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])
def test_any_solver(solver):
    clf = mlp(n_members=2, solver=solver, learning_rate="constant").fit(X, Y)
    proba = np.mean([net.predict_proba(X) for net in members(clf, X, Y)], axis=0)
    assert_allclose(clf.predict_proba(X), proba, rtol=1e-5)


def test_partial_fit_goes_on_with_each_member():
    clf = mlp(n_members=2)
    for start in (0, 60, 120):
        part = slice(start, start + 60)
        clf.partial_fit(X[part], Y[part], classes=[0, 1, 2])
    rng = np.random.RandomState(0)
    alone = []
    for _ in range(2):
        net = mlp()
        net.random_state = rng
        # Both draw their seeds in the first call.
        alone.append(net.partial_fit(X[:60], Y[:60], classes=[0, 1, 2]))
    for net in alone:
        net.partial_fit(X[60:120], Y[60:120]).partial_fit(X[120:180], Y[120:180])
    proba = np.mean([net.predict_proba(X) for net in alone], axis=0)
    assert_allclose(clf.predict_proba(X), proba, rtol=1e-9)


def test_warm_start_goes_on_and_needs_as_many_members():
    clf = mlp(n_members=2, warm_start=True).fit(X, Y)
    loss = clf.loss_
    assert clf.fit(X, Y).loss_ < loss
    assert len(clf.loss_curve_) == 8
    with pytest.raises(ValueError, match="`n_members` must not change"):
        clf.set_params(n_members=3).fit(X, Y)


@EACH_NET
def test_pickle_and_module(kind):
    X, _ = data(kind)
    clf = fitted(kind, n_members=2)
    restored = pickle.loads(pickle.dumps(clf))
    assert_array_equal(restored.predict_proba(X), clf.predict_proba(X))
    module = clf.to_module()
    assert isinstance(module, Ensemble)
    x = torch.from_numpy(X).reshape(-1, *clf.input_shape_)
    assert_allclose(module(x).detach(), clf._logits(X), rtol=1e-9, atol=1e-9)


def test_weights_of_all_members():
    clf = fitted("mlp", n_members=3, numerical_embedding=None)
    assert [w.shape for w in clf.coefs_] == [(3, 13, 8), (3, 8, 3)]
    assert [b.shape for b in clf.intercepts_] == [(3, 8), (3, 3)]
    assert clf.n_layers_ == 3
    first = fitted("mlp", numerical_embedding=None)
    assert_allclose(clf.coefs_[0][0], first.coefs_[0], rtol=1e-9)


def test_members_beat_the_average_member():
    from sklearn.metrics import log_loss

    train, test = slice(None, None, 2), slice(1, None, 2)
    options = {"max_iter": 15, "learning_rate_init": 0.01}
    clf = clone(NETS["cnn"]).set_params(n_members=4, **options)
    clf.fit(DIGITS[train], DIGIT[train])
    alone = members(clf, DIGITS[train], DIGIT[train])
    losses = [log_loss(DIGIT[test], n.predict_proba(DIGITS[test])) for n in alone]
    assert log_loss(DIGIT[test], clf.predict_proba(DIGITS[test])) < np.mean(losses)


def test_searches_over_members():
    train, test = np.arange(0, 178, 2), np.arange(1, 178, 2)
    grid = {"n_members": [1, 3], "alpha": [0.01, 1.0]}
    search = model_selection.GridSearchCV(mlp(), grid, cv=[(train, test)]).fit(X, Y)
    results = search.cv_results_
    for params, score in zip(
        results["params"], results["mean_test_score"], strict=True
    ):
        assert mlp(**params).fit(X[train], Y[train]).score(X[test], Y[test]) == score


def test_one_failing_member_fails_the_fit():
    clf = mlp(n_members=2, solver="sgd", learning_rate_init=1e200)
    with pytest.raises(ValueError, match="loss must stay finite"):
        clf.fit(X, Y)
    assert not hasattr(clf, "module_")
    with (
        joblib.parallel_config(backend=StackingBackend()),
        pytest.raises(ValueError, match="loss must stay finite"),
    ):
        joblib.Parallel()([joblib.delayed(clf.fit)(X, Y)])


def test_callbacks_see_the_ensemble_and_may_stop_it():
    monitor = ScoringMonitor(scoring="accuracy")
    clf = mlp(n_members=2).set_callbacks(monitor).fit(X, Y)
    logs = monitor.get_logs().data
    assert len(logs) == 5
    assert logs[-1]["accuracy"] == clf.score(X, Y)
