"""scikit-learn's searches, scores and curves around the nets."""

import numpy as np
import pytest
import sklearn
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform
from sklearn.base import clone

# Imported for what it does: it makes HalvingRandomSearchCV importable.
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import accuracy_score, make_scorer, roc_auc_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    LeaveOneGroupOut,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

# A rate this small leaves the net as it was drawn.
GRID = {"learning_rate_init": [1e-9, 0.03]}


def folds(net):
    return list(StratifiedKFold(3).split(net.X, net.y))


def by_hand(clf, net, weight=None):
    """Scores of three folds, computed without scikit-learn's loops."""
    scores = []
    for train, test in folds(net):
        given = {} if weight is None else {"sample_weight": weight[train]}
        fitted = clone(clf).fit(net.X[train], net.y[train], **given)
        scores.append(fitted.score(net.X[test], net.y[test]))
    return scores


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_grid_search_finds_the_better_candidate_in_every_backend(net, backend):
    search = GridSearchCV(net.make(), GRID, cv=3, n_jobs=2, error_score="raise")
    with parallel_config(backend):
        search.fit(net.X, net.y)
    assert search.best_params_ == {"learning_rate_init": 0.03}
    splits = [search.cv_results_[f"split{i}_test_score"] for i in range(3)]
    for candidate, rate in enumerate(GRID["learning_rate_init"]):
        expected = by_hand(net.make(learning_rate_init=rate), net)
        assert_array_equal([split[candidate] for split in splits], expected)
    refitted = net.make(**search.best_params_).fit(net.X, net.y)
    assert_array_equal(
        search.predict_proba(net.X_test), refitted.predict_proba(net.X_test)
    )
    assert search.score(net.X_test, net.y_test) > 0.8


def test_architectures_are_parameters_like_others(net):
    grid = {
        "DeepMLPClassifier": {"hidden_layer_sizes": [(4,), (8, 4)]},
        # The mean of four filters, as both pool by themselves, says little.
        "DeepCNNClassifier": {
            "architecture": ["plain", "fcn"],
            "pooling": ["flatten"],
        },
        "DeepRNNClassifier": {"cell_type": ["gru", "lstm"]},
    }[type(net.estimator).__name__]
    (name, values), *_ = grid.items()
    search = GridSearchCV(net.make(), grid, cv=2, error_score="raise")
    search.fit(net.X, net.y)
    assert search.cv_results_["mean_test_score"].min() > 0.5
    assert len(set(search.cv_results_["mean_test_score"])) == 2
    assert search.best_params_[name] in values


def test_several_scores_in_one_search(net):
    search = GridSearchCV(
        net.make(),
        GRID,
        scoring=["accuracy", "neg_log_loss", "roc_auc_ovr"],
        refit="neg_log_loss",
        cv=3,
        error_score="raise",
    ).fit(net.X, net.y)
    assert search.best_index_ == 1
    assert search.cv_results_["mean_test_roc_auc_ovr"][1] > 0.95


