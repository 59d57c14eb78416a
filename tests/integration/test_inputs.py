"""Every kind of X that scikit-learn's estimators take, and what they refuse."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier

FLOOR = 0.8


def memmap(X, folder):
    path = folder / "X.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


def every_second_column(X, folder):
    wide = np.full((len(X), 2 * X.shape[1]), np.nan)
    wide[:, ::2] = X
    return wide[:, ::2]


def names(X):
    return [f"column {i}" for i in range(X.shape[1])]


KINDS = {
    "list": lambda X, folder: X.tolist(),
    "list of arrays": lambda X, folder: list(X),
    "DataFrame": lambda X, folder: pd.DataFrame(X, columns=names(X)),
    "nullable DataFrame": lambda X, folder: pd.DataFrame(X, columns=names(X)).astype(
        "Float64"
    ),
    "polars": lambda X, folder: pl.DataFrame(X, schema=names(X)),
    "read-only memmap": memmap,
    "Fortran order": lambda X, folder: np.asfortranarray(X),
    "non-contiguous": every_second_column,
    "negative strides": lambda X, folder: X[::-1, ::-1].copy()[::-1, ::-1],
    "object": lambda X, folder: X.astype(object),
    "big endian": lambda X, folder: X.astype(">f8"),
    "torch": lambda X, folder: torch.tensor(X),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_table_give_the_answer_of_a_plain_array(net, kind, tmp_path):
    convert = KINDS[kind]
    plain = net.make().fit(net.X, net.y)
    other = net.make().fit(convert(net.X, tmp_path), net.y)
    X_test = convert(net.X_test, tmp_path)
    assert_allclose(
        other.predict_proba(X_test), plain.predict_proba(net.X_test), atol=1e-8
    )
    assert_array_equal(other.predict(X_test), plain.predict(net.X_test))
    assert other.score(X_test, net.y_test) > FLOOR
    assert other.module_.dtype == torch.float64


@pytest.mark.parametrize(
    "dtype", ["int64", "int8", "uint8", "uint16", "float16", "bool"]
)
def test_other_number_types_become_float64(net, dtype):
    threshold = np.median(net.X) if dtype == "bool" else 0
    X, X_test = ((A - threshold).clip(0, 100) for A in (net.X, net.X_test))
    X, X_test = X.astype(dtype), X_test.astype(dtype)
    given = net.make().fit(X, net.y)
    as_float = net.make().fit(X.astype(float), net.y)
    assert given.module_.dtype == torch.float64
    assert_array_equal(
        given.predict_proba(X_test), as_float.predict_proba(X_test.astype(float))
    )
    assert given.score(X_test, net.y_test) > 0.6


@pytest.mark.parametrize(
    ("dtype", "given", "inside"),
    [
        ("auto", "float32", torch.float32),
        ("auto", "float64", torch.float64),
        ("float32", "float64", torch.float32),
        ("float64", "float32", torch.float64),
    ],
)
def test_dtype_of_the_net(net, dtype, given, inside):
    clf = net.make(dtype=dtype).fit(net.X.astype(given), net.y)
    assert {p.dtype for p in clf.module_.parameters()} == {inside}
    assert clf.predict_proba(net.X_test).dtype == np.float64
    assert clf.decision_function(net.X_test).dtype == np.float64
    assert clf.score(net.X_test, net.y_test) > FLOOR
    # What comes later may be of another type.
    assert_allclose(
        clf.predict_proba(net.X_test.astype("float32")),
        clf.predict_proba(net.X_test),
        atol=1e-5,
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "kind",
    [
        sparse.csr_array,
        sparse.csr_matrix,
        sparse.csc_array,
        sparse.coo_array,
        sparse.coo_matrix,
        sparse.lil_array,
        sparse.dok_array,
    ],
)
def test_sparse_rows_are_dense_rows(cnn, mlp, kind, dtype):
    """Digits are half zeros."""
    X, X_test = cnn.X.astype(dtype), cnn.X_test.astype(dtype)
    dense = mlp.make().fit(X, cnn.y)
    thin = mlp.make().fit(kind(X), cnn.y)
    tolerance = 1e-8 if dtype is np.float64 else 1e-4
    assert_allclose(
        thin.predict_proba(kind(X_test)), dense.predict_proba(X_test), atol=tolerance
    )
    assert thin.coefs_[0].dtype == dtype
    assert thin.score(kind(X_test), cnn.y_test) > FLOOR
    # Each may judge what the other was taught.
    assert_array_equal(thin.predict(X_test), thin.predict(kind(X_test)))


def test_sparse_rows_with_explicit_zeros_and_unsorted_duplicates(mlp):
    X = mlp.X.round()
    rows, columns = np.indices(X.shape).reshape(2, -1)
    order = np.random.default_rng(0).permutation(X.size)
    half = X[rows, columns][order] / 2
    thin = sparse.coo_array(
        (np.tile(half, 2), (np.tile(rows[order], 2), np.tile(columns[order], 2))),
        shape=X.shape,
    )
    assert_allclose(
        mlp.make().fit(thin, mlp.y).predict_proba(mlp.X_test),
        mlp.make().fit(X, mlp.y).predict_proba(mlp.X_test),
        atol=1e-8,
    )


@pytest.mark.parametrize("kind", ["cnn", "rnn"])
def test_sparse_rows_are_refused_where_a_fold_would_make_them_dense(kind, request):
    net = request.getfixturevalue(kind)
    with pytest.raises(TypeError, match=r"[Ss]parse data was passed.*dense"):
        net.make().fit(sparse.csr_array(net.X), net.y)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_feature_names_are_kept_and_mismatches_refused(net, frame):
    columns = names(net.X)
    X = frame(dict(zip(columns, net.X.T, strict=True)))
    clf = net.make().fit(X, net.y)
    assert_array_equal(clf.feature_names_in_, columns)
    assert clf.n_features_in_ == net.X.shape[1]
    clf.predict(X)
    with pytest.raises(ValueError, match=r"(?s)feature names should.*same order"):
        clf.predict(X[columns[::-1]])
    with pytest.raises(ValueError, match=r"(?s)unseen at fit time:\n- new"):
        clf.predict(frame(dict(zip(["new", *columns[1:]], net.X.T, strict=True))))
    with pytest.raises(ValueError, match=r"(?s)yet now missing:\n- column 0"):
        clf.predict(X[columns[1:]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert_array_equal(clf.predict(net.X), clf.predict(X))


def test_names_that_come_after_a_fit_without_names_warn(net):
    clf = net.make().fit(net.X, net.y)
    assert not hasattr(clf, "feature_names_in_")
    with pytest.warns(UserWarning, match="fitted without feature names"):
        clf.predict(pd.DataFrame(net.X, columns=names(net.X)))


def test_names_stay_through_partial_fit_and_are_checked_in_it(net):
    X = pd.DataFrame(net.X, columns=names(net.X))
    clf = net.make().partial_fit(X, net.y, classes=np.unique(net.y))
    assert_array_equal(clf.feature_names_in_, X.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        clf.partial_fit(X[X.columns[::-1]], net.y)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["fit", "predict"])
def test_values_that_are_not_finite_are_refused(net, bad, method):
    X = net.X.copy()
    X[3, 2] = bad
    clf = net.make()
    if type(clf).__name__ == "DeepMLPClassifier" and np.isnan(bad):
        pytest.skip("Tables may have gaps.")
    if method == "predict":
        clf.fit(net.X, net.y)
    call = {"fit": lambda: clf.fit(X, net.y), "predict": lambda: clf.predict(X)}
    # NaN is padding to sequences, which must be whole and at the end.
    padded = type(clf).__name__ == "DeepRNNClassifier" and np.isnan(bad)
    message = "Every sequence must.*sample 3" if padded else "Input X contains "
    with pytest.raises(ValueError, match=message):
        call[method]()


def test_huge_values_are_finite(net):
    """A sum of finite values that overflows is no reason to refuse them."""
    X = np.full_like(net.X_test, 3e305)
    clf = net.make(dtype="float64").fit(net.X, net.y)
    probabilities = clf.predict_proba(np.vstack([net.X_test, X]))
    assert_allclose(probabilities[: len(X)], clf.predict_proba(net.X_test), atol=1e-12)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.empty((0, 64)), r"Found array with 0 sample\(s\)"),
        (np.empty((5, 0)), r"Found array with 0 feature\(s\)"),
        (np.ones(64), "Expected 2D array, got 1D array instead"),
        (np.float64(3.0), "Expected 2D array, got scalar array instead"),
        (np.full((5, 64), "a"), "could not convert string to float"),
        (np.ones((5, 64)) * 1j, "Complex data not supported"),
    ],
    ids=["no rows", "no columns", "1-D", "scalar", "strings", "complex"],
)
@pytest.mark.parametrize("method", ["fit", "predict"])
def test_what_is_no_table_is_refused_as_scikit_learn_does(net, X, message, method):
    y = np.arange(max(1, len(np.atleast_1d(X)))) % 2
    clf, reference = net.make(), MLPClassifier(max_iter=10)
    if method == "predict":
        clf.fit(net.X, net.y)
        with pytest.raises(ValueError, match=message):
            clf.predict(X)
        return
    for estimator in (reference, clf):
        with pytest.raises(ValueError, match=message):
            estimator.fit(X, y)
    assert not hasattr(clf, "classes_")


def test_wrong_number_of_features_is_refused(net):
    clf = net.make().fit(net.X, net.y)
    n = net.X.shape[1]
    for method in (clf.predict, clf.predict_proba, clf.decision_function):
        with pytest.raises(ValueError, match=f"X has {n - 1} features.*{n} features"):
            method(net.X[:, 1:])
    with pytest.raises(ValueError, match=f"X has {n - 1} features.*{n} features"):
        clf.score(net.X[:, 1:], net.y)


def test_nothing_can_be_asked_before_fit(net):
    for method in ("predict", "predict_proba", "predict_log_proba", "to_module"):
        arguments = () if method == "to_module" else (net.X,)
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(net.make(), method)(*arguments)


def test_one_sample_is_enough_to_fit_and_to_ask(net):
    clf = net.make().fit(net.X[:1], net.y[:1])
    assert_array_equal(clf.predict(net.X[:5]), np.repeat(net.y[:1], 5))
    full = net.make().fit(net.X, net.y)
    single = np.vstack([full.predict_proba(net.X_test[i : i + 1]) for i in range(9)])
    assert_allclose(single, full.predict_proba(net.X_test[:9]), atol=1e-12)


def test_one_class_is_certain(net):
    clf = net.make().fit(net.X, np.full(len(net.X), "only"))
    assert_array_equal(clf.classes_, ["only"])
    assert_array_equal(clf.predict_proba(net.X_test), np.ones((len(net.X_test), 1)))
    assert set(clf.predict(net.X_test)) == {"only"}


def test_constant_columns_do_no_harm(net):
    X, X_test = net.X.copy(), net.X_test.copy()
    X[:, -1] = X_test[:, -1] = 7.0
    assert net.make().fit(X, net.y).score(X_test, net.y_test) > FLOOR


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_probabilities_sum_to_one_within_rounding(net, dtype, scale):
    clf = net.make(dtype=dtype).fit(net.X, net.y)
    probabilities = clf.predict_proba(net.X_test * scale)
    assert np.abs(probabilities.sum(1) - 1).max() <= 4 * np.finfo(np.float64).eps
    assert probabilities.min() >= 0
    if scale == 1.0:
        # It refuses rows that don't sum to one.
        auc = roc_auc_score(net.y_test, probabilities, multi_class="ovr")
        assert auc > 0.95


def test_ways_to_ask_agree(net):
    clf = net.make().fit(net.X, net.y)
    probabilities = clf.predict_proba(net.X_test)
    logits = clf.decision_function(net.X_test)
    assert_array_equal(clf(net.X_test), probabilities)
    assert_allclose(np.exp(clf.predict_log_proba(net.X_test)), probabilities)
    odds = np.exp(logits - logits.max(1, keepdims=True))
    assert_allclose(odds / odds.sum(1, keepdims=True), probabilities, atol=1e-14)
    assert_array_equal(clf.predict(net.X_test), clf.classes_[logits.argmax(1)])
    assert clf.output_names == [str(label) for label in np.unique(net.y)]


def test_two_classes_have_one_logit(binary_net):
    net = binary_net
    clf = net.make(max_iter=20).fit(net.X, net.y)
    logits, probabilities = (
        clf.decision_function(net.X_test),
        clf.predict_proba(net.X_test),
    )
    assert logits.shape == (len(net.X_test),)
    assert probabilities.shape == (len(net.X_test), 2)
    assert_allclose(1 / (1 + np.exp(-logits)), probabilities[:, 1], atol=1e-14)
    assert_array_equal(clf.predict(net.X_test), clf.classes_[(logits > 0).astype(int)])
    assert clf.score(net.X_test, net.y_test) > 0.9
