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
        columns, types = [], set()
        for name, column, codes in zip(*named_columns(X), self.categories, strict=True):
            if codes is None:
                column = _numbers(column, name)
                types.add(column.dtype)
            else:
                column = list(map(codes.get, _values(column), repeat(np.nan)))
            columns.append(column)
        single = types == {np.dtype(np.float32)}
        encoded = np.empty((len(X), len(columns)), np.float32 if single else np.float64)
        for j, column in enumerate(columns):
            encoded[:, j] = column
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
    names, columns = named_columns(X)
    if isinstance(categorical_features, str):
        chosen = list(map(_holds_categories, columns))
    else:
        chosen = _chosen(categorical_features, names)
    if not any(chosen):
        return None
    return Columns(
        tuple(
            _categories(column, name, declared) if categorical else None
            for name, column, categorical in zip(names, columns, chosen, strict=True)
        )
    )


def is_frame(X):
    """Whether `X` is a data frame of pandas, or one like polars'."""
    return hasattr(X, "columns") and (hasattr(X, "items") or hasattr(X, "get_columns"))


def named_columns(X):
    """Names of the columns, positions if they have none, and the columns."""
    if is_frame(X):
        polars = hasattr(X, "get_columns")
        columns = X.get_columns() if polars else [column for _, column in X.items()]
        return list(X.columns), columns
    if not hasattr(X, "dtype"):
        # An array of strings would make strings of the numbers beside them.
        X = np.array(X, dtype=object)
    X = check_array(X, dtype=None, ensure_all_finite=False, ensure_min_samples=0)
    return list(range(X.shape[1])), list(X.T)


def _values(column):
    return np.asarray(column, dtype=object).tolist()


def _numbers(column, name):
    values = np.asarray(column)
    kind = values.dtype.kind
    if kind in "biuf":
        return values
    try:
        if kind in "mMc":
            # numpy would make numbers of these too.
            raise TypeError
        return values.astype(np.float64)
    except (TypeError, ValueError):
        # Something isn't a number, or only pandas' NA among objects is in the way.
        return _parse(_values(column), name)


def _parse(values, name):
    numbers = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        if is_missing(value):
            continue
        try:
            numbers[i] = value
        except (TypeError, ValueError):
            raise ValueError(
                f"Column {name!r} must hold numbers, for it is not one of the "
                f"categorical features of this net. Got {value!r}."
            ) from None
    return numbers


def is_missing(value):
    """Whether a value of a table stands for none: None, NaN, or pandas' NA."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:
        # pandas' NA refuses to say what it is unequal to.
        return True


def _holds_categories(column):
    """Whether the column of a frame, by its dtype, is anything but numbers."""
    dtype = column.dtype
    kind = getattr(dtype, "kind", None) or np.asarray(column[:0]).dtype.kind
    # Times are neither, and refused where numbers are wanted.
    if kind in "biufcmM":
        return False
    # Such a column may hold anything.
    if not str(dtype).lower().startswith(("object", "decimal")):
        return True
    values = _values(column)
    if any(issubclass(t, str) for t in set(map(type, values))):
        return True
    present = [value for value in values if not is_missing(value)]
    number = (Real, Decimal, np.bool_)
    return not present or not all(isinstance(value, number) for value in present)


def _chosen(categorical_features, names):
    """Turn a mask, positions or names into a list of bool."""
    chosen, n_features = list(categorical_features), len(names)
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
    known = "" if names == list(range(n_features)) else f"the names {names}, "
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
        values.extend(getattr(column.dtype, "categories", ()))
    try:
        present = [value for value in set(values) if not is_missing(value)]
        ordered = sorted(present, key=_sort_key)
    except TypeError as error:
        raise ValueError(
            f"Column {name!r} must hold strings, numbers or other values that can be "
            f"hashed and sorted. Got {values[0]!r}: {error}."
        ) from None
    return {value: code for code, value in enumerate(ordered)}


def _sort_key(value):
    return ("" if isinstance(value, Real) else type(value).__name__, value)
