"""Checked arrays, label codes, weights and shapes; numpy and scikit-learn only."""

import math
from numbers import Real
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_X_y, column_or_1d
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import validate_data

# Never a second copy of the data.
_CHUNK_ROWS = 4096


class InputFormat(NamedTuple):
    """What an estimator takes as X.

    Attributes
    ----------
    n_axes : tuple of int
        Numbers of axes that one sample may have beside the flat form.

    sparse : bool
        Whether CSR input is taken.

    padded : bool
        Whether NaN may mark the end of a sequence.

    table : bool
        Whether values may be missing anywhere, and columns may hold categories.

    tokens : bool
        Whether samples are sequences of codes, zeros at their end.
    """

    n_axes: tuple = ()
    sparse: bool = False
    padded: bool = False
    table: bool = False
    tokens: bool = False


class Targets(NamedTuple):
    """Encoded targets.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Labels, or 0, 1, ... for the columns of an indicator matrix.

    codes : ndarray
        int64 of shape (n_samples,): positions in `classes`; or, for multilabel
        targets, bool of shape (n_samples, n_classes).
    """

    classes: np.ndarray
    codes: np.ndarray

    @property
    def multilabel(self):
        """Whether the targets are an indicator matrix."""
        return self.codes.ndim == 2


def flatten(X, input_format):
    """Give an N-D `X` two axes; anything else passes."""
    if not input_format.n_axes:
        return X
    if isinstance(X, (list, tuple)) and _depth(X) > 2:
        X = np.asarray(X)
    shape = getattr(X, "shape", ())
    return X.reshape(shape[0], math.prod(shape[1:])) if len(shape) > 2 else X


def _depth(X):
    depth = 0
    while isinstance(X, (list, tuple)) and len(X):
        X, depth = X[0], depth + 1
    return depth + len(getattr(X, "shape", ()))


def check_X(estimator, X, y="no_validation", *, input_format, reset, columns=None):
    """Validate `X`, and `y` if given, and flatten `X`.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and ``feature_names_in_`` if `reset`.

    X, y : array-like
        Data as the user gave it.

    input_format : InputFormat
        What the estimator takes.

    reset : bool
        Whether this call defines the number and the names of the features.

    columns : Columns or None
        Of a table with categories.

    Returns
    -------
    X : ndarray or CSR of shape (n_samples, n_features)
        float64 or float32. A pair of `X` and `y` if `y` was given.
    """
    may_miss = input_format.padded or input_format.table
    options = {
        "accept_sparse": "csr" if input_format.sparse else False,
        "dtype": (np.float64, np.float32),
        "ensure_all_finite": "allow-nan" if may_miss else True,
    }
    without_y = isinstance(y, str)
    if not without_y:
        options["multi_output"] = True
    if columns is None:
        X = flatten(X, input_format)
        return validate_data(estimator, X, y, reset=reset, **options)
    options["estimator"] = estimator
    validate_data(estimator, X, y, reset=reset, skip_check_array=True)
    encoded = columns.encode(X)
    if without_y:
        return check_array(encoded, input_name="X", **options)
    return check_X_y(encoded, y, **options)


def surely_complete(X):
    """Whether the sums of X rule a NaN out, without a second array of X's size."""
    with np.errstate(over="ignore", invalid="ignore"):
        return not np.isnan(X.sum(axis=0)).any()


def missing_features(X, index):
    """Positions of the features that a row of `index` lacks.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)

    index : ndarray of int

    Returns
    -------
    positions : tuple of int
    """
    if surely_complete(X):
        return ()
    missing = np.zeros(X.shape[1], dtype=bool)
    for start in range(0, len(index), _CHUNK_ROWS):
        rows = X[index[start : start + _CHUNK_ROWS]]
        rows = rows.toarray() if sparse.issparse(rows) else rows
        missing |= np.isnan(rows).any(0)
    return tuple(np.flatnonzero(missing).tolist())


