"""The rules of the parameters that all estimators share."""

import numpy as np

from skdeep._parameters import (
    Boolean,
    Callable,
    Callbacks,
    Device,
    InvalidParameterError,
    Kind,
    Number,
    OneOf,
    Verbosity,
    as_sizes,
    check_parameters,
    is_auto,
    parameters_of,
)
from skdeep.modules import ACTIVATIONS
from skdeep.modules.random_kernels import RANDOM

SHARED_RULES = {
    "activation": [OneOf(*ACTIVATIONS)],
    "solver": [OneOf("sgd", "adam", "adamw", "rmsprop", "lbfgs")],
    "alpha": [Number(0)],
    "l1_ratio": [Number(0, 1)],
    "batch_size": [Number(1, integer=True), OneOf("auto")],
    "learning_rate": [
        OneOf("constant", "invscaling", "adaptive", "cosine", "one_cycle")
    ],
    "learning_rate_init": [Number(0, closed="right")],
    "power_t": [Number(0)],
    "max_iter": [Number(1, integer=True), OneOf("auto")],
    "loss": [OneOf("log_loss", "focal")],
    "focal_gamma": [Number(0)],
    "label_smoothing": [Number(0, 1, closed="left")],
    "class_weight": [OneOf("balanced", None), Kind((dict, list), "a dict")],
    "batch_sampler": [OneOf("balanced", None)],
    "dropout": [Number(0, 1, closed="left")],
    "normalization": [OneOf("batch", "layer", None)],
    "gradient_clip": [Number(0, closed="right"), OneOf(None)],
    "standardize": [Boolean()],
    "shuffle": [Boolean()],
    "random_state": [
        Number(0, 2**32 - 1, integer=True),
        Kind(np.random.RandomState, "a RandomState"),
        OneOf(None),
    ],
    "tol": [Number(0)],
    "verbose": [Verbosity()],
    "warm_start": [Boolean()],
    "momentum": [Number(0, 1)],
    "nesterovs_momentum": [Boolean()],
    "early_stopping": [Boolean()],
    "validation_fraction": [Number(0, 1, closed="neither")],
    "scoring": [OneOf(None), Kind(str, "a scorer name"), Callable()],
    "beta_1": [Number(0, 1, closed="left")],
    "beta_2": [Number(0, 1, closed="left")],
    "epsilon": [Number(0, closed="right")],
    "n_iter_no_change": [Number(1, integer=True, infinite=True)],
    "max_fun": [Number(1, integer=True)],
    "n_members": [Number(1, integer=True)],
    "device": [Device()],
    "dtype": [OneOf("auto", "float32", "float64")],
    "mixed_precision": [Boolean()],
    "callbacks": [Callbacks(), OneOf(None)],
}


def check_estimator_parameters(estimator):
    """Check each parameter of `estimator`, then what must not go together.

    Raises
    ------
    InvalidParameterError
        Says the rule first, then the value got.
    """
    p = parameters_of(estimator)
    check_parameters(p, estimator._rules)
    lbfgs, rocket = p["solver"] == "lbfgs", p.get("architecture") == RANDOM
    of_rocket = f"with architecture={RANDOM!r}"
    for name, broken, rule in (
        (
            "dropout",
            lbfgs and p["dropout"] not in (0, "auto"),
            "0 with solver='lbfgs', which needs a loss without randomness",
        ),
        (
            "input_dropout",
            lbfgs and p.get("input_dropout", 0) not in (0, "auto"),
            "0 with solver='lbfgs', which needs a loss without randomness",
        ),
        (
            "batch_sampler",
            lbfgs and p["batch_sampler"] is not None,
            "None with solver='lbfgs', which has no batches",
        ),
        (
            "augmentation",
            lbfgs and p.get("augmentation"),
            "None with solver='lbfgs', which needs a loss without randomness",
        ),
        (
            "augmentation",
            rocket and p["augmentation"],
            f"None {of_rocket}, whose kernels read each series once",
        ),
        (
            "n_filters",
            rocket and np.size(p["n_filters"]) > 1,
            f"one integer {of_rocket}",
        ),
        (
            "kernel_size",
            rocket and not (is_auto(p["kernel_size"]) or _is_odd(p["kernel_size"])),
            f"one odd integer from 3 on {of_rocket}",
        ),
        (
            "batch_size",
            p["normalization"] == "batch" and p["batch_size"] == 1,
            "at least 2 with normalization='batch'",
        ),
        (
            "input_shape",
            p.get("input_type") == "tokens" and p["input_shape"] is not None,
            "None with input_type='tokens', whose samples are rows of X",
        ),
        (
            "normalization",
            p.get("shared_weights") and p["normalization"] == "batch",
            "None or 'layer' with shared_weights=True",
        ),
        (
            "dtype",
            p["mixed_precision"] and p["dtype"] == "float64",
            "'auto' or 'float32' with mixed_precision=True",
        ),
    ):
        if broken:
            raise InvalidParameterError(f"`{name}` must be {rule}. Got {p[name]!r}.")


def _is_odd(kernel_size):
    """Whether that is a single width with places on both sides of its middle."""
    first, *others = as_sizes(kernel_size)
    return not others and first >= 3 and first % 2 == 1
