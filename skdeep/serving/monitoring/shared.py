"""Records of a fixed size that the workers of one server can read of each other."""

import fcntl
import itertools
import os
import time
import weakref
from pathlib import Path

import numpy as np


class SharedRecords:
    """Records of this worker, and those of all.

    Each worker writes into a file of its own, mapped into memory. A lock tells that it
    is in use; the worker that replaces one that died goes on with its file.

    Parameters
    ----------
    dtype : list
        Of a structured array.

    n_records : int

    folder : path-like or None
        Shared by the workers of one model; None if there is only this one.

    name : str
        Of the records.
    """

    def __init__(self, dtype, n_records, folder=None, name="records"):
        self.dtype, self.n_records = np.dtype(dtype), n_records
        self._folder = None if folder is None else Path(folder)
        # A file of another model or another setting has another size, or name.
        self._pattern = f"{name}-{self.dtype.itemsize}-{n_records}"
        if folder is None:
            self.own = np.zeros(n_records, self.dtype)
        else:
            self._folder.mkdir(parents=True, exist_ok=True)
            path, lock = self._claim()
            # As long as the file is open, it is nobody else's.
            weakref.finalize(self, os.close, lock)
            self.own = self._mapped(path)

    def _claim(self):
        for number in itertools.count():
            path = self._folder / f"{self._pattern}.{number}"
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            os.truncate(lock, self.dtype.itemsize * self.n_records)
            return path, lock

    def _mapped(self, path):
        return np.memmap(path, self.dtype, "r+", shape=(self.n_records,))

    def of_all(self):
        """Records of each worker, a list of arrays; those of others may be changed."""
        if self._folder is None:
            return [self.own]
        size = self.dtype.itemsize * self.n_records
        found = []
        for path in sorted(self._folder.glob(f"{self._pattern}.*")):
            # One that is being made is still empty.
            if path.stat().st_size == size:
                found.append(self._mapped(path))
        return found


class Ring(SharedRecords):
    """Records of which the oldest gives way.

    Each has the `time` it was written, in nanoseconds: none the same as another one of
    this worker, so that times tell their order.
    """

    def __init__(self, dtype, n_records, folder=None, name="records"):
        super().__init__([("time", np.int64), *dtype], n_records, folder, name)
        # Views: to take records apart for each of them would take longer.
        self._fields = {field: self.own[field] for field in self.own.dtype.names}
        self._next = int(self._fields["time"].argmin())
        self._last = int(self._fields["time"].max())

    def append(self, n_records, **fields):
        """Write records; of more than there is room for the last ones.

        Parameters
        ----------
        n_records : int

        **fields : array-like
            Of `n_records` values each, or one for all.
        """
        first = max(time.time_ns(), self._last + 1)
        self._last = first + n_records - 1
        fields["time"] = np.arange(first, first + n_records)
        kept = min(n_records, self.n_records)
        start = self._next
        if start + kept <= self.n_records:
            places = slice(start, start + kept)
        else:
            places = (start + np.arange(kept)) % self.n_records
        for name, values in fields.items():
            values = np.asarray(values)
            self._fields[name][places] = (
                values[n_records - kept :] if values.ndim else values
            )
        self._next = (start + kept) % self.n_records
