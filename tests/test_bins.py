"""Where the range of a number is cut, on tables that scikit-learn ships."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_wine

from skdeep._bins import learn_edges, learn_quantiles

X, _ = load_breast_cancer(return_X_y=True)
ALL = np.arange(len(X))
NUMBERS = [True] * X.shape[1]


def test_bins_hold_equal_shares():
    edges = learn_edges(X, ALL, None, NUMBERS)
    for column, cuts in zip(X.T, edges, strict=True):
        assert (np.diff(cuts) >= 0).all()
        assert cuts[[0, -1]].tolist() == [column.min(), column.max()]
    counts, _ = np.histogram(X[:, 0], edges[0])
    assert len(counts) == 16
    assert_allclose(counts, len(X) / 16, atol=3)


def test_weights_count_as_repetitions():
    weight = np.random.default_rng(0).integers(0, 4, len(X)).astype(float)
    repeated = np.repeat(X, weight.astype(int), axis=0)
    weighted = learn_edges(X, ALL, weight, NUMBERS)
    expected = learn_edges(repeated, np.arange(len(repeated)), None, NUMBERS)
    for cuts, theirs in zip(weighted, expected, strict=True):
        assert_array_equal(cuts, theirs)


def test_only_the_rows_asked_for_count():
    some = learn_edges(X, ALL[::3], None, NUMBERS)
    expected = learn_edges(X[::3], np.arange(len(X[::3])), None, NUMBERS)
    assert_array_equal(np.concatenate(some), np.concatenate(expected))


def test_few_values_are_cut_at_these_values():
    steps = np.floor(X[:, :3] / 10)
    steps[:, 1] = steps[:, 0] > 1
    steps[:, 2] = 7.0
    edges = learn_edges(steps, ALL, None, NUMBERS[:3])
    assert edges[0].tolist() == np.unique(steps[:, 0]).tolist()
    # Two values, or one, have nothing in between.
    assert [len(cuts) for cuts in edges[1:]] == [0, 0]


def test_a_frequent_value_leaves_room_for_the_others():
    spiky = X[:, :1].copy()
    spiky[: len(X) * 9 // 10] = 0.0
    (edges,) = learn_edges(spiky, ALL, None, [True])
    assert len(edges) == 17
    assert len(np.unique(edges)) >= 9


def test_weights_do_not_change_how_many_there_are():
    rare = np.where(X[:, 0] < 11, 1e-6, 1.0)
    for cuts in learn_edges(X, ALL, rare, NUMBERS):
        assert len(cuts) == 17


def test_missing_numbers_are_left_out():
    holes = X[:, :2].copy()
    holes[::2, 0] = np.nan
    holes[:, 1] = np.nan
    edges = learn_edges(holes, ALL, None, NUMBERS[:2])
    expected = learn_edges(X[1::2, :1], np.arange(len(X[1::2])), None, [True])
    assert_array_equal(edges[0], expected[0])
    assert len(edges[1]) == 0


def test_categories_are_not_cut():
    wine, _ = load_wine(return_X_y=True)
    chosen = [j % 2 == 0 for j in range(wine.shape[1])]
    edges = learn_edges(wine, np.arange(len(wine)), None, chosen)
    assert [len(cuts) > 0 for cuts in edges] == chosen


@pytest.mark.parametrize(
    ("n_copies", "most"), [(1, 16), (2, 16), (4, 8), (16, 2), (20, 0)]
)
def test_wide_tables_get_fewer_bins(n_copies, most):
    wide = np.tile(X, n_copies)
    edges = learn_edges(wide, ALL, None, [True] * wide.shape[1])
    bins = [max(0, len(cuts) - 1) for cuts in edges]
    assert max(bins) == most
    assert sum(bins) <= 1024


def test_sparse_tables_get_those_of_dense_ones():
    digits, _ = load_digits(return_X_y=True)
    index = np.arange(0, len(digits), 2)
    dense, thin = (
        learn_edges(table, index, None, [True] * 64)
        for table in (digits, sparse.csr_matrix(digits))
    )
    assert max(len(cuts) for cuts in dense) == 17
    for cuts, expected in zip(thin, dense, strict=True):
        assert_array_equal(cuts, expected)


def test_quantiles_count_weights_as_repetitions():
    weight = np.random.default_rng(0).integers(0, 4, len(X)).astype(float)
    repeated = np.repeat(X, weight.astype(int), axis=0)
    weighted = learn_quantiles(X, ALL, weight)
    expected = learn_quantiles(repeated, np.arange(len(repeated)), None)
    assert_array_equal(weighted, expected)
    assert_array_equal(weighted[[0, 4]], [repeated.min(0), repeated.max(0)])


def test_quantiles_of_what_is_there():
    some = np.tile(X, 5)
    some[::2, 3] = np.nan
    some[:, 4] = np.nan
    quantiles = learn_quantiles(some, ALL, None)
    assert quantiles[2, 3] in X[1::2, 3]
    assert_array_equal(quantiles[:, 4], np.zeros(5))
    thin = sparse.csr_array(np.nan_to_num(some))
    of_dense = learn_quantiles(np.nan_to_num(some), ALL[::3], None)
    assert_array_equal(learn_quantiles(thin, ALL[::3], None), of_dense)
