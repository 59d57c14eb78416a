"""scikit-learn's meta-estimators around the nets."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFE, SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.multiclass import (
    OneVsOneClassifier,
    OneVsRestClassifier,
    OutputCodeClassifier,
)
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.semi_supervised import SelfTrainingClassifier

from skdeep import DeepMLPClassifier


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_calibration(binary_net, method):
    net = binary_net
    calibrated = CalibratedClassifierCV(net.make(), method=method, cv=3)
    y, y_test = net.y, net.y_test
    if method == "temperature":
        # scikit-learn 1.9 takes the labels for codes here: others than 0 and 1 let its
        # loss read foreign memory, which is not a number now and then.
        y, y_test = (np.searchsorted(np.unique(net.y), part) for part in (y, y_test))
    calibrated.fit(net.X, y)
    probabilities = calibrated.predict_proba(net.X_test)
    assert len(calibrated.calibrated_classifiers_) == 3
    assert_allclose(probabilities.sum(1), 1)
    assert calibrated.score(net.X_test, y_test) > 0.9


def test_calibration_of_a_frozen_net_mends_its_confidence(net):
    fitted = net.make(max_iter=60).fit(net.X, net.y)
    half = len(net.X_test) // 2
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted), method="temperature")
    calibrated.fit(net.X_test[:half], net.y_test[:half])
    # What a temperature can do for the rows that it was taken from, it does.
    before, after = (
        log_loss(net.y_test[:half], model.predict_proba(net.X_test[:half]))
        for model in (fitted, calibrated)
    )
    assert after <= before + 1e-6
    assert_array_equal(calibrated.predict(net.X_test), fitted.predict(net.X_test))


def test_tuned_threshold(binary_net):
    net = binary_net
    tuned = TunedThresholdClassifierCV(
        net.make(max_iter=4), scoring="balanced_accuracy", cv=3
    ).fit(net.X, net.y)
    probabilities = tuned.estimator_.predict_proba(net.X_test)[:, 1]
    said = tuned.predict(net.X_test)
    above = probabilities >= tuned.best_threshold_
    assert_array_equal(said, np.unique(net.y)[above.astype(int)])
    assert balanced_accuracy_score(net.y_test, said) > 0.7


def test_frozen_net_is_not_fitted_again(net):
    fitted = net.make().fit(net.X, net.y)
    expected = fitted.predict_proba(net.X_test)
    frozen = clone(FrozenEstimator(fitted)).fit(net.X[:20], net.y[:20])
    assert_array_equal(frozen.predict_proba(net.X_test), expected)


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_voting(net, voting):
    members = [(f"net {i}", net.make(random_state=i)) for i in range(3)]
    vote = VotingClassifier(members, voting=voting).fit(net.X, net.y)
    # Members see codes.
    said = [member.predict_proba(net.X_test) for member in vote.estimators_]
    if voting == "soft":
        assert_allclose(vote.predict_proba(net.X_test), np.mean(said, axis=0))
    else:
        counts = np.eye(len(vote.classes_))[np.argmax(said, axis=2)].sum(0)
        assert_array_equal(vote.predict(net.X_test), vote.classes_[counts.argmax(1)])
    assert vote.score(net.X_test, net.y_test) > 0.85


@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_stacking(net, method):
    stack = StackingClassifier(
        [("net", net.make()), ("other", net.make(random_state=1))],
        final_estimator=LogisticRegression(max_iter=1000),
        stack_method=method,
        cv=3,
    ).fit(net.X, net.y)
    n_classes = len(np.unique(net.y))
    assert stack.transform(net.X_test).shape == (len(net.X_test), 2 * n_classes)
    assert_array_equal(
        stack.transform(net.X_test)[:, :n_classes],
        getattr(net.make().fit(net.X, net.y), method)(net.X_test),
    )
    assert stack.score(net.X_test, net.y_test) > 0.8


def test_bagging_of_rows_and_columns(mlp):
    bagging = BaggingClassifier(
        mlp.make(), n_estimators=4, max_features=0.7, random_state=0
    ).fit(mlp.X, mlp.y)
    said = [
        member.predict_proba(mlp.X_test[:, columns])
        for member, columns in zip(
            bagging.estimators_, bagging.estimators_features_, strict=True
        )
    ]
    assert_allclose(bagging.predict_proba(mlp.X_test), np.mean(said, axis=0))
    assert len({member.n_features_in_ for member in bagging.estimators_}) == 1
    assert bagging.score(mlp.X_test, mlp.y_test) > 0.9


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_bagging_gives_members_seeds_of_their_own(net, n_jobs):
    bagging = BaggingClassifier(
        net.make(), n_estimators=2, n_jobs=n_jobs, random_state=0, oob_score=False
    ).fit(net.X, net.y)
    first, second = bagging.estimators_
    assert first.random_state != second.random_state
    again = clone(bagging).set_params(n_jobs=1).fit(net.X, net.y)
    assert_array_equal(
        bagging.predict_proba(net.X_test), again.predict_proba(net.X_test)
    )
    assert bagging.score(net.X_test, net.y_test) > 0.75


def test_boosting_weighs_what_the_net_before_got_wrong(net):
    boosted = AdaBoostClassifier(net.make(max_iter=4), n_estimators=3, random_state=0)
    boosted.fit(net.X, net.y)
    first = boosted.estimators_[0]
    seeded = net.make(max_iter=4, random_state=first.random_state)
    seeded.fit(net.X, net.y, np.full(len(net.X), 1 / len(net.X)))
    assert_array_equal(first.predict_proba(net.X), seeded.predict_proba(net.X))
    assert boosted.score(net.X_test, net.y_test) > 0.7
    assert len(boosted.estimators_) == 3


def test_one_against_the_rest(net):
    ovr = OneVsRestClassifier(net.make()).fit(net.X, net.y)
    alone = net.make().fit(net.X, (net.y == 1).astype(int))
    assert len(ovr.estimators_) == len(np.unique(net.y))
    assert_array_equal(
        ovr.estimators_[1].predict_proba(net.X_test), alone.predict_proba(net.X_test)
    )
    assert ovr.score(net.X_test, net.y_test) > 0.75


def test_one_against_one(net):
    ovo = OneVsOneClassifier(net.make()).fit(net.X, net.y)
    n = len(np.unique(net.y))
    assert len(ovo.estimators_) == n * (n - 1) // 2
    pair = np.isin(net.y, [0, 1])
    alone = net.make().fit(net.X[pair], net.y[pair])
    assert_array_equal(
        ovo.estimators_[0].predict(net.X_test), alone.predict(net.X_test)
    )
    assert ovo.score(net.X_test, net.y_test) > 0.8


def test_output_codes(mlp):
    codes = OutputCodeClassifier(mlp.make(), code_size=3, random_state=0)
    assert codes.fit(mlp.X, mlp.y).score(mlp.X_test, mlp.y_test) > 0.8


def test_chain_and_independent_labels(net):
    Y, Y_test = (np.stack([y == 0, y >= 2], axis=1) * 1 for y in (net.y, net.y_test))
    chain = ClassifierChain(mlp_like(net), order=[0, 1]).fit(net.X, Y)
    assert chain.estimators_[1].n_features_in_ == net.X.shape[1] + 1
    independent = MultiOutputClassifier(net.make()).fit(net.X, Y)
    for model in (chain, independent):
        assert np.mean(model.predict(net.X_test) == Y_test) > 0.7
    for column, labels in enumerate(Y.T):
        alone = net.make().fit(net.X, labels)
        assert_array_equal(
            independent.predict_proba(net.X_test)[column],
            alone.predict_proba(net.X_test),
        )


def mlp_like(net):
    """Without a shape: a chain adds a column for each label before."""
    if "input_shape" in net.estimator.get_params():
        return net.make(input_shape=None, max_iter=15)
    return net.make()


def test_self_training_labels_what_is_sure(net):
    y = net.y.copy()
    unlabelled = np.random.default_rng(0).random(len(y)) < 0.6
    y[unlabelled] = -1
    model = SelfTrainingClassifier(net.make(), threshold=0.7, max_iter=3)
    model.fit(net.X, y)
    labelled = unlabelled & (model.transduction_ != -1)
    assert labelled.sum() > 5
    assert np.mean(model.transduction_[labelled] == net.y[labelled]) > 0.8
    assert model.score(net.X_test, net.y_test) > 0.7


def importance(fitted_on_X, y):
    """Importance for RFE, which hands over the fitted estimator only."""

    def getter(clf):
        columns = np.flatnonzero(
            [any(np.array_equal(c, k) for k in clf.seen_) for c in fitted_on_X.T]
        )
        result = permutation_importance(
            clf, fitted_on_X[:, columns], y, n_repeats=2, random_state=0
        )
        return result.importances_mean

    return getter


class RememberColumns(DeepMLPClassifier):
    """Knows its columns, so that an importance can be computed from it alone."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.seen_ = list(X.T)
        return self


