"""Files of rows, read a part at a time."""

import csv
import importlib
import itertools
from pathlib import Path

import numpy as np

from skdeep.serving.columns import from_text
from skdeep.serving.errors import ModelError, RequestError
from skdeep.serving.rows import RowReader


def open_rows(path, signature, *, label=None, unknown_categories=False):
    """Open a file of rows.

    Parameters
    ----------
    path : str or path-like
        Ends in .csv, .parquet or .npy.

    signature : Signature

    label : str or None, default=None
        Column that holds labels, which the model doesn't take: a name, or a position
        where columns have no names.

    unknown_categories : bool, default=False
        Whether categories that training didn't see are let through.

    Returns
    -------
    rows : FileRows

    Raises
    ------
    ModelError
        If it can't be read.
    """
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        raise ModelError(
            f"The file must end in {', '.join(_FORMATS)}. Got {path.name}."
        )
    try:
        table = _FORMATS[path.suffix.lower()](path, signature)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} can't be read: {error}") from error
    return FileRows(path, table, signature, label, unknown_categories)


class FileRows:
    """Rows of a file, as a model takes them.

    Parameters
    ----------
    path : Path

    table : _Csv, _Parquet or _Npy

    signature, label, unknown_categories
        As ``open_rows`` has them.
    """

    def __init__(self, path, table, signature, label, unknown_categories):
        self._path, self._table, self._signature = path, table, signature
        self._reader = RowReader(signature, unknown_categories)
        self._label = None if label is None else self._position(label)
        self._places = self._find_places()

    def parts(self, size, start=0):
        """Yield parts of the file.

        Parameters
        ----------
        size : int
            Rows of each but the last one.

        start : int, default=0
            Rows to leave out.

        Yields
        ------
        rows : list of ndarray

        labels : list or None

        share : float
            How much of the file has been read.
        """
        for part, share in self._table.parts(size, start):
            try:
                rows = self._rows(part)
            except RequestError as error:
                raise ModelError(
                    f"{self._path}, counted from row {start}: {error}"
                ) from None
            labels = None if self._label is None else part.column(self._label)
            start += len(part)
            yield rows, labels, share

    def _rows(self, part):
        numbers = part.numbers(self._places) if self._signature.is_numeric else None
        if numbers is not None:
            return self._reader.matrix(numbers)
        fields = self._signature.fields
        columns = [
            part.values(place, field)
            for place, field in zip(self._places, fields, strict=True)
        ]
        if self._signature.names is None:
            return self._reader.rows([list(row) for row in zip(*columns, strict=True)])
        return self._reader.columns(
            dict(zip(self._signature.names, columns, strict=True))
        )

    def _position(self, label):
        names = self._table.names
        if names is not None and label in names:
            return names.index(label)
        if names is None and label.isdecimal() and int(label) < self._table.n_columns:
            return int(label)
        known = names or f"positions up to {self._table.n_columns - 1}"
        raise ModelError(f"{self._path} has no column {label!r}, only {known}.")

    def _find_places(self):
        """Column of the file for each one of the model."""
        names, wanted = self._table.names, self._signature.names
        if names is not None and wanted is not None:
            missing = [name for name in wanted if name not in names]
            if missing:
                raise ModelError(
                    f"{self._path} must have the columns of the model. "
                    f"It lacks {', '.join(missing[:9])}."
                )
            return [names.index(name) for name in wanted]
        places = [j for j in range(self._table.n_columns) if j != self._label]
        if len(places) != len(self._signature.fields):
            raise ModelError(
                f"{self._path} must have {len(self._signature.fields)} columns for the "
                f"model. Got {len(places)}."
            )
        return places


class _Lines:
    """Part of a csv file."""

    def __init__(self, lines):
        self._lines = lines

    def __len__(self):
        return len(self._lines)

    def column(self, place):
        return [line[place] for line in self._lines]

    def values(self, place, field):
        return [from_text(field, cell) for cell in self.column(place)]

    def numbers(self, places):
        try:
            return np.array(
                [[line[j] for j in places] for line in self._lines], dtype=float
            )
        except ValueError:
            # Something is missing, or isn't a number: a message says where.
            return None