def fits_float32(X):
    """Whether float32 holds all values and tells those of each column apart.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)

    Returns
    -------
    fits : bool
        Whether, in each column, no value is a thousand times as far from zero as the
        column is wide, or near the bounds of what float32 can hold.
    """
    if X.dtype == np.float32:
        return True
    low, high = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    for start in range(0, X.shape[0], _CHUNK_ROWS):
        rows = X[start : start + _CHUNK_ROWS]
        rows = rows.toarray() if sparse.issparse(rows) else rows
        np.fmin(low, np.fmin.reduce(rows), out=low)
        np.fmax(high, np.fmax.reduce(rows), out=high)
    varies = high > low
    width = (high - low)[varies]
    size = np.maximum(-low, high)[varies]
    fits = (size < 1e3 * width) & (size < 1e30) & (width > 1e-30)
    return bool(fits.all())


def as_checked_array(estimator, X):
    """Flat array of floats that has nothing left to check, at little cost.

    Parameters
    ----------
    estimator : estimator
        A fitted one.

    X : array-like
        Data as the user gave it.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features), or None
        None if it takes a full check to tell.
    """
    if isinstance(X, np.ndarray):
        if hasattr(estimator, "feature_names_in_"):
            return None
    elif hasattr(X, "columns") and hasattr(X, "__array__"):
        # A frame; all that is particular to it are its names.
        validate_data(estimator, X, reset=False, skip_check_array=True)
        X = np.asarray(X)
    if not (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.dtype in (np.float64, np.float32)
        and len(X)
        and X.shape[1] == estimator.n_features_in_
    ):
        return None
    # A sum tells whether all is finite.
    with np.errstate(over="ignore", invalid="ignore"):
        return X if math.isfinite(X.sum()) else None


def resolve_input_shape(X, n_features, input_shape, input_format, default):
    """Shape of one sample as the user lays it out.

    Parameters
    ----------
    X : array-like
        Data as the user gave it.

    n_features : int
        Number of features of the flat form.

    input_shape : tuple of int or None
        The parameter.

    input_format : InputFormat
        What the estimator takes.

    default : tuple of int
        For flat X without `input_shape`.

    Returns
    -------
    shape : tuple of int

    Raises
    ------
    ValueError
        If `X` and `input_shape` don't fit; names both.
    """
    shape = np.shape(X)[1:] if _depth(X) > 2 else (n_features,)
    if input_shape is None:
        if len(shape) == 1:
            return default
        if len(shape) not in input_format.n_axes:
            allowed = " or ".join(str(n + 1) for n in input_format.n_axes)
            raise ValueError(
                f"X must have 2 axes, or {allowed}. Got shape {np.shape(X)}."
            )
        return shape
    given = tuple(int(n) for n in input_shape)
    inferred = _infer_axis(given, shape)
    # A gray image may leave its only channel unsaid.
    folded = [n for n in shape if n != 1] == [n for n in inferred if n != 1]
    flat = len(shape) == 1 and n_features == math.prod(inferred)
    if not (folded or flat):
        n_values = math.prod(n for n in given if n != -1)
        multiple = "a multiple of " if -1 in given else ""
        raise ValueError(
            f"X must fit `input_shape`, folded or flat. Got samples of shape {shape} "
            f"for input_shape={given}, which holds {multiple}{n_values} values."
        )
    return inferred


def _infer_axis(input_shape, shape):
    """Replace -1 by what is left of the values of a sample."""
    known = math.prod(n for n in input_shape if n != -1)
    inferred = math.prod(shape) // known
    return tuple(inferred if n == -1 else n for n in input_shape)


