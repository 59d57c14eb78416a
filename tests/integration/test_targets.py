"""Every kind of y: labels of any type, matrices of labels, classes in parts."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

WORDS = np.array(["zebra", "ant", "monkey", "bee"])
NUMBERS = np.array([100, -7, 3, 10**12])

LABELS = {
    "string": lambda y: WORDS[y],
    "object": lambda y: WORDS.astype(object)[y],
    "sparse integers": lambda y: NUMBERS[y],
    "small integers": lambda y: y.astype(np.int8) - 2,
    "unsigned": lambda y: y.astype(np.uint16) + 9,
    "whole floats": lambda y: y.astype(float) + 5,
    "list": lambda y: WORDS[y].tolist(),
    "Series": lambda y: pd.Series(WORDS[y], index=np.arange(len(y))[::-1]),
    "Series of numbers": lambda y: pd.Series(NUMBERS[y], index=np.arange(len(y)) + 7),
    "categorical Series": lambda y: pd.Series(pd.Categorical(WORDS[y])),
    "polars Series": lambda y: pl.Series(WORDS[y]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_come_back_as_they_were_given(net, kind):
    y = LABELS[kind](net.y)
    clf = net.make().fit(net.X, y)
    said = clf.predict(net.X_test)
    reference = DecisionTreeClassifier().fit(net.X, y)
    assert_array_equal(clf.classes_, reference.classes_)
    assert clf.classes_.dtype == said.dtype == reference.classes_.dtype
    assert np.mean(said == np.asarray(LABELS[kind](net.y_test))) > 0.8
    assert clf.score(net.X_test, LABELS[kind](net.y_test)) > 0.8


def test_names_in_the_order_of_the_codes_change_nothing(net):
    names = np.sort(WORDS)
    coded = net.make().fit(net.X, net.y)
    named = net.make().fit(net.X, names[net.y])
    assert_array_equal(named.predict_proba(net.X_test), coded.predict_proba(net.X_test))
    assert_array_equal(named.predict(net.X_test), names[coded.predict(net.X_test)])


def test_booleans(binary_net):
    net = binary_net
    y, y_test = (labels == labels.max() for labels in (net.y, net.y_test))
    clf = net.make(max_iter=20).fit(net.X, y)
    assert_array_equal(clf.classes_, [False, True])
    said = clf.predict(net.X_test)
    assert said.dtype == bool
    assert np.mean(said == y_test) > 0.9
    assert_array_equal(said, clf.decision_function(net.X_test) > 0)


def test_column_of_labels_warns_as_in_scikit_learn(net):
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        column = net.make().fit(net.X, net.y[:, None])
    flat = net.make().fit(net.X, net.y)
    assert_array_equal(column.predict(net.X_test), flat.predict(net.X_test))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y[:-1], "inconsistent numbers of samples"),
        (lambda y: y + 0.5, "Unknown label type: continuous"),
        (lambda y: np.where(y == 0, np.nan, y), "Input y contains NaN"),
        (lambda y: None, "requires y to be passed, but the target y is None"),
        (lambda y: np.stack([y, y], axis=1), r"y should be a 1d array"),
    ],
    ids=["too short", "continuous", "NaN", "None", "two columns"],
)
def test_other_targets_are_refused_as_scikit_learn_does(net, change, message):
    clf = net.make()
    for estimator in (LogisticRegression(), clf):
        with pytest.raises(ValueError, match=message):
            estimator.fit(net.X, change(net.y))
    assert not [name for name in vars(clf) if name.endswith("_")]


def test_class_weights_that_name_other_classes(net):
    """Those that are missing count as one; none may be both missing and unknown."""
    partial = net.make(class_weight={1: 3.0}).fit(net.X, net.y)
    whole = dict.fromkeys(np.unique(net.y).tolist(), 1.0) | {1: 3.0}
    full = net.make(class_weight=whole).fit(net.X, net.y)
    # A search lends the weights of all classes to a fold that misses one.
    more = net.make(class_weight=whole | {77: 5.0}).fit(net.X, net.y)
    for other in (full, more):
        assert_array_equal(
            other.predict_proba(net.X_test), partial.predict_proba(net.X_test)
        )
    for estimator in (LogisticRegression(), net.make()):
        estimator.set_params(class_weight={1: 3.0, 77: 5.0})
        with pytest.raises(ValueError, match="are not in class_weight"):
            estimator.fit(net.X, net.y)


def indicators(y):
    """Labels of a digit or of a cultivar that overlap."""
    return np.column_stack([y == 0, y >= 1, y % 2 == 0]).astype(int)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, list])
def test_matrix_of_labels(net, kind):
    Y, Y_test = indicators(net.y), indicators(net.y_test)
    clf = net.make().fit(net.X, Y.tolist() if kind is list else kind(Y))
    said, probabilities = clf.predict(net.X_test), clf.predict_proba(net.X_test)
    assert said.shape == probabilities.shape == Y_test.shape
    assert_array_equal(np.unique(said), [0, 1])
    assert_array_equal(said, probabilities > 0.5)
    assert f1_score(Y_test, said, average="macro") > 0.85
    logits = clf.decision_function(net.X_test)
    assert_allclose(1 / (1 + np.exp(-logits)), probabilities, atol=1e-14)
    assert clf.score(net.X_test, Y_test) == np.mean((said == Y_test).all(1))
    # The second label is the opposite of the first: rows need not sum to one.
    assert np.abs(probabilities.sum(1) - 1).max() > 0.3


def test_matrix_of_one_label_per_row_stays_a_matrix(net):
    Y = np.eye(len(np.unique(net.y)), dtype=int)[net.y]
    clf = net.make().fit(net.X, Y)
    assert clf.out_activation_ == "logistic"
    said = clf.predict(net.X_test)
    assert said.shape == (len(net.X_test), Y.shape[1])
    assert np.mean(said.argmax(1) == net.y_test) > 0.8


def test_matrix_of_labels_with_weights_and_early_stopping(net):
    clf = net.make(early_stopping=True, validation_fraction=0.2)
    weight = np.linspace(0.5, 2, len(net.X))
    clf.fit(net.X, indicators(net.y), sample_weight=weight)
    assert clf.best_validation_score_ == max(clf.validation_scores_) > 0.5
    assert clf.score(net.X_test, indicators(net.y_test)) > 0.6


def test_matrix_of_labels_in_parts(net):
    clf = net.make(learning_rate="constant")
    Y = indicators(net.y)
    for _ in range(8):
        for part in np.array_split(np.arange(len(Y)), 2):
            clf.partial_fit(net.X[part], Y[part], classes=[0, 1, 2])
    assert clf.score(net.X_test, indicators(net.y_test)) > 0.6
    assert clf.t_ == 8 * len(Y)


def test_classes_that_come_in_parts(net):
    classes = np.unique(WORDS[net.y])
    clf = net.make(learning_rate="constant")
    order = np.argsort(net.y)
    clf.partial_fit(net.X[order[:20]], WORDS[net.y[order[:20]]], classes=classes)
    assert len(set(net.y[order[:20]])) == 1
    assert clf.predict_proba(net.X_test).shape == (len(net.X_test), len(classes))
    for _ in range(8):
        clf.partial_fit(net.X, WORDS[net.y])
    assert clf.score(net.X_test, WORDS[net.y_test]) > 0.8


def test_epochs_of_partial_fit_are_those_of_fit(net):
    """One generator for each use of chance goes on from call to call."""
    options = {"learning_rate": "constant", "n_iter_no_change": np.inf, "dropout": 0.2}
    # An automatic penalty wants to know how many samples there will be.
    options["alpha"] = 1e-4
    whole = net.make(**options, max_iter=3)
    with pytest.warns(match="Maximum iterations"):
        whole.fit(net.X, net.y)
    parts = net.make(**options)
    for _ in range(3):
        parts.partial_fit(net.X, net.y, classes=np.unique(net.y))
    # The statistics of standardization see the same rows once or three times.
    assert_allclose(
        parts.predict_proba(net.X_test), whole.predict_proba(net.X_test), atol=1e-6
    )
    assert_allclose(parts.loss_curve_, whole.loss_curve_, rtol=1e-6)


@pytest.mark.parametrize("first", [True, False])
def test_unseen_class_in_partial_fit_is_refused(net, first):
    clf, reference = net.make(), MLPClassifier()
    if not first:
        for estimator in (clf, reference):
            estimator.partial_fit(net.X, net.y, classes=np.unique(net.y))
        before = clf.predict_proba(net.X_test)
    y = net.y.copy()
    y[5] = 99
    for estimator in (reference, clf):
        classes = np.unique(net.y) if first else None
        with pytest.raises(ValueError, match=r"`y` has classes not in `self.classes_`"):
            estimator.partial_fit(net.X, y, classes=classes)
    if not first:
        assert_array_equal(clf.predict_proba(net.X_test), before)


def test_first_partial_fit_needs_classes(net):
    for estimator in (MLPClassifier(), net.make()):
        with pytest.raises(ValueError, match=r"classes.* on the first call"):
            estimator.partial_fit(net.X, net.y)


def test_classes_must_not_change_between_partial_fits(net):
    clf = net.make().partial_fit(net.X, net.y, classes=np.unique(net.y))
    with pytest.raises(ValueError, match="`classes` must be the same"):
        clf.partial_fit(net.X, net.y, classes=np.arange(9))
