"""Padding and tokens."""

import numpy as np
import pytest

from skdeep._sequences import check_padding, check_tokens, vocabulary_size

NAN = np.nan


def test_padding_at_the_end_is_allowed():
    X = np.array([[1.0, 2, 3, 4, 5, 6], [1, 2, NAN, NAN, NAN, NAN]])
    check_padding(X, (3, 2))


def test_padding_with_the_channels_first():
    X = np.array([[1.0, 2, NAN, 3, 4, NAN]])
    check_padding(X, (2, 3), time_axis=1)
    with pytest.raises(ValueError, match="among the features"):
        check_padding(X, (3, 2), time_axis=0)


def test_images_have_no_padding():
    with pytest.raises(ValueError, match="Input X contains NaN, and images must have"):
        check_padding(np.array([[1.0, 2, 3, NAN]]), (1, 2, 2), time_axis=None)


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ([1, 2, 3, NAN, NAN, NAN], "among the features of an observed time step"),
        ([1, 2, NAN, NAN, 5, 6], "before or between observed time steps"),
        ([NAN, NAN, 3, 4, 5, 6], "before or between observed time steps"),
        ([NAN] * 6, "at least one observed time step"),
    ],
)
def test_other_missing_values_are_refused(row, rule):
    X = np.array([[1.0, 2, 3, 4, 5, 6], row])
    with pytest.raises(ValueError, match=rf"{rule}.*sample 1 \(input_shape=\(3, 2\)\)"):
        check_padding(X, (3, 2))


def test_tokens_are_non_negative_integers():
    check_tokens(np.array([[1.0, 2, 0], [7, 2**40, 0]]))
    for wrong in (-1, 2.5):
        X = np.array([[1.0, 2, 0], [3, wrong, 0], [-9, 0, 0]])
        with pytest.raises(ValueError, match=f"integer. Got {wrong} in sample 1"):
            check_tokens(X)


def test_vocabulary_ends_with_the_largest_code():
    assert vocabulary_size(np.array([[1.0, 2, 0], [7, 0, 0]])) == 8
    assert vocabulary_size(np.zeros((2, 3))) == 2
    assert vocabulary_size(np.array([[5]])) == 6


@pytest.mark.parametrize("row", [[0, 1, 0], [1, 0, 2], [0, 0, 1]])
def test_padding_of_tokens_stands_at_the_end(row):
    X = np.array([[1, 2, 3], [0, 0, 0], row])
    with pytest.raises(ValueError, match=r"no zero before or between.*sample 2"):
        vocabulary_size(X)