def encode_targets(y, classes=None):
    """Turn labels into codes.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or indicator matrix
        Labels of any type, or the 0/1 matrix of a multilabel target, sparse or dense.

    classes : array-like or None
        Known labels; by default those that occur in `y`.

    Returns
    -------
    targets : Targets

    Raises
    ------
    ValueError
        If `y` holds no class labels or a label that isn't among `classes`.
    """
    kind = type_of_target(y, input_name="y")
    if kind == "multilabel-indicator":
        codes = y.toarray() if sparse.issparse(y) else np.asarray(y)
        known = np.arange(codes.shape[1]) if classes is None else np.asarray(classes)
        if len(known) != codes.shape[1]:
            raise ValueError(
                f"y must have one column for each of the {len(known)} known labels. "
                f"Got shape {codes.shape}."
            )
        return Targets(known, codes.astype(bool))
    if kind not in ("binary", "multiclass"):
        check_classification_targets(y)
    y = column_or_1d(y, warn=True)
    if classes is None:
        known, codes = np.unique(y, return_inverse=True)
        return Targets(known, codes.astype(np.int64, copy=False))
    known = unique_labels(classes)
    unknown = np.setdiff1d(y, known)
    if len(unknown):
        raise ValueError(
            f"`y` has classes not in `self.classes_`. `self.classes_` has {known}. "
            f"'y' has {np.unique(y)}."
        )
    return Targets(known, np.searchsorted(known, y).astype(np.int64, copy=False))


def decode_targets(codes, classes):
    """Labels of `codes`: an indicator matrix of int for a matrix of codes."""
    return codes.astype(np.int64) if codes.ndim == 2 else classes[codes]


def check_same_classes(y, classes):
    """Refuse targets of a warm start that differ from those of the fit before."""
    if set(unique_labels(y)) != set(classes):
        raise ValueError(
            "warm_start can only be used where `y` has the same classes as in the "
            f"previous call to fit. Previously got {classes}, `y` has "
            f"{unique_labels(y)}"
        )


def check_unchanged(name, value, before):
    """Refuse a value that differs from that of the fit which goes on."""
    if value != before:
        raise ValueError(
            f"`{name}` must not change between fits that go on from each other. "
            f"Got {value!r} after {before!r}; use a new estimator or warm_start=False."
        )


def check_sample_weight(sample_weight, n_samples):
    """Validate `sample_weight`.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), number or None

    n_samples : int

    Returns
    -------
    sample_weight : ndarray of shape (n_samples,), float64, or None
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight)
    sample_weight = check_array(
        sample_weight,
        ensure_2d=False,
        dtype=np.float64,
        ensure_non_negative=True,
        input_name="sample_weight",
    )
    if sample_weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must have shape ({n_samples},). Got {sample_weight.shape}."
        )
    if not sample_weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return sample_weight


def combine_weights(targets, sample_weight, class_weight):
    """Weight of each sample: `sample_weight` times the weight of its class.

    Parameters
    ----------
    targets : Targets

    sample_weight : ndarray of shape (n_samples,) or None

    class_weight : dict, "balanced", list of dict or None
        "balanced" counts classes by their sample weight.

    Returns
    -------
    weight : ndarray of shape (n_samples,), float64, or None
        None stands for equal weights.
    """
    if class_weight is None:
        return sample_weight
    _check_class_weight(class_weight)
    if targets.multilabel:
        weight = compute_sample_weight(class_weight, targets.codes.astype(np.int64))
    else:
        of_class = compute_class_weight(
            class_weight,
            classes=targets.classes,
            y=targets.classes[targets.codes],
            sample_weight=sample_weight,
        )
        weight = of_class[targets.codes]
    if sample_weight is not None:
        weight = weight * sample_weight
    if not weight.any():
        raise ValueError(
            "`class_weight` must leave at least one sample a weight above 0. "
            f"Got {class_weight!r}."
        )
    return weight


def _check_class_weight(class_weight):
    dicts = [class_weight] if isinstance(class_weight, dict) else class_weight
    if isinstance(dicts, str):
        return
    for weight in (w for of_label in dicts for w in of_label.values()):
        if not (isinstance(weight, Real) and 0 <= weight < math.inf):
            raise ValueError(
                f"`class_weight` must be numbers of at least 0. Got {class_weight!r}."
            )
