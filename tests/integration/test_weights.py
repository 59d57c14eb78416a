"""Weights of samples and of classes act as repetitions do."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.estimator_checks import check_sample_weight_equivalence_on_dense_data

FULL_BATCH = {"batch_size": 10**6, "max_iter": 12, "dtype": "float64"}
WAYS_TO_TRAIN = {
    "adam": {"alpha": 0.3},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.1},
    "adamw": {"solver": "adamw", "alpha": 0.1},
    "rmsprop": {"solver": "rmsprop"},
    "l1": {"alpha": 0.5, "l1_ratio": 0.5},
    "lbfgs": {"solver": "lbfgs", "max_iter": 60},
    "focal": {"loss": "focal", "label_smoothing": 0.1},
    "class weights": {"class_weight": {0: 3.0, 1: 0.5}},
    "balanced": {"class_weight": "balanced"},
    "layer normalization": {"normalization": "layer"},
    "batch normalization": {"normalization": "batch"},
    "clipped": {"gradient_clip": 0.05},
    "stopping": {"early_stopping": True, "validation_fraction": 0.3},
    "stopping on the loss": {"early_stopping": True, "scoring": "loss"},
    "stopping on a score": {"early_stopping": True, "scoring": "neg_log_loss"},
    "stopping balanced": {"early_stopping": True, "class_weight": "balanced"},
}


def assert_same_fit(one, other, X, atol=1e-6):
    assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=atol)
    assert_allclose(one.loss_curve_, other.loss_curve_, rtol=1e-5)
    if one.early_stopping:
        assert_allclose(one.validation_scores_, other.validation_scores_, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize("way", WAYS_TO_TRAIN)
def test_weights_act_as_repeated_samples(net, way):
    clf = net.make(**{**FULL_BATCH, **WAYS_TO_TRAIN[way]})
    weight = np.random.default_rng(0).integers(0, 4, len(net.X))
    repeated = np.repeat(np.arange(len(net.X)), weight)
    weighted = clf.fit(net.X, net.y, sample_weight=weight)
    from_repeated = net.make(**clf.get_params()).fit(net.X[repeated], net.y[repeated])
    assert_same_fit(weighted, from_repeated, net.X_test)
    plain = net.make(**clf.get_params()).fit(net.X, net.y)
    difference = weighted.predict_proba(net.X_test) - plain.predict_proba(net.X_test)
    assert np.abs(difference).max() > 1e-4


@pytest.mark.parametrize("way", ["adam", "stopping", "balanced"])
def test_weight_zero_is_absence_in_batches_too(net, way):
    kept = np.random.default_rng(0).random(len(net.X)) > 0.3
    options = {**WAYS_TO_TRAIN[way], "batch_size": 16, "dropout": 0.2}
    weighted = net.make(**options).fit(net.X, net.y, sample_weight=kept.astype(float))
    alone = net.make(**options).fit(net.X[kept], net.y[kept], np.ones(kept.sum()))
    assert_array_equal(
        weighted.predict_proba(net.X_test), alone.predict_proba(net.X_test)
    )


@pytest.mark.parametrize("stopping", [False, True])
def test_class_weights_are_sample_weights(net, stopping):
    options = {"early_stopping": stopping, "batch_size": 32, "dropout": 0.2}
    classes = np.unique(net.y)
    of_class = np.linspace(0.5, 3.0, len(classes))
    by_class = net.make(
        **options, class_weight=dict(zip(classes.tolist(), of_class, strict=True))
    ).fit(net.X, net.y)
    by_sample = net.make(**options).fit(net.X, net.y, of_class[net.y])
    assert_array_equal(
        by_class.predict_proba(net.X_test), by_sample.predict_proba(net.X_test)
    )


def test_class_weights_act_as_repeated_classes(net):
    times = {0: 3, 1: 1, 2: 2, 3: 1}
    repeated = np.repeat(np.arange(len(net.X)), [times[label] for label in net.y])
    weighted = net.make(**FULL_BATCH, class_weight=times).fit(net.X, net.y)
    from_repeated = net.make(**FULL_BATCH).fit(net.X[repeated], net.y[repeated])
    # The statistics of the input are those of the weighted rows as well.
    assert_same_fit(weighted, from_repeated, net.X_test)


def test_balanced_is_its_formula_of_the_weighted_counts(net):
    weight = np.where(net.y == 0, 5.0, 1.0)
    classes = np.unique(net.y)
    balanced = compute_class_weight(
        "balanced", classes=classes, y=net.y, sample_weight=weight
    )
    by_name = net.make(class_weight="balanced").fit(net.X, net.y, weight)
    by_hand = net.make().fit(net.X, net.y, weight * balanced[net.y])
    assert_allclose(
        by_name.predict_proba(net.X_test), by_hand.predict_proba(net.X_test), atol=1e-9
    )
    assert_allclose(np.bincount(net.y, weight * balanced[net.y]).std(), 0, atol=1e-9)


def test_equal_weights_are_no_weights(net):
    plain = net.make().fit(net.X, net.y)
    for weight in (1.0, np.ones(len(net.X)), [1] * len(net.X)):
        weighted = net.make().fit(net.X, net.y, sample_weight=weight)
        assert_allclose(
            weighted.predict_proba(net.X_test),
            plain.predict_proba(net.X_test),
            atol=1e-8,
        )


def test_the_scale_of_weights_only_scales_the_penalty(net):
    options = {**FULL_BATCH, "alpha": 0.0}
    weight = np.linspace(0.5, 2.0, len(net.X))
    light = net.make(**options).fit(net.X, net.y, weight)
    heavy = net.make(**options).fit(net.X, net.y, 1000 * weight)
    assert_same_fit(light, heavy, net.X_test)


def test_weights_in_partial_fit(net):
    options = {**FULL_BATCH, "learning_rate": "constant"}
    weight = np.random.default_rng(0).integers(0, 4, len(net.X))
    repeated = np.repeat(np.arange(len(net.X)), weight)
    weighted, from_repeated = net.make(**options), net.make(**options)
    for _ in range(5):
        weighted.partial_fit(net.X, net.y, np.unique(net.y), weight)
        from_repeated.partial_fit(net.X[repeated], net.y[repeated], np.unique(net.y))
    assert_same_fit(weighted, from_repeated, net.X_test)


def test_class_that_weighs_nothing_is_never_said(net):
    weight = (net.y != 1).astype(float)
    clf = net.make(max_iter=30).fit(net.X, net.y, weight)
    assert 1 in clf.classes_
    assert 1 not in clf.predict(net.X_test)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (lambda n: np.ones(n - 1), "sample_weight must have shape"),
        (lambda n: np.ones((n, 2)), "sample_weight must have shape"),
        (lambda n: np.zeros(n), "at least one non-zero number"),
        (lambda n: np.full(n, -1.0), "Negative values in data passed to sample_weight"),
        (lambda n: np.full(n, np.nan), "sample_weight contains NaN"),
    ],
    ids=["too short", "two columns", "zeros", "negative", "NaN"],
)
def test_bad_weights_are_refused(net, weight, message):
    clf = net.make()
    with pytest.raises(ValueError, match=message):
        clf.fit(net.X, net.y, sample_weight=weight(len(net.X)))
    assert not hasattr(clf, "classes_")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", range(4))
def test_scikit_learns_check_holds_for_every_seed(net, seed):
    if "input_shape" in net.estimator.get_params():
        clf = net.make(input_shape=None, max_iter=20, random_state=seed)
    else:
        clf = net.make(max_iter=20, random_state=seed)
    name = type(clf).__name__
    check_sample_weight_equivalence_on_dense_data(name, clf)
