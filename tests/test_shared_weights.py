"""Ensembles whose members share their hidden layers."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer
from sklearn.inspection import permutation_importance
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from small_nets import X, Y, mlp

from skdeep import DeepMLPClassifier, inspection, model_selection

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
LABELS = np.column_stack([Y == 1, X[:, 0] > 13]).astype(int)


def shared(**parameters):
    return mlp(n_members=3, shared_weights=True, **parameters)


def member_probabilities(clf, X):
    """Softmax of the logits that the net has in training, without its dropout."""
    module = clf.to_module().train()
    logits = module(torch.from_numpy(X)).detach()
    return torch.softmax(logits, 2).numpy()


def test_probabilities_are_the_mean_of_those_of_the_members():
    clf = shared().fit(X, Y)
    members = member_probabilities(clf, X)
    assert members.shape == (3, len(X), 3)
    assert np.abs(members[0] - members[1]).max() > 1e-2
    assert_allclose(clf.predict_proba(X), members.mean(0), rtol=1e-9)


def test_loss_is_the_mean_of_those_of_the_members():
    clf = shared(alpha=0, max_iter=1, learning_rate_init=1e-12).fit(X, Y)
    losses = [log_loss(Y, p) for p in member_probabilities(clf, X)]
    assert clf.loss_ == pytest.approx(np.mean(losses), rel=1e-6)


def test_members_share_all_but_scales_and_output():
    clf = shared(numerical_embedding=None).fit(X, Y)
    assert [w.shape for w in clf.coefs_] == [(13, 8), (3, 8, 3)]
    assert [b.shape for b in clf.intercepts_] == [(8,), (3, 3)]
    assert clf.n_layers_ == 3


def test_an_ensemble_knows_better_than_one_net():
    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=150, random_state=0
    )
    loss = {}
    for n_members in (1, 8):
        clf = DeepMLPClassifier(
            (64, 64),
            n_members=n_members,
            shared_weights=True,
            batch_size=32,
            max_iter=40,
            random_state=0,
        )
        clf.fit(X_train, y_train)
        loss[n_members] = log_loss(y_test, clf.predict_proba(X_test))
    assert loss[8] < 0.97 * loss[1]


def test_labels_of_their_own():
    clf = shared(max_iter=30).fit(X, LABELS)
    module = clf.to_module().train()
    members = torch.sigmoid(module(torch.from_numpy(X))).detach().numpy()
    assert_allclose(clf.predict_proba(X), members.mean(0), rtol=1e-9)
    assert clf.score(X, LABELS) > 0.8


def test_weights_act_as_repetitions():
    weight = np.random.default_rng(0).integers(0, 3, len(Y))
    options = {"batch_size": 1000, "max_iter": 20, "dropout": 0.3}
    weighted = shared(**options).fit(X, Y, sample_weight=weight)
    repeated = shared(**options).fit(X.repeat(weight, 0), Y.repeat(weight))
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-6)


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "lbfgs", "max_iter": 10},
        {"normalization": "layer", "early_stopping": True},
        {"hidden_layer_sizes": ()},
        {"loss": "focal", "label_smoothing": 0.1},
        {"categorical_features": [0]},
        {"l1_ratio": 0.5, "dtype": "float32"},
    ],
    ids=str,
)
def test_goes_with_the_other_parameters(parameters):
    data = np.column_stack([Y % 2 + 10.0, X])
    clf = shared(**{"max_iter": 15, **parameters}).fit(data, Y)
    assert clf.score(data, Y) > 0.85


def test_pickle_partial_fit_and_warm_start():
    clf = shared().partial_fit(X, Y, classes=[0, 1, 2])
    clf.partial_fit(X, Y)
    assert clf.t_ == 2 * len(X)
    restored = pickle.loads(pickle.dumps(clf))
    assert_array_equal(restored.predict_proba(X), clf.predict_proba(X))
    loss = clf.loss_
    assert clf.set_params(warm_start=True).fit(X, Y).loss_ < loss


@pytest.mark.parametrize(
    "change", [{"n_members": 1}, {"n_members": 4}, {"shared_weights": False}], ids=str
)
def test_warm_start_needs_the_same_ensemble(change):
    clf = shared(warm_start=True).fit(X, Y)
    (name,) = change
    with pytest.raises(ValueError, match=f"`{name}` must not change"):
        clf.set_params(**change).fit(X, Y)


def test_search_that_stacks_gives_what_scikit_learn_gives():
    grid = {"alpha": [1e-4, 10.0], "shared_weights": [True, False]}
    ours, theirs = (
        search(mlp(n_members=2), grid, cv=2).fit(X, Y)
        for search in (model_selection.GridSearchCV, GridSearchCV)
    )
    assert_allclose(
        ours.cv_results_["mean_test_score"],
        theirs.cv_results_["mean_test_score"],
        rtol=1e-9,
    )


def test_batches_have_no_statistics_of_their_own():
    with pytest.raises(ValueError, match="`normalization` must be None or 'layer'"):
        shared(normalization="batch").fit(X, Y)


def test_explanations():
    clf = shared(max_iter=20).fit(X, Y)
    options = {"random_state": 0, "n_repeats": 2}
    ours = inspection.permutation_importance(clf, X, Y, **options)
    theirs = permutation_importance(clf, X, Y, **options)
    assert_allclose(ours.importances, theirs.importances, atol=1e-12)
    result = inspection.integrated_gradients(clf, X)
    gain = np.abs(result.attributions.sum(1)).mean()
    assert np.abs(result.convergence_delta).mean() < 0.05 * gain
    hidden = inspection.layer_activations(clf, X, "hidden.0").activations
    assert hidden.shape == (len(X), 8)
    assert "(n, 3, 8)" in str(inspection.summary(clf))
