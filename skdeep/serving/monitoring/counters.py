"""Counts of the last rows, in bounded memory."""

import threading
import time
from typing import NamedTuple

import numpy as np

from skdeep.serving.monitoring.shared import SharedRecords

# A window forgets so many parts of itself at a time.
_N_BLOCKS = 10


class Window(NamedTuple):
    """Counts of the last rows.

    Attributes
    ----------
    counts : ndarray of int

    n_rows : int

    first, last : int
        When the first and the last of these rows came, in nanoseconds; 0 for none.
    """

    counts: np.ndarray
    n_rows: int
    first: int
    last: int


class Counters:
    """Counts rows in blocks, of which the oldest is used again.

    Parameters
    ----------
    n_counters : int

    window : int
        Number of rows to know about, at least.

    folder : path-like or None
        As ``SharedRecords`` has it.

    name : str
    """

    def __init__(self, n_counters, window, folder, name):
        self.window = window
        self._block_rows = max(1, -(-window // _N_BLOCKS))
        self._shared = SharedRecords(
            [
                ("n_rows", np.int64),
                ("first", np.int64),
                ("last", np.int64),
                ("counts", np.int64, (n_counters,)),
            ],
            # One more, which is being filled.
            _N_BLOCKS + 1,
            folder,
            name,
        )
        self._lock = threading.Lock()
        self._n_counters = n_counters
        # Views of the fields: records would be taken apart anew for each row.
        own = self._shared.own
        self._n_rows, self._first, self._last, self._counts = (
            own[field] for field in ("n_rows", "first", "last", "counts")
        )
        self._block = int(self._last.argmax())

    def add(self, places, n_rows):
        """Count rows.

        Parameters
        ----------
        places : ndarray of int
            Counters that they add to.

        n_rows : int
        """
        counts = np.bincount(places, minlength=self._n_counters)
        now = time.time_ns()
        with self._lock:
            block = self._block
            if self._n_rows[block] >= self._block_rows:
                block = self._block = int(self._last.argmin())
                self._n_rows[block] = 0
                self._counts[block] = 0
            if not self._n_rows[block]:
                self._first[block] = now
            self._counts[block] += counts
            self._n_rows[block] += n_rows
            self._last[block] = now

    def read(self):
        """Sum up the newest blocks of all workers: as many as make a window.

        Returns
        -------
        window : Window
        """
        with self._lock:
            blocks = np.concatenate(self._shared.of_all())
        blocks = blocks[blocks["n_rows"] > 0]
        blocks = blocks[np.argsort(-blocks["last"], kind="stable")]
        rows_before = np.cumsum(blocks["n_rows"]) - blocks["n_rows"]
        blocks = blocks[rows_before < self.window]
        if not len(blocks):
            return Window(np.zeros(self._n_counters, np.int64), 0, 0, 0)
        return Window(
            blocks["counts"].sum(0),
            int(blocks["n_rows"].sum()),
            int(blocks["first"].min()),
            int(blocks["last"].max()),
        )
