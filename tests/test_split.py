"""The validation split: stratified, equal rows together, weights as repetitions."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.datasets import load_iris, load_wine

from skdeep._split import split_validation

X, Y = load_wine(return_X_y=True)


def split(X=X, codes=Y, weight=None, fraction=0.2, seed=0):
    index = np.arange(len(codes))
    return split_validation(X, codes, weight, fraction, seed, index)


def test_only_some_rows_are_split():
    index = np.arange(len(Y))[::3]
    sides = split_validation(X, Y, None, 0.2, 0, index)
    expected = split(X[index], Y[index])
    for side, positions in zip(sides, expected, strict=True):
        assert_array_equal(side, index[positions])


def test_two_disjoint_parts_make_the_whole():
    train, validation = split()
    assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(len(X)))


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.9])
def test_each_class_gives_its_share(fraction):
    _, validation = split(fraction=fraction)
    given = np.bincount(Y[validation]) / np.bincount(Y)
    assert np.abs(given - fraction).max() <= 0.5 / np.bincount(Y).min() + 1e-9


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_no_class_is_missing_on_either_side(fraction):
    train, validation = split(fraction=fraction)
    assert set(Y[train]) == set(Y[validation]) == {0, 1, 2}


def test_seed_decides():
    assert_array_equal(split(seed=1)[1], split(seed=1)[1])
    assert set(split(seed=1)[1]) != set(split(seed=2)[1])


@pytest.mark.parametrize("kind", [np.asarray, np.asfortranarray, sparse.csr_array])
def test_equal_rows_stay_on_one_side(kind):
    iris, codes = load_iris(return_X_y=True)
    repeated = np.random.default_rng(0).integers(0, len(iris), 600)
    train, validation = split(kind(iris[repeated]), codes[repeated])
    sides = [set(map(tuple, iris[repeated][side])) for side in (train, validation)]
    assert len(validation) > 60
    assert not sides[0] & sides[1]


def test_equal_padded_rows_stay_on_one_side():
    sequences = np.repeat(X[:40], 3, axis=0)
    sequences[:, 8:] = np.nan
    train, validation = split(sequences, np.zeros(120, dtype=int))
    original = np.repeat(np.arange(40), 3)
    assert not set(original[train]) & set(original[validation])


def test_rows_that_differ_only_in_their_padding_may_part():
    """Padding is a value of its own: it must not make all keys NaN."""
    sequences = X.copy()
    sequences[:, -1] = np.nan
    _, validation = split(sequences)
    assert len(validation) == pytest.approx(0.2 * len(X), abs=2)


def test_weights_act_as_repetitions():
    weight = np.random.default_rng(0).integers(1, 5, len(X))
    repeated = np.repeat(np.arange(len(X)), weight)
    _, weighted = split(weight=weight.astype(float), seed=3)
    _, from_repeated = split(X[repeated], Y[repeated], seed=3)
    assert set(weighted) == set(repeated[from_repeated])


def test_share_is_one_of_weight():
    weight = np.where(np.arange(len(X)) % 2, 10.0, 0.1)
    _, validation = split(weight=weight, fraction=0.3)
    assert weight[validation].sum() / weight.sum() == pytest.approx(0.3, abs=0.06)


def test_labels_are_not_stratified():
    labels = np.column_stack([Y == 0, Y == 1])
    train, validation = split(codes=labels)
    assert len(validation) == pytest.approx(0.2 * len(X), abs=1)
    assert len(train) + len(validation) == len(X)


@pytest.mark.parametrize("n_rows", [4095, 4096, 4097, 9000])
def test_equal_rows_far_apart_stay_on_one_side(n_rows):
    """Keys are computed in chunks, which must not show."""
    values = np.random.default_rng(0).standard_normal((60, 7))
    row = np.arange(n_rows) % 60
    train, validation = split(values[row], np.zeros(n_rows, dtype=int))
    assert not set(row[train]) & set(row[validation])


def test_lone_member_is_refused_and_named():
    codes = np.array([0, 0, 1, 2, 2])
    with pytest.raises(ValueError, match=r"only 1 member.*early_stopping.*\['1'\]"):
        split(X[:5], codes)


def test_lone_row_of_weight_two_stands_for_two():
    train, _ = split(X[:5], np.array([0, 0, 1, 2, 2]), np.array([1.0, 1, 2, 1, 1]))
    assert 2 in train


def test_one_row_leaves_nothing_to_hold_out():
    with pytest.raises(ValueError, match="validation set is too small"):
        split(np.ones((4, 2)), np.zeros(4, dtype=int))
