"""Our own estimators as plain data, and back."""

from contextlib import contextmanager

import numpy as np
import sklearn
import torch
from sklearn.utils.metadata_routing import MetadataRequest

from skdeep._archive import ArchiveError
from skdeep._members import modules_of
from skdeep._parameters import Kind, Number, OneOf, check_parameters
from skdeep._rules import check_estimator_parameters
from skdeep.persistence._module_rules import Counts, check_module
from skdeep.persistence._plain import NotPlainError, decode, encode
from skdeep.persistence._registry import NETS, find_class, name_of


class Curve:
    """A list of numbers."""

    def allows(self, value):
        return isinstance(value, list) and all(map(_NUMBER[0].allows, value))

    def __str__(self):
        return "a list of numbers"


class Codes:
    """A dict of texts and codes."""

    def allows(self, value):
        code = Number(0, 2**31 - 1, integer=True)
        return isinstance(value, dict) and all(
            isinstance(token, str) and code.allows(value[token]) for token in value
        )

    def __str__(self):
        return "a dict of texts and integers"


# What goes wrong where data isn't what it should be.
MISFITS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
# Those that take metadata.
_METHODS = ("fit", "partial_fit", "score")
# Values of a sample that is worth a trial.
_TRIAL = 100_000
_COUNT = [Number(0, integer=True)]
_NUMBER = [Kind((int, float, np.number), "a number")]
_ARRAY = [Kind(np.ndarray, "an array")]
_NONE = OneOf(None)
# What fit sets, or the file wouldn't be of a fitted net.
_FITTED = {
    "classes_": _ARRAY,
    "n_features_in_": _COUNT,
    "input_shape_": [Counts()],
    "out_activation_": [OneOf("softmax", "logistic")],
    "n_outputs_": _COUNT,
    "n_iter_": _COUNT,
    "t_": _COUNT,
    "loss_": _NUMBER,
    "loss_curve_": [Curve()],
    "best_loss_": [*_NUMBER, _NONE],
    "best_validation_score_": [*_NUMBER, _NONE],
    "validation_loss_curve_": [Curve(), _NONE],
    "validation_scores_": [Curve(), _NONE],
    "_no_improvement_count": _COUNT,
    "_skdeep_version": [Kind(str, "a version")],
    "_fold": [Kind(tuple, "a shape and a boolean")],
    "_columns": [Kind(tuple, "the categories of the columns"), _NONE],
    "module_": [Kind(dict, "the description of a net")],
}
_MAYBE = {
    "feature_names_in_": _ARRAY,
    "_reference": [Kind(dict, "statistics"), _NONE],
}
_TOKENIZER = {
    "vocabulary_": [Codes()],
    "n_features_out_": [Number(1, integer=True)],
}
# What the data frames that `transform` returns are is kept there by scikit-learn.
_TOKENIZER_MAYBE = {"_sklearn_output_config": [Kind(dict, "a dict")]}


def describe(estimator, where, arrays):
    """Put a fitted estimator of ours into plain data.

    Parameters
    ----------
    estimator : estimator
        Of a class in the registry.

    where : tuple of str
        Path of the estimator in the model, for the names of arrays.

    arrays : dict
        Gets the weights and other arrays.

    Returns
    -------
    node : dict
    """
    name = name_of(estimator)
    state = {
        key: value
        for key, value in estimator.__getstate__().items()
        if not isinstance(value, MetadataRequest)
    }
    known = {*estimator.get_params(deep=False), *_rules_of(name), *_maybe_of(name)}
    for extra in sorted(state.keys() - known):
        raise TypeError(
            f"{name} must have no attributes but its own. Got `{extra}`: delete it, or "
            "use joblib for files that only you load."
        )
    encoded = {}
    for key, value in state.items():
        try:
            encoded[key] = encode(value, (*where, key), arrays)
        except (NotPlainError, RecursionError) as error:
            got = error.value if isinstance(error, NotPlainError) else value
            advice = ""
            if key in estimator.get_params(deep=False):
                advice = "set it to something plain with set_params, or "
            raise TypeError(
                f"`{key}` of {name} must be plain data (numbers, texts, arrays, and "
                f"lists, tuples and dicts of them). Got {got!r}, which could only be "
                f"rebuilt by running code: {advice}use joblib for files that only you "
                "load."
            ) from error
    return {
        "kind": "ours",
        "class": name,
        "state": encoded,
        "requests": _requests_of(estimator),
    }


def _requests_of(estimator):
    """Metadata that was asked for by set_fit_request and its like."""
    routing = estimator.get_metadata_routing()
    return {
        method: {k: v for k, v in getattr(routing, method).requests.items() if v}
        for method in _METHODS
        if hasattr(estimator, f"set_{method}_request")
    }