def test_random_search(net):
    search = RandomizedSearchCV(
        net.make(),
        {"learning_rate_init": loguniform(1e-6, 1e-1), "alpha": [1e-4, 1e-2]},
        n_iter=4,
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(net.X, net.y)
    rates = search.cv_results_["param_learning_rate_init"]
    scores = search.cv_results_["mean_test_score"]
    assert search.best_params_["learning_rate_init"] == rates[scores.argmax()]
    assert scores.max() > scores.min() + 0.1
    assert search.best_score_ > 0.7


@pytest.mark.parametrize("resource", ["n_samples", "max_iter"])
def test_halving_search(net, resource):
    grid = {"learning_rate_init": [1e-9, 1e-8, 0.02, 0.03]}
    bounds = (50, "auto") if resource == "n_samples" else (4, 8)
    search = HalvingGridSearchCV(
        net.make(),
        grid,
        resource=resource,
        min_resources=bounds[0],
        max_resources=bounds[1],
        factor=2,
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(net.X, net.y)
    assert search.best_params_["learning_rate_init"] >= 0.02
    assert search.n_candidates_[:2] == [4, 2]
    if resource == "max_iter":
        assert search.best_estimator_.n_iter_ == 8


def test_random_halving_search(mlp):
    search = HalvingRandomSearchCV(
        mlp.make(),
        {"learning_rate_init": loguniform(1e-6, 0.1)},
        n_candidates=4,
        min_resources=60,
        factor=2,
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(mlp.X, mlp.y)
    assert search.best_params_["learning_rate_init"] > 1e-4


def test_cross_validation_gives_each_fold_a_net_of_its_own(net):
    result = cross_validate(
        net.make(),
        net.X,
        net.y,
        cv=folds(net),
        return_estimator=True,
        return_train_score=True,
        error_score="raise",
    )
    assert_array_equal(result["test_score"], by_hand(net.make(), net))
    assert result["train_score"].min() > 0.8
    modules = {id(clf.module_) for clf in result["estimator"]}
    assert len(modules) == 3


def test_weights_are_routed_to_fit_and_score(net):
    weight = np.where(net.y == 0, 20.0, 0.1)
    clf = net.make()
    with sklearn.config_context(enable_metadata_routing=True):
        clf.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        weighted = cross_validate(
            clf,
            net.X,
            net.y,
            cv=folds(net),
            params={"sample_weight": weight},
            return_estimator=True,
            error_score="raise",
        )
        search = GridSearchCV(
            make_pipeline(MinMaxScaler(), clf), {"deepnet__alpha": [1e-4]}, cv=2
        )
        search.estimator.steps[-1] = ("deepnet", clf)
        search.fit(net.X, net.y, sample_weight=weight)
    for fitted, (train, test), score in zip(
        weighted["estimator"], folds(net), weighted["test_score"], strict=True
    ):
        alone = net.make().fit(net.X[train], net.y[train], weight[train])
        assert_array_equal(alone.predict_proba(net.X), fitted.predict_proba(net.X))
        said = alone.predict(net.X[test])
        assert score == accuracy_score(net.y[test], said, sample_weight=weight[test])
    refitted = net.make(alpha=1e-4).fit(
        MinMaxScaler().fit_transform(net.X), net.y, weight
    )
    assert_array_equal(search.best_estimator_[-1].loss_curve_, refitted.loss_curve_)


def test_weights_that_are_not_requested_are_refused(net):
    weight = np.ones(len(net.X))
    with (
        sklearn.config_context(enable_metadata_routing=True),
        pytest.raises(ValueError, match=r"\[sample_weight\] are passed but are not"),
    ):
        cross_validate(net.make(), net.X, net.y, cv=2, params={"sample_weight": weight})


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_predictions_from_outside_each_fold(net, method):
    said = cross_val_predict(net.make(), net.X, net.y, cv=folds(net), method=method)
    n_classes = len(np.unique(net.y))
    assert said.shape == (len(net.X), n_classes)[: said.ndim]
    for train, test in folds(net):
        fitted = net.make().fit(net.X[train], net.y[train])
        assert_array_equal(said[test], getattr(fitted, method)(net.X[test]))
    if method == "predict":
        assert np.mean(said == net.y) > 0.8


def test_groups(net):
    groups = np.arange(len(net.X)) % 4
    scores = cross_val_score(
        net.make(), net.X, net.y, groups=groups, cv=LeaveOneGroupOut()
    )
    assert scores.shape == (4,)
    assert scores.min() > 0.6
    search = GridSearchCV(net.make(), GRID, cv=GroupKFold(2))
    assert search.fit(net.X, net.y, groups=groups).best_index_ == 1


def test_learning_curve_rises(net):
    sizes, train, test = learning_curve(
        net.make(),
        net.X,
        net.y,
        train_sizes=[12, len(net.X) // 2],
        cv=3,
        shuffle=True,
        random_state=0,
        error_score="raise",
    )
    assert_array_equal(sizes, [12, len(net.X) // 2])
    assert train.shape == test.shape == (2, 3)
    assert test[1].mean() > test[0].mean() + 0.05


def test_learning_curve_of_partial_fits(net):
    _, train, _ = learning_curve(
        net.make(learning_rate="constant"),
        net.X,
        net.y,
        train_sizes=[15, 30, 50],
        cv=2,
        exploit_incremental_learning=True,
        shuffle=True,
        random_state=0,
        error_score="raise",
    )
    assert train.shape == (3, 2)
    assert train[-1].mean() > 1.2 / len(np.unique(net.y))


def test_validation_curve_shows_what_a_parameter_does(net):
    train, test = validation_curve(
        net.make(),
        net.X,
        net.y,
        param_name="learning_rate_init",
        param_range=[1e-9, 0.03],
        cv=3,
        error_score="raise",
    )
    assert train.shape == test.shape == (2, 3)
    assert test[1].min() > test[0].max() + 0.1


def test_scores_are_better_than_those_of_shuffled_labels(mlp):
    score, shuffled, p = permutation_test_score(
        mlp.make(), mlp.X, mlp.y, cv=2, n_permutations=9, random_state=0
    )
    assert score > 0.8 > shuffled.max()
    assert p == 0.1


@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_fixed_threshold(binary_net, method):
    net = binary_net
    fixed = FixedThresholdClassifier(
        net.make(), threshold=0.3, response_method=method
    ).fit(net.X, net.y)
    response = getattr(net.make().fit(net.X, net.y), method)(net.X_test)
    response = response[:, 1] if method == "predict_proba" else response
    labels = np.unique(net.y)[(response >= 0.3).astype(int)]
    assert_array_equal(fixed.predict(net.X_test), labels)


@pytest.mark.parametrize(
    "scoring",
    [
        "accuracy",
        "balanced_accuracy",
        "f1_macro",
        "roc_auc",
        "average_precision",
        "neg_log_loss",
        "neg_brier_score",
        "matthews_corrcoef",
        "d2_log_loss_score",
        make_scorer(roc_auc_score, response_method=["decision_function"]),
    ],
)
def test_scorers_take_the_nets(binary_net, scoring):
    net = binary_net
    score = sklearn.metrics.check_scoring(net.make(), scoring)
    y, y_test = ((labels == net.y.max()).astype(int) for labels in (net.y, net.y_test))
    good, bad = (
        score(net.make(**options).fit(net.X, y), net.X_test, y_test)
        for options in ({}, {"learning_rate_init": 1e-9})
    )
    assert good > bad + 0.1


def test_stopping_never_looks_at_the_fold_that_judges(net):
    """Its validation rows are part of the training rows of the fold."""
    looked_at = []

    def watch(clf, X, y):
        looked_at.append(set(map(bytes, X)))
        return clf.score(X, y)

    clf = net.make(early_stopping=True, scoring=watch, validation_fraction=0.2)
    for train, test in folds(net):
        looked_at.clear()
        clone(clf).fit(net.X[train], net.y[train])
        assert looked_at
        seen = set.union(*looked_at)
        assert seen <= set(map(bytes, net.X[train]))
        assert not seen & set(map(bytes, net.X[test]))


def test_permutation_importance_ranks_what_counts(net):
    columns = {"DeepMLPClassifier": 13}.get(type(net.estimator).__name__, 64)
    clf = net.make().fit(net.X, net.y)
    result = permutation_importance(
        clf, net.X_test, net.y_test, n_repeats=2, random_state=0, n_jobs=1
    )
    assert result.importances.shape == (columns, 2)
    assert result.importances_mean.max() > 0.02
    constant = net.X_test.std(0) == 0
    assert_array_equal(result.importances[constant], 0)


@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_partial_dependence_is_the_mean_answer(binary_net, method):
    net = binary_net
    clf = net.make().fit(net.X, net.y)
    column = int(net.X.std(0).argmax())
    result = partial_dependence(
        clf, net.X_test, [column], grid_resolution=5, response_method=method
    )
    (grid,) = result["grid_values"]
    for value, average in zip(grid, result["average"][0], strict=True):
        X = net.X_test.copy()
        X[:, column] = value
        response = getattr(clf, method)(X)
        response = response[:, 1] if method == "predict_proba" else response
        assert average == pytest.approx(response.mean())
    assert np.ptp(result["average"]) > 0.001


def test_partial_dependence_of_several_classes(net):
    clf = net.make().fit(net.X, net.y)
    column = int(net.X.std(0).argmax())
    result = partial_dependence(clf, net.X_test, [column], grid_resolution=4)
    assert len(result["average"]) == len(clf.classes_)
    assert_allclose(result["average"].sum(0), 1)
