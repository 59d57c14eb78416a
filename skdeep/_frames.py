"""Tables with categories as arrays of numbers; numpy and scikit-learn only.

Data frames are told by what they offer, so that none of their packages is needed.
"""

from decimal import Decimal
from itertools import repeat
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_array


class Columns(NamedTuple):
    """What ``fit`` has learned about the columns of a table that has categories.

    Attributes
    ----------
    categories : tuple
        For each feature, None if it holds numbers, or a dict of categories and their
        codes 0, 1, ...
    """

    categories: tuple

    @property
    def n_categories(self):
        """Number of categories of each feature, a tuple; 0 for numbers."""
        return tuple(len(codes or ()) for codes in self.categories)

    @property
    def is_categorical(self):
        """Mask of the features that hold categories, ndarray of bool."""
        return np.array([codes is not None for codes in self.categories])

    def encode(self, X):
        """Numbers as they are, and the codes of categories.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)

        Returns
        -------
        encoded : ndarray of shape (n_samples, n_features), float64 or float32
            NaN for what is missing, and for categories that ``fit`` didn't see.

        Raises
        ------
        ValueError
            If there is something else where a number should be; names the column.
        """
        X = as_table(X)
        numbers = [j for j, codes in enumerate(self.categories) if codes is None]
        part = _as_numbers(X, numbers) if numbers else np.empty((len(X), 0))
        encoded = np.empty((len(X), len(self.categories)), dtype=part.dtype)
        encoded[:, numbers] = part
        for j, codes in enumerate(self.categories):
            if codes is not None:
                values = _values(_column(X, j))
                encoded[:, j] = list(map(codes.get, values, repeat(np.nan)))
        return encoded

    def keep_present(self, encoded, index):
        """Forget the categories that no row of `index` has.

        Parameters
        ----------
        encoded : ndarray of shape (n_samples, n_features)
            Changed in place.

        index : ndarray of int

        Returns
        -------
        columns : Columns
        """
        kept = list(self.categories)
        for j, codes in enumerate(self.categories):
            column = encoded[:, j]
            present = np.unique(column[index])
            present = present[~np.isnan(present)]
            if codes is not None and len(present) < len(codes):
                new = dict(zip(present.tolist(), range(len(present)), strict=True))
                column[:] = list(map(new.get, column.tolist(), repeat(np.nan)))
                kept[j] = {c: new[code] for c, code in codes.items() if code in new}
        return Columns(tuple(kept))


def learn_columns(X, categorical_features, declared):
    """Find out which columns hold categories, and which ones.

    Parameters
    ----------
    X : data frame or array-like of shape (n_samples, n_features)

    categorical_features : "from_dtype", array-like or None
        As the estimators have it.

    declared : bool
        Whether categories that a dtype declares count though none of the rows has them.

    Returns
    -------
    columns : Columns or None
        None if there are only numbers.
    """
    if categorical_features is None or (
        isinstance(categorical_features, str) and not is_frame(X)
    ):
        return None
    X = as_table(X)
    if isinstance(categorical_features, str):
        chosen = [_holds_categories(_column(X, j), j) for j in range(X.shape[1])]
    else:
        chosen = _chosen(categorical_features, X)
    if not any(chosen):
        return None
    return Columns(
        tuple(
            _categories(_column(X, j), _name(X, j), declared) if categorical else None
            for j, categorical in enumerate(chosen)
        )
    )


def is_frame(X):
    """Whether `X` is a data frame of pandas, or one like polars'."""
    return hasattr(X, "columns") and (hasattr(X, "iloc") or hasattr(X, "get_columns"))


def as_table(X):
    """Data frames as they are; anything else as an array with two axes."""
    if is_frame(X):
        return X
    if not hasattr(X, "dtype"):
        # An array of strings would make strings of the numbers beside them.
        X = np.array(X, dtype=object)
    return check_array(X, dtype=None, ensure_all_finite=False, ensure_min_samples=0)


def _column(X, j):
    if hasattr(X, "iloc"):
        return X.iloc[:, j]
    return X[:, j]


def _name(X, j):
    return str(X.columns[j]) if is_frame(X) else j


def _values(column):
    return np.asarray(column, dtype=object).tolist()


def _as_numbers(X, positions):
    part = X.iloc[:, positions] if hasattr(X, "iloc") else X[:, positions]
    try:
        return check_array(
            part,
            dtype=(np.float64, np.float32),
            ensure_all_finite=False,
            ensure_min_samples=0,
        )
    except (TypeError, ValueError):
        # Something isn't a number, or only pandas' NA among objects is in the way.
        return np.column_stack(
            [_parse(_values(_column(X, j)), _name(X, j)) for j in positions]
        )


def _parse(values, name):
    numbers = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        if _is_missing(value):
            continue
        try:
            numbers[i] = value
        except (TypeError, ValueError):
            raise ValueError(
                f"Column {name!r} must hold numbers, for it is not one of the "
                f"categorical features of this net. Got {value!r}."
            ) from None
    return numbers


def _is_missing(value):
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:
        # pandas' NA refuses to say what it is unequal to.
        return True


def _holds_categories(column, j):
    """Whether the column of a frame, by its dtype, is anything but numbers."""
    dtype = column.dtype
    kind = getattr(dtype, "kind", None) or np.asarray(column[:0]).dtype.kind
    if kind in "mM":
        raise ValueError(
            "The columns of X must hold numbers, booleans, strings or categories. Got "
            f"{dtype} in column {column.name!r}; turn times into numbers first."
        )
    if kind in "biufc":
        return False
    # Such a column may hold anything.
    if not str(dtype).lower().startswith(("object", "decimal")):
        return True
    values = _values(column)
    if any(issubclass(t, str) for t in set(map(type, values))):
        return True
    present = [value for value in values if not _is_missing(value)]
    number = (Real, Decimal, np.bool_)
    return not present or not all(isinstance(value, number) for value in present)


def _chosen(categorical_features, X):
    """Turn a mask, positions or names into a list of bool."""
    chosen = list(categorical_features)
    n_features = X.shape[1]
    names = [str(name) for name in X.columns] if is_frame(X) else []
    if all(isinstance(item, (bool, np.bool_)) for item in chosen):
        if len(chosen) == n_features:
            return chosen
    elif all(isinstance(item, Integral) for item in chosen):
        if {*chosen} <= {*range(n_features)}:
            return [j in chosen for j in range(n_features)]
    elif all(isinstance(item, str) and item in names for item in chosen):
        return [name in chosen for name in names]
    if not chosen:
        return [False] * n_features
    known = f"the names {names}, " if names else ""
    raise ValueError(
        f"`categorical_features` must be 'from_dtype', None, or a list of {known}"
        f"positions from 0 to {n_features - 1}, or a mask of {n_features} booleans. "
        f"Got {categorical_features!r}."
    )


def _categories(column, name, declared):
    """Map the categories of a column to codes, in an order of their own."""
    values = _values(column)
    # polars' Categorical lists those of other columns too.
    if declared and not str(column.dtype).startswith("Categorical"):
        values += getattr(column.dtype, "categories", ())
    try:
        present = [value for value in set(values) if not _is_missing(value)]
        ordered = sorted(present, key=_sort_key)
    except TypeError as error:
        raise ValueError(
            f"Column {name!r} must hold strings, numbers or other values that can be "
            f"hashed and sorted. Got {values[0]!r}: {error}."
        ) from None
    return {value: code for code, value in enumerate(ordered)}


def _sort_key(value):
    return ("" if isinstance(value, Real) else type(value).__name__, value)
