"""Periodic embeddings and robust scaling: what works with the defaults works on."""

import pickle

import numpy as np
import pytest
import torch
from inspection.explained import table_of_categories
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from small_nets import X, Y, mlp

from skdeep import model_selection
from skdeep.modules import RobustStandardizer

# Few epochs are enough to tell whether something works.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
PERIODIC = {"numerical_embedding": "periodic"}
ROBUST = {"standardize": "robust"}
BOTH = {**PERIODIC, **ROBUST}
PLAIN_ROBUST = {**ROBUST, "numerical_embedding": None}
each_option = pytest.mark.parametrize(
    "options", [PERIODIC, BOTH, PLAIN_ROBUST], ids=["periodic", "both", "robust"]
)


@each_option
@pytest.mark.parametrize(
    "net",
    [{}, {"n_members": 2}, {"n_members": 3, "shared_weights": True}],
    ids=["one", "members", "shared"],
)
def test_pickles_and_modules_answer_alike(options, net):
    clf = mlp(**options, **net).fit(X, Y)
    logits = clf.decision_function(X)
    again = pickle.loads(pickle.dumps(clf))
    assert_array_equal(again.decision_function(X), logits)
    module = clf.to_module()
    assert_allclose(module(torch.from_numpy(X)).detach(), logits, atol=1e-9)
    assert_allclose(again.fit(X, Y).decision_function(X), logits, atol=1e-9)


@each_option
def test_weights_are_repetitions(options):
    index = np.arange(40)
    weight = np.random.default_rng(0).integers(0, 4, 40)
    index = index * len(X) // 40
    clf = mlp(**options, batch_size=200)
    weighted = clf.fit(X[index], Y[index], weight).predict_proba(X)
    index = np.repeat(index, weight)
    assert_allclose(weighted, clf.fit(X[index], Y[index]).predict_proba(X), rtol=1e-6)


@each_option
def test_waves_and_weights_are_trained_by_any_solver(options):
    for solver in ("adamw", "sgd", "lbfgs"):
        clf = mlp(**options, solver=solver, max_iter=1).fit(X, Y)
        before = [p.detach().clone() for p in clf.module_.parameters()]
        clf.set_params(warm_start=True, max_iter=2).fit(X, Y)
        for p, earlier in zip(clf.module_.parameters(), before, strict=True):
            assert not torch.equal(p, earlier)


@each_option
def test_scaling_stays_where_training_goes_on(options):
    def first(clf):
        inner = clf.module_.standardizer
        inner = getattr(inner, "standardizer", inner)
        return inner.center.clone(), inner.inverse_scale.clone()

    is_robust = options.get("standardize") == "robust"
    for clf in (
        mlp(**options, warm_start=True).fit(X[::2], Y[::2]),
        mlp(**options, learning_rate="constant").partial_fit(X[::2], Y[::2], [0, 1, 2]),
    ):
        before = first(clf)
        again = clf.fit if clf.warm_start else clf.partial_fit
        again(X, Y)
        same = [torch.equal(*pair) for pair in zip(before, first(clf), strict=True)]
        assert same == [is_robust] * 2
        assert np.isfinite(clf.predict_proba(X)).all()


@pytest.mark.parametrize("name", BOTH)
def test_options_must_not_change_while_training_goes_on(name):
    clf = mlp(warm_start=True, max_iter=1).fit(X, Y)
    clf.set_params(**{name: BOTH[name]})
    with pytest.raises(ValueError, match=f"`{name}` must not change between fits"):
        clf.fit(X, Y)


@each_option
def test_frames_with_categories_and_gaps(options):
    frame = table_of_categories()
    clf = mlp(**options, max_iter=20).fit(frame, Y)
    assert clf.score(frame, Y) > 0.9
    hidden = frame.assign(a=np.nan, many=None, few="new")
    assert np.isfinite(clf.predict_proba(hidden)).all()
    one_by_one = [clf.predict_proba(hidden[i : i + 1])[0] for i in range(5)]
    assert_allclose(clf.predict_proba(hidden)[:5], one_by_one, rtol=1e-9)


@each_option
def test_sparse_rows_are_dense_rows(options):
    rows = X * (np.median(X, 0) < X)
    dense, thin = (mlp(**options).fit(x, Y) for x in (rows, sparse.csr_array(rows)))
    assert_array_equal(thin.predict_proba(rows), dense.predict_proba(rows))


@each_option
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_search_finds_what_that_of_scikit_learn_finds(options, activation):
    grid = {"learning_rate_init": [0.01, 0.03], "standardize": [True, "robust"]}
    net = mlp(**options, activation=activation, max_iter=2)
    theirs = GridSearchCV(net, grid, cv=2).fit(X, Y)
    ours = model_selection.GridSearchCV(net, grid, cv=2).fit(X, Y)
    for key in ("mean_test_score", "std_test_score"):
        assert_allclose(ours.cv_results_[key], theirs.cv_results_[key])
    assert ours.best_params_ == theirs.best_params_


def test_one_wild_row_does_not_hide_the_others():
    X, y = load_breast_cancer(return_X_y=True)
    poisoned = X.copy()
    poisoned[0] *= 1e5
    scores = {}
    for standardize in (True, "robust"):
        clf = mlp(numerical_embedding=None, standardize=standardize, max_iter=10)
        scores[standardize] = clf.fit(poisoned, y).score(X, y)
    assert scores["robust"] > 0.94
    assert scores["robust"] > scores[True] + 0.05


def test_other_numbers_than_before_stay_near():
    clf = mlp(**PLAIN_ROBUST).fit(X, Y)
    assert isinstance(clf.module_.standardizer, RobustStandardizer)
    far, further = (clf.predict_proba(X * factor) for factor in (1e8, 1e12))
    assert_allclose(far, further, atol=1e-6)


def test_images_and_sequences_are_not_scaled_that_way():
    from small_nets import NETS, data

    for kind in ("cnn", "rnn"):
        clf = clone(NETS[kind]).set_params(standardize="robust")
        rule = (
            r"`standardize` must be True or False or 'auto' or 'sample'. Got 'robust'."
        )
        with pytest.raises(ValueError, match=rule):
            clf.fit(*data(kind))