class _Csv:
    def __init__(self, path, signature):
        self._path, self._size = path, max(path.stat().st_size, 1)
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = next(csv.reader(file), [])
        self.n_columns = len(first)
        wanted = signature.names
        if wanted is not None:
            has_names = bool({*wanted} & {*first})
        else:
            has_names = not any(map(_is_number, first))
        self.names = first if has_names else None

    def parts(self, size, start):
        self._n_read = 0
        with open(self._path, newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(map(self._counted, file))
            lines = (line for line in lines if line)
            n_skipped = start + (self.names is not None)
            next(itertools.islice(lines, n_skipped, n_skipped), None)
            yield from self._cut(lines, size, start)

    def _cut(self, lines, size, start):
        while part := list(itertools.islice(lines, size)):
            for line in part:
                if len(line) != self.n_columns:
                    raise ModelError(
                        f"{self._path} must have {self.n_columns} cells in each line. "
                        f"Got {len(line)} in row {start + part.index(line)}."
                    )
            start += len(part)
            yield _Lines(part), min(1.0, self._n_read / self._size)

    def _counted(self, line):
        self._n_read += len(line)
        return line


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True


class _Batch:
    """Part of a parquet file."""

    def __init__(self, batch):
        self._batch = batch

    def __len__(self):
        return self._batch.num_rows

    def column(self, place):
        return self._batch.column(place).to_pylist()

    def values(self, place, field):
        return self.column(place)

    def numbers(self, places):
        columns = [self._batch.column(j).to_numpy(zero_copy_only=False) for j in places]
        if any(column.dtype.kind not in "fiub" for column in columns):
            return None
        return np.column_stack([column.astype(float) for column in columns])


class _Parquet:
    def __init__(self, path, signature):
        self._open = pyarrow("parquet").ParquetFile
        self._path = path
        with self._open(path) as file:
            self.names, self.n_rows = (
                list(file.schema_arrow.names),
                file.metadata.num_rows,
            )
        self.n_columns = len(self.names)

    def parts(self, size, start):
        n_read = 0
        with self._open(self._path) as file:
            for batch in file.iter_batches(size):
                n_read += batch.num_rows
                if n_read > start:
                    skipped = max(0, start - (n_read - batch.num_rows))
                    yield _Batch(batch.slice(skipped)), n_read / self.n_rows


class _Array:
    """Part of an array."""

    def __init__(self, array):
        self._array = array

    def __len__(self):
        return len(self._array)

    def column(self, place):
        return self._array[:, place].tolist()

    def values(self, place, field):
        return self.column(place)

    def numbers(self, places):
        array = self._array
        return array if len(places) == array.shape[1] else array[:, places]


class _Npy:
    names = None

    def __init__(self, path, signature):
        # Memory-mapped, so never pickled.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if array.dtype.kind not in "fiub" or array.ndim < 2:
            raise ValueError(
                "it must hold numbers, samples along the first axis. "
                f"Got {array.dtype} of shape {array.shape}."
            )
        self._array = array.reshape(len(array), -1)
        self.n_columns = self._array.shape[1]

    def parts(self, size, start):
        n_rows = len(self._array)
        for begin in range(start, n_rows, size):
            end = min(begin + size, n_rows)
            yield _Array(np.array(self._array[begin:end])), end / n_rows


_FORMATS = {".csv": _Csv, ".parquet": _Parquet, ".npy": _Npy}


def pyarrow(name):
    """Import a module of pyarrow, which reads and writes parquet files."""
    try:
        return importlib.import_module(f"pyarrow.{name}")
    except ImportError as error:
        raise ModelError(
            "Files of parquet need pyarrow, which is not installed. "
            "Install it with: pip install pyarrow"
        ) from error