def test_recursive_elimination_by_permutation_importance(mlp):
    noise = np.random.default_rng(0).normal(size=(len(mlp.X), 5))
    X = np.hstack([mlp.X[:, [6, 9, 12]], noise])
    clf = RememberColumns(**mlp.estimator.get_params())
    rfe = RFE(clf, n_features_to_select=3, importance_getter=importance(X, mlp.y))
    rfe.fit(X, mlp.y)
    assert_array_equal(np.flatnonzero(rfe.support_), [0, 1, 2])
    assert rfe.estimator_.n_features_in_ == 3
    assert rfe.score(X, mlp.y) > 0.85


def test_recursive_elimination_by_the_weights_of_the_first_layer(mlp):
    noise = np.random.default_rng(0).normal(size=(len(mlp.X), 5))
    X = np.hstack([mlp.X[:, [6, 9, 12]], noise])
    rfe = RFE(
        mlp.make(alpha=1.0, l1_ratio=1.0, max_iter=40, numerical_embedding=None),
        n_features_to_select=3,
        importance_getter=lambda clf: np.abs(clf.coefs_[0]).sum(1),
    ).fit(X, mlp.y)
    assert_array_equal(np.flatnonzero(rfe.support_), [0, 1, 2])


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_sequential_selection(direction):
    X, y = load_breast_cancer(return_X_y=True)
    noise = np.random.default_rng(0).normal(size=(len(X), 3))
    X = np.hstack([noise, X[:, [22, 27]]])[:200]
    clf = DeepMLPClassifier(
        (4,), learning_rate="one_cycle", learning_rate_init=0.05, max_iter=5
    )
    selector = SequentialFeatureSelector(
        clf.set_params(random_state=0),
        n_features_to_select=1,
        direction=direction,
        cv=2,
    ).fit(X, y[:200])
    assert np.flatnonzero(selector.support_)[0] in (3, 4)
