"""Every parameter out of its bounds: the error has the rule and the value."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier

ESTIMATORS = [DeepMLPClassifier, DeepCNNClassifier, DeepRNNClassifier]
SIZES = [0, -3, (4, 0), (2.5,), "12", None]
POSITIVE = [0, -3, 2.5, "many", None, np.nan, True]
SHARED = {
    "activation": ["Relu", None, 3],
    "solver": ["SGD", None],
    "alpha": [-1e-9, "small", np.nan, np.inf],
    "l1_ratio": [-0.1, 1.1, None],
    "batch_size": [0, -3, 2.5, "all", None],
    "learning_rate": [0.1, "linear"],
    "learning_rate_init": [0, -0.1, np.inf, "auto"],
    "power_t": [-1, None],
    "max_iter": POSITIVE,
    "loss": ["hinge", None],
    "focal_gamma": [-1, None],
    "label_smoothing": [-0.1, 1.0, None],
    "class_weight": ["even", 3],
    "batch_sampler": ["random", True],
    "dropout": [-0.1, 1.0, None],
    "normalization": ["instance", True],
    "gradient_clip": [0, -1.0, "norm"],
    "standardize": ["yes", 1, None],
    "shuffle": ["yes", 1, None],
    "random_state": [-1, "seed", 1.5],
    "tol": [-1e-9, None],
    "verbose": [-1, "loud", None],
    "warm_start": ["yes", 1, None],
    "momentum": [-0.1, 1.1, None],
    "nesterovs_momentum": ["yes", 1, None],
    "early_stopping": ["yes", 1, None],
    "validation_fraction": [0, 1, 1.5, -0.1, None],
    "scoring": [3],
    "beta_1": [-0.1, 1.0, None],
    "beta_2": [-0.1, 1.0, None],
    "epsilon": [0, -1e-8, None],
    "n_iter_no_change": [0, -1, 2.5, None],
    "max_fun": POSITIVE,
    "n_members": POSITIVE,
    "device": ["gpu", 0, None],
    "dtype": ["float16", np.float32, None],
    "mixed_precision": ["yes", 1, None],
    "callbacks": ["print", 3, [3], [object]],
}
SHAPE = [8, (8,), (8, 0), (-1, -1), (2.5, 2), "88"]
OWN = {
    DeepMLPClassifier: {
        "hidden_layer_sizes": SIZES,
        "categorical_features": ["by_dtype", 3, {"a": 1}],
        "numerical_embedding": ["waves", 3],
        "shared_dropout": ["yes", None],
        "input_dropout": [1.0, -0.1, "some", None],
        "shared_weights": ["yes", None],
    },
    DeepCNNClassifier: {
        "input_shape": [*SHAPE, (2, 2, 2, 2)],
        "channels": ["middle", 1],
        "architecture": ["deep", None],
        "n_filters": [*SIZES, ()],
        "depth": POSITIVE,
        "kernel_size": [*SIZES, ()],
        "stride": POSITIVE,
        "pool_size": POSITIVE,
        "pooling": ["min", None],
        "hidden_layer_sizes": SIZES,
        "augmentation": ["rotate", 3, ["shift", None]],
    },
    DeepRNNClassifier: {
        "input_type": ["text", None],
        "input_shape": [*SHAPE, (2, 2, 2)],
        "embedding_dim": POSITIVE,
        "architecture": ["fcn", None],
        "patch_size": POSITIVE,
        "n_filters": [8, (8, 8), (8, 8, 0), None],
        "cell_type": ["GRU", None],
        "hidden_size": POSITIVE,
        "n_layers": POSITIVE,
        "bidirectional": ["yes", 1, None],
        "pooling": ["first", None],
        "hidden_layer_sizes": SIZES,
    },
}
CASES = [
    pytest.param(estimator, name, value, id=f"{estimator.__name__}-{name}-{value}")
    for estimator in ESTIMATORS
    for name, values in {**SHARED, **OWN[estimator]}.items()
    for value in values
]
X, Y = np.random.default_rng(0).normal(size=(12, 4)), np.arange(12) % 2


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_no_parameter_is_left_out(estimator):
    assert set(estimator().get_params()) == {*SHARED, *OWN[estimator]}


@pytest.mark.parametrize(("estimator", "name", "value"), CASES)
def test_message_names_parameter_rule_and_value(estimator, name, value):
    # Nothing is checked, and nothing breaks, before fit.
    clf = estimator(**{name: value})
    message = f"^`{name}` must be .+[^ ]. Got {re.escape(repr(value))}"
    with pytest.raises(ValueError, match=message) as error:
        clf.fit(X, Y)
    assert isinstance(error.value, TypeError)
    assert not [name for name in vars(clf) if name.endswith("_")]
    # Anything true hides partial_fit.
    if name != "early_stopping":
        with pytest.raises(ValueError, match=message):
            clf.partial_fit(X, Y, classes=[0, 1])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"solver": "lbfgs", "dropout": 0.5},
            "`dropout` must be 0 with solver='lbfgs'",
        ),
        (
            {"solver": "lbfgs", "batch_sampler": "balanced"},
            "`batch_sampler` must be None with solver='lbfgs'",
        ),
        (
            {"normalization": "batch", "batch_size": 1},
            "`batch_size` must be at least 2 with normalization='batch'",
        ),
        ({"early_stopping": True, "scoring": "acuracy"}, "'acuracy'"),
    ],
)
def test_what_does_not_go_together(net, parameters, message):
    clf = net.make(**parameters)
    with pytest.raises((ValueError, TypeError), match=message):
        clf.fit(net.X, net.y)
    assert not [name for name in vars(clf) if name.endswith("_")]


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, "heavy"])
def test_class_weights_are_numbers_of_at_least_zero(net, bad):
    clf = net.make(class_weight={0: bad, 1: 2.0})
    with pytest.raises(ValueError, match="`class_weight` must be"):
        clf.fit(net.X, net.y)


def test_class_weights_must_leave_something(net):
    clf = net.make(class_weight=dict.fromkeys(np.unique(net.y).tolist(), 0.0))
    with pytest.raises(ValueError, match=r"class_weight.*at least one"):
        clf.fit(net.X, net.y)


def test_bad_parameter_of_a_fitted_estimator_keeps_it_usable(net):
    clf = net.make().fit(net.X, net.y)
    before = clf.predict_proba(net.X_test)
    with pytest.raises(ValueError, match="`alpha` must be a number at least 0"):
        clf.set_params(alpha=-1).fit(net.X[:50], net.y[:50])
    assert_array_equal(clf.predict_proba(net.X_test), before)


def test_misspelt_parameter_is_refused_at_once(net):
    with pytest.raises(ValueError, match="Invalid parameter 'learning_rates'"):
        net.make().set_params(learning_rates=0.1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'lr'"):
        type(net.estimator)(lr=0.1)


def test_search_names_the_bad_candidate(net):
    search = GridSearchCV(
        net.estimator, {"dropout": [0.1, 2.0]}, cv=2, error_score="raise"
    )
    with pytest.raises(ValueError, match=r"`dropout` must be .* Got 2\.0"):
        search.fit(net.X, net.y)


def test_diverging_loss_advises_and_leaves_nothing_half_done(net):
    options = {"solver": "sgd", "learning_rate_init": 1e200, "dtype": "float64"}
    clf = net.make(**options, learning_rate="constant", standardize=False)
    X = net.X * 1e100
    advice = "loss must stay finite.*Lower `learning_rate_init`.*`gradient_clip`"
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=advice):
        clf.fit(X, net.y)
    assert not [name for name in vars(clf) if name.endswith("_")]
    clf.set_params(**net.estimator.get_params()).fit(net.X, net.y)
    fresh = net.make().fit(net.X, net.y)
    assert_array_equal(clf.predict_proba(net.X_test), fresh.predict_proba(net.X_test))
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=advice):
        clf.set_params(**options, learning_rate="constant", standardize=False).fit(
            X, net.y
        )
    assert_array_equal(clf.predict_proba(net.X_test), fresh.predict_proba(net.X_test))
