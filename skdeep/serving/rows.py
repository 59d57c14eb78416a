"""From decoded input to the arrays that the model takes, checked.

Numbers in a matrix, the common case, are checked as a whole. Everything else, and
whatever turns out to be wrong, goes column by column, so that a message can say where.
"""

import math

import numpy as np

from skdeep.serving.columns import read_column
from skdeep.serving.errors import invalid, shown

_NUMBERS = "fiub"


class RowReader:
    """Reads rows by the signature of a model.

    Parameters
    ----------
    signature : Signature

    unknown_categories : bool, default=False
        Whether categories that training didn't see are let through.
    """

    def __init__(self, signature, unknown_categories=False):
        self._signature = signature
        self._unknown_categories = unknown_categories
        self._names = signature.names
        self._known = set(self._names or ())
        self._n_fields = len(signature.fields)
        self._may_miss = np.array([field.missing for field in signature.fields])
        self._is_matrix = not signature.as_columns and signature.is_numeric
        self._kinds = {field.kind for field in signature.fields}

    def rows(self, values):
        """Rows as JSON has them.

        Parameters
        ----------
        values : list
            Of lists, flat or nested as one sample is, or of objects.

        Returns
        -------
        rows : list of ndarray
            One matrix, or one array of shape (n_rows, 1) for each column.
        """
        if not isinstance(values, list):
            raise invalid(f"The rows must be a list. Got {shown(values)}.")
        if not values:
            raise invalid("There must be at least one row. Got none.")
        if isinstance(values[0], dict):
            return self.records(values)
        if self._is_matrix:
            try:
                array = np.array(values)
            except (ValueError, OverflowError):
                array = None
            if array is not None and array.dtype.kind in _NUMBERS:
                return self.matrix(array)
        return self._columns(zip(*self._flat(values), strict=True))

    def records(self, values):
        """Rows as objects, by name of column."""
        names = self._required_names()
        for position, record in enumerate(values):
            self._check_record(position, record)
        return self._columns([record.get(name) for record in values] for name in names)

    def columns(self, values):
        """Columns as an object of lists."""
        names = self._required_names()
        self._check_names(values)
        lists = [values.get(name) for name in names]
        sizes = {len(column) for column in lists if isinstance(column, list)}
        if len(sizes) != 1 or sizes == {0}:
            raise invalid(
                "The columns must be lists of one length, at least 1. "
                f"Got lengths {sorted(sizes)}."
            )
        n_rows = sizes.pop()
        for name, column in zip(names, lists, strict=True):
            if column is not None and not isinstance(column, list):
                raise invalid(f"`{name}` must be a list. Got {shown(column)}.")
        return self._columns(
            [None] * n_rows if column is None else column for column in lists
        )

    def split(self, names, data):
        """Rows as lists, and the names of their columns."""
        if not isinstance(data, list) or not all(isinstance(r, list) for r in data):
            raise invalid(f"`data` must be a list of lists. Got {shown(data)}.")
        if names is None or self._names is None or names == self._names:
            return self.rows(data)
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise invalid(f"`columns` must be a list of names. Got {shown(names)}.")
        for position, row in enumerate(data):
            if len(row) != len(names):
                raise invalid(
                    f"Row {position} must have {len(names)} values, one for each "
                    f"column. Got {len(row)}."
                )
        if not data:
            raise invalid("There must be at least one row. Got none.")
        return self.columns(
            {
                name: list(c)
                for name, c in zip(names, zip(*data, strict=True), strict=True)
            }
        )

    def matrix(self, array):
        """Rows as an array of numbers, flat or folded.

        Parameters
        ----------
        array : ndarray of booleans, integers or floats

        Returns
        -------
        rows : list of ndarray
        """
        array = self._folded(array)
        if not len(array):
            raise invalid("There must be at least one row. Got none.")
        if not self._is_matrix:
            return self._columns(array.T.tolist())
        rows = self._cast(array)
        return self._columns(array.T) if rows is None else [rows]

    def _cast(self, array):
        """The matrix as the model takes it, or None where something may be wrong."""
        if self._kinds == {"token"}:
            if array.dtype.kind == "f" or (array < 0).any():
                return None
            return array.astype(self._signature.dtype)
        if self._kinds != {"number"}:
            return None
        dtype = self._signature.dtype
        if array.dtype == dtype:
            rows = np.ascontiguousarray(array)
        else:
            with np.errstate(over="ignore"):
                rows = array.astype(dtype, order="C")
        if np.isfinite(rows).all():
            return rows
        fine = np.isfinite(rows) | (np.isnan(rows) & self._may_miss)
        return rows if fine.all() else None

    def _folded(self, array):
        shape = self._signature.input_shape
        if array.ndim == 2 and array.shape[1] == self._n_fields:
            return array
        if shape is not None and array.shape[1:] == shape:
            return array.reshape(len(array), -1)
        if array.ndim == 1 and self._n_fields == 1:
            return array[:, None]
        got = "x".join(map(str, array.shape[1:])) or "single numbers"
        raise invalid(f"Each row must have {self._expected()}. Got {got}.")

    def _flat(self, values):
        """Rows without nesting, checked to be of the right length."""
        shape, flat = self._signature.input_shape, []
        for position, row in enumerate(values):
            if not isinstance(row, list) and self._n_fields == 1:
                row = [row]
            if not isinstance(row, list):
                raise invalid(
                    f"Row {position} must be a list, with {self._expected()}. "
                    f"Got {shown(row)}."
                )
            if shape is not None and row and isinstance(row[0], list):
                row = _unfolded(row, shape)
            if row is None or len(row) != self._n_fields:
                got = "another nesting" if row is None else f"{len(row)}"
                raise invalid(
                    f"Row {position} must have {self._expected()}. Got {got}."
                )
            flat.append(row)
        return flat

    def _columns(self, columns):
        """Arrays of the model, of one sequence of values for each field."""
        arrays = [
            read_column(field, values, self._unknown_categories)
            for field, values in zip(self._signature.fields, columns, strict=True)
        ]
        if self._signature.as_columns:
            return [array[:, None] for array in arrays]
        return [np.stack(arrays, axis=1)]

    def _expected(self):
        n = self._n_fields
        told = f"{n} value{'s' if n > 1 else ''}"
        shape = self._signature.input_shape
        if shape is not None and len(shape) > 1:
            told += f", flat or nested as {'x'.join(map(str, shape))}"
        if self._names is not None and n <= 20:
            told += f" ({', '.join(self._names)})"
        return told

    def _required_names(self):
        if self._names is None:
            raise invalid(
                "Rows must be lists of values, because the columns of this model have "
                f"no names: each with {self._expected()}. Got names."
            )
        return self._names

    def _check_record(self, position, record):
        if not isinstance(record, dict):
            raise invalid(
                f"Row {position} must be an object as the first one is. "
                f"Got {shown(record)}."
            )
        if record.keys() != self._known:
            self._check_names(record, f" in row {position}")

    def _check_names(self, found, where=""):
        unknown = [name for name in found if name not in self._known]
        if unknown:
            raise invalid(
                f"{shown(unknown[0])}{where} must be one of the columns of the model: "
                f"{', '.join(self._names)}."
            )
        for field in self._signature.fields:
            if field.name not in found and not field.missing:
                raise invalid(f"{field.label} must be given{where}. It is missing.")


def _unfolded(row, shape):
    """Values of a nested list, or None if it hasn't the shape."""
    for size in shape[1:]:
        if not all(isinstance(part, list) and len(part) == size for part in row):
            return None
        row = [value for part in row for value in part]
    return row if len(row) == math.prod(shape) else None