def rebuild(node, arrays, used):
    """Rebuild what `describe` returned.

    Parameters
    ----------
    node : dict
        From a file that anyone may have written.

    arrays : dict
        Name to ndarray.

    used : set
        Gets the names of the arrays that the estimator has.

    Returns
    -------
    estimator : estimator

    Raises
    ------
    ArchiveError
        If it isn't the state of such an estimator.
    """
    name = node.get("class")
    cls = find_class(name) if isinstance(name, str) else None
    if cls is None:
        raise ArchiveError(f"its class must be one of skdeep's. Got {name!r}.")
    state = decode(node.get("state"), arrays, used)
    if not isinstance(state, dict):
        raise ArchiveError("it holds no state of an estimator.")
    parameters = cls().get_params(deep=False)
    _check_attributes(name, state, parameters)
    estimator = cls.__new__(cls)
    with as_archive_error():
        if name in NETS:
            check_module(state["module_"])
            _check_structure(state)
            estimator.__setstate__(state)
            check_estimator_parameters(estimator)
            _check_agreement(estimator)
        else:
            vars(estimator).update(state)
            check_parameters(estimator.get_params(deep=False), cls._rules)
        _ask_for(estimator, node.get("requests"))
    return estimator


@contextmanager
def as_archive_error():
    """Say of what goes wrong inside that the file is to blame."""
    try:
        yield
    except ArchiveError:
        raise
    except MISFITS as error:
        raise ArchiveError(f"its state doesn't fit together: {error}") from error


def _rules_of(name):
    return _FITTED if name in NETS else _TOKENIZER


def _maybe_of(name):
    return _MAYBE if name in NETS else _TOKENIZER_MAYBE


def _check_attributes(name, state, parameters):
    rules, maybe = _rules_of(name), _maybe_of(name)
    for key in sorted({*parameters, *rules} - state.keys()):
        raise ArchiveError(f"the {key!r} of {name} is missing.")
    for key in sorted(map(str, state.keys() - {*parameters, *rules, *maybe})):
        raise ArchiveError(f"{name} has no {key!r}.")
    with as_archive_error():
        given = {key: rule for key, rule in maybe.items() if key in state}
        check_parameters(state, {**rules, **given})


def _check_structure(state):
    """What Fold and Columns must look like."""
    fold, columns = state["_fold"], state["_columns"]
    shape, channels_last = fold
    if not (Counts().allows(shape) and isinstance(channels_last, bool)):
        raise ArchiveError("it has no shape of a sample.")
    if columns is None:
        return
    (categories,) = columns
    for codes in categories:
        if codes is None:
            continue
        if [*codes.values()] != [*range(len(codes))]:
            raise ArchiveError("its categories must have the codes 0, 1, ...")
    if len(categories) != state["n_features_in_"]:
        raise ArchiveError("its categories must be those of its features.")


def _check_agreement(estimator):
    """Whether the parts fit each other: classes, features, net."""
    config = modules_of(estimator.module_)[0].config
    n_outputs, shape = config["n_outputs"], estimator._fold.module_shape
    names = getattr(estimator, "feature_names_in_", None)
    columns = estimator._columns
    for what, fits in (
        (
            "classes",
            estimator.classes_.shape == (n_outputs,) == (estimator.n_outputs_,),
        ),
        (
            "input",
            tuple(config["input_shape"]) == tuple(shape) == estimator.input_shape_,
        ),
        ("features", np.prod(shape, dtype=object) == estimator.n_features_in_),
        ("names", names is None or names.shape == (estimator.n_features_in_,)),
        ("categories", not columns or config["n_categories"] == columns.n_categories),
    ):
        if not fits:
            raise ArchiveError(f"its {what} don't fit its net.")
    if estimator.n_features_in_ > _TRIAL:
        return
    # A net that can be built and filled may still fail.
    module = estimator.module_
    with torch.inference_mode():
        logits = module(torch.zeros(1, *shape, dtype=module.dtype))
    if logits.shape != (1, n_outputs):
        raise ArchiveError("its net doesn't give one number for each class.")


def _ask_for(estimator, requests):
    if not isinstance(requests, dict):
        raise ArchiveError("its requests for metadata are missing.")
    with sklearn.config_context(enable_metadata_routing=True):
        for method, request in requests.items():
            if method not in _METHODS:
                raise ArchiveError(f"no metadata can be requested for {method!r}.")
            if request:
                getattr(estimator, f"set_{method}_request")(**request)
