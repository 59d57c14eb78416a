"""Checked arrays, label codes, weights and shapes."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.class_weight import compute_sample_weight

from skdeep._validation import (
    InputFormat,
    Targets,
    as_checked_array,
    check_same_classes,
    check_sample_weight,
    check_X,
    combine_weights,
    decode_targets,
    encode_targets,
    flatten,
    missing_features,
    resolve_input_shape,
)

FLAT = InputFormat()
FOLDED = InputFormat(n_axes=(2, 3))
SEQUENCES = InputFormat(n_axes=(2,), padded=True)
NAN = np.nan


def test_flatten_keeps_the_order_of_values():
    X = np.arange(24).reshape(2, 3, 4)
    assert_array_equal(flatten(X, FOLDED), X.reshape(2, 12))
    assert_array_equal(flatten(X.tolist(), FOLDED), X.reshape(2, 12))
    assert_array_equal(flatten(list(X), FOLDED), X.reshape(2, 12))


def test_flatten_passes_what_has_two_axes():
    X = pd.DataFrame({"a": [1, 2]})
    assert flatten(X, FOLDED) is X
    rows = [[1, 2], [3, 4]]
    assert flatten(rows, FOLDED) is rows


def test_flatten_leaves_nd_arrays_to_the_check_of_a_flat_estimator():
    X = np.zeros((2, 3, 4))
    assert flatten(X, FLAT) is X
    with pytest.raises(ValueError, match="Found array with dim 3"):
        check_X(BaseEstimator(), X, input_format=FLAT, reset=True)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.float16, np.float64),
        (np.int8, np.float64),
        (bool, np.float64),
    ],
)
def test_check_X_keeps_float_types(given, kept):
    X = check_X(
        BaseEstimator(), np.ones((2, 3), dtype=given), input_format=FLAT, reset=True
    )
    assert X.dtype == kept


def test_check_X_counts_flat_features():
    estimator = BaseEstimator()
    check_X(estimator, np.zeros((2, 3, 4)), input_format=FOLDED, reset=True)
    assert estimator.n_features_in_ == 12
    with pytest.raises(ValueError, match="X has 15 features"):
        check_X(estimator, np.zeros((2, 3, 5)), input_format=FOLDED, reset=False)


def test_check_X_keeps_feature_names():
    estimator = BaseEstimator()
    X = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    check_X(estimator, X, input_format=FLAT, reset=True)
    assert_array_equal(estimator.feature_names_in_, ["a", "b"])
    with pytest.raises(ValueError, match="feature names should match"):
        check_X(estimator, X[["b", "a"]], input_format=FLAT, reset=False)


def test_check_X_takes_a_matrix_of_labels():
    X, y = np.zeros((3, 2)), np.eye(3)
    _, checked = check_X(BaseEstimator(), X, y, input_format=FLAT, reset=True)
    assert checked.shape == (3, 3)


@pytest.mark.parametrize("bad", [NAN, np.inf])
def test_check_X_refuses_what_is_not_finite(bad):
    with pytest.raises(ValueError, match="Input X contains"):
        check_X(BaseEstimator(), [[bad, 1.0]], input_format=FOLDED, reset=True)


def test_check_X_passes_nan_in_sequences_but_no_infinity():
    X = check_X(BaseEstimator(), [[1.0, NAN]], input_format=SEQUENCES, reset=True)
    assert np.isnan(X[0, 1])
    with pytest.raises(ValueError, match="infinity"):
        check_X(BaseEstimator(), [[1.0, np.inf]], input_format=SEQUENCES, reset=True)


def test_check_X_passes_nan_in_tables_but_no_infinity():
    table = InputFormat(table=True)
    X = check_X(BaseEstimator(), [[1.0, NAN]], input_format=table, reset=True)
    assert np.isnan(X[0, 1])
    with pytest.raises(ValueError, match="infinity"):
        check_X(BaseEstimator(), [[1.0, np.inf]], input_format=table, reset=True)


@pytest.mark.parametrize("kind", [np.array, sparse.csr_array, sparse.csr_matrix])
def test_missing_features(kind):
    X = kind([[1.0, NAN, 1e308, 2.0], [NAN, 0.0, 1e308, 3.0], [0.0, NAN, 1.0, 4.0]])
    assert missing_features(X, np.arange(3)) == (0, 1)
    assert missing_features(X, np.array([0, 2])) == (1,)
    assert missing_features(X, np.array([], dtype=int)) == ()


def test_check_X_takes_sparse_where_it_is_said():
    X = sparse.coo_array(np.eye(3))
    checked = check_X(
        BaseEstimator(), X, input_format=InputFormat(sparse=True), reset=True
    )
    assert checked.format == "csr"
    with pytest.raises(TypeError, match=r"[Ss]parse data was passed"):
        check_X(BaseEstimator(), X, input_format=FOLDED, reset=True)


@pytest.mark.parametrize(
    ("X_shape", "input_shape", "expected"),
    [
        ((5, 12), None, (1, 12)),
        ((5, 3, 4), None, (3, 4)),
        ((5, 2, 3, 4), None, (2, 3, 4)),
        ((5, 12), (3, 4), (3, 4)),
        ((5, 12), np.array([1, 3, 4]), (1, 3, 4)),
        ((5, 3, 4), (3, 4), (3, 4)),
        ((5, 3, 4), (1, 3, 4), (1, 3, 4)),
        ((5, 3, 4, 1), (3, 4, 1), (3, 4, 1)),
        ((5, 12), (-1, 4), (3, 4)),
        ((5, 12), (1, 3, -1), (1, 3, 4)),
        ((5, 3, 4), (3, -1), (3, 4)),
    ],
)
def test_resolve_input_shape(X_shape, input_shape, expected):
    X = np.zeros(X_shape)
    n_features = int(np.prod(X_shape[1:]))
    shape = resolve_input_shape(X, n_features, input_shape, FOLDED, (1, n_features))
    assert shape == expected
    assert all(type(n) is int for n in shape)


@pytest.mark.parametrize(
    ("X_shape", "input_shape"),
    [
        ((5, 12), (3, 5)),
        ((5, 4, 3), (3, 4)),
        ((5, 2, 6), (3, 4)),
        ((5, 3, 4), (2, 6)),
        ((5, 64), (9, -1)),
        ((5, 4), (9, -1)),
    ],
)
def test_shapes_that_do_not_fit_are_both_named(X_shape, input_shape):
    X, n_features = np.zeros(X_shape), int(np.prod(X_shape[1:]))
    with pytest.raises(ValueError, match="X must fit `input_shape`") as error:
        resolve_input_shape(X, n_features, input_shape, FOLDED, (1, n_features))
    assert f"samples of shape {X_shape[1:]}" in str(error.value)
    assert f"input_shape={input_shape}" in str(error.value)


def test_wrong_number_of_axes_is_named():
    message = "X must have 2 axes, or 3 or 4. Got shape (5, 2, 2, 2, 2)."
    with pytest.raises(ValueError, match=re.escape(message)):
        resolve_input_shape(np.zeros((5, 2, 2, 2, 2)), 16, None, FOLDED, (1, 16))


@pytest.mark.parametrize(
    "labels",
    [
        ["b", "a", "c", "a"],
        [True, False, True],
        [10, -3, 10, 7],
        [1.0, 2.0, 1.0],
        np.array(["x", "yy"], dtype=object),
    ],
)
def test_encoding_and_decoding_give_the_labels_back(labels):
    targets = encode_targets(labels)
    assert_array_equal(targets.classes, np.unique(labels))
    assert targets.codes.dtype == np.int64
    assert not targets.multilabel
    decoded = decode_targets(targets.codes, targets.classes)
    assert_array_equal(decoded, labels)
    assert decoded.dtype == np.asarray(labels).dtype


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, list])
def test_indicator_matrix(kind):
    Y = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]])
    targets = encode_targets(kind(Y.tolist() if kind is list else Y))
    assert targets.multilabel
    assert targets.codes.dtype == bool
    assert_array_equal(targets.classes, [0, 1, 2])
    decoded = decode_targets(targets.codes, targets.classes)
    assert_array_equal(decoded, Y)
    assert decoded.dtype == np.int64


def test_known_classes_that_do_not_occur():
    targets = encode_targets(["c", "a"], classes=["c", "b", "a"])
    assert_array_equal(targets.classes, ["a", "b", "c"])
    assert_array_equal(targets.codes, [2, 0])


def test_unknown_class_is_refused():
    with pytest.raises(ValueError, match=r"classes not in `self.classes_`.*\[1 2\]"):
        encode_targets([1, 3], classes=[1, 2])


def test_other_number_of_labels_is_refused():
    with pytest.raises(ValueError, match=r"2 known labels. Got shape \(3, 3\)"):
        encode_targets(np.eye(3), classes=[0, 1])


def test_continuous_targets_are_refused():
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        encode_targets([0.1, 0.7])


def test_column_of_labels_is_unravelled_with_a_warning():
    with pytest.warns(DataConversionWarning, match="column-vector"):
        targets = encode_targets([[1], [0]])
    assert_array_equal(targets.codes, [1, 0])


def test_warm_start_needs_the_same_classes():
    check_same_classes([2, 1, 1], np.array([1, 2]))
    for y in ([1, 1], [1, 2, 3]):
        with pytest.raises(ValueError, match="same classes"):
            check_same_classes(y, np.array([1, 2]))


def test_sample_weight():
    assert check_sample_weight(None, 3) is None
    assert_array_equal(check_sample_weight(2, 3), [2, 2, 2])
    weight = check_sample_weight(pd.Series([1, 0, 3]), 3)
    assert_array_equal(weight, [1, 0, 3])
    assert weight.dtype == np.float64


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, 2], r"sample_weight must have shape \(3,\). Got \(2,\)"),
        ([[1, 2, 3]], r"sample_weight must have shape \(3,\). Got \(1, 3\)"),
        ([0, 0, 0], "at least one non-zero"),
        ([1, -1, 1], "Negative values in data passed to sample_weight"),
        ([1, NAN, 1], "sample_weight contains NaN"),
    ],
)
def test_bad_sample_weight_is_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        check_sample_weight(weight, 3)


TARGETS = Targets(np.array(["a", "b"]), np.array([0, 0, 0, 1]))


def test_no_weights_at_all_stay_none():
    assert combine_weights(TARGETS, None, None) is None
    weight = np.arange(4.0)
    assert combine_weights(TARGETS, weight, None) is weight


def test_class_weight_multiplies_sample_weight():
    weight = combine_weights(TARGETS, np.array([1.0, 2, 3, 4]), {"a": 10, "b": 2})
    assert_array_equal(weight, [10, 20, 30, 8])


def test_balanced_weights_even_the_classes():
    weight = combine_weights(TARGETS, None, "balanced")
    assert_array_equal(weight, [4 / 6, 4 / 6, 4 / 6, 2])
    weight = combine_weights(TARGETS, np.array([1.0, 1, 0, 6]), "balanced")
    assert weight[:3].sum() == pytest.approx(weight[3])


def test_class_weights_of_labels():
    codes = np.array([[1, 0], [1, 1], [1, 0]], dtype=bool)
    targets = Targets(np.arange(2), codes)
    class_weight = [{0: 1, 1: 3}, {0: 1, 1: 5}]
    expected = compute_sample_weight(class_weight, codes.astype(int))
    assert_array_equal(combine_weights(targets, None, class_weight), expected)
    assert_array_equal(expected, [3, 15, 3])


class Fitted(BaseEstimator):
    """Knows two features, by name if there are names."""

    def __init__(self, names=None):
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = 2


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_plain_arrays_need_no_full_check(dtype):
    X = np.ones((3, 2), dtype)
    assert as_checked_array(Fitted(), X) is X


@pytest.mark.parametrize(
    "X",
    [
        np.ones((3, 2), int),
        np.ones((3, 3)),
        np.ones((0, 2)),
        np.ones((3, 2, 1)),
        np.array([[1.0, np.nan]]),
        np.array([[1.0, np.inf]]),
        [[1.0, 2.0]],
        sparse.csr_matrix(np.ones((3, 2))),
    ],
    ids=["integers", "wide", "empty", "folded", "nan", "inf", "list", "sparse"],
)
def test_anything_else_does(X):
    assert as_checked_array(Fitted(), X) is None


@pytest.mark.parametrize("frame_class", [pd.DataFrame, pl.DataFrame])
def test_frames_of_floats_are_checked_for_their_names_only(frame_class):
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    frame = frame_class({"a": values[:, 0], "b": values[:, 1]})
    assert_array_equal(as_checked_array(Fitted(["a", "b"]), frame), values)
    with pytest.raises(ValueError, match="must be in the same order"):
        as_checked_array(Fitted(["b", "a"]), frame)
    assert as_checked_array(Fitted(["a", "b"]), values) is None
