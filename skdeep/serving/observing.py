"""What has been answered, told to those who count it, many rows at a time.

A batch of one row would cost the monitor as much as the answer costs the model.
"""

import asyncio

import numpy as np

_SECONDS = 0.1
_MANY_ROWS = 1024


class Observed:
    """Keeps what was computed until somebody counts it.

    Parameters
    ----------
    observe : callable or None
        Gets rows, probabilities and the id of the request of each row.

    metrics : Metrics or None
    """

    def __init__(self, observe, metrics):
        self._observe = observe
        self._metrics = metrics
        self._batches = []
        self._n_rows = 0

    def add(self, rows, probabilities, request_ids, n_waiting):
        """Keep a batch; it is told within a tenth of a second.

        Parameters
        ----------
        rows : list of ndarray

        probabilities : ndarray of shape (n_rows, n_outputs)

        request_ids : list of str
            One for each row.

        n_waiting : int
            Rows that wait.
        """
        if not self._batches:
            asyncio.get_running_loop().call_later(_SECONDS, self.tell)
        self._batches.append((rows, probabilities, request_ids, n_waiting))
        self._n_rows += len(request_ids)
        if self._n_rows >= _MANY_ROWS:
            self.tell()

    def tell(self):
        """Tell everything that was kept."""
        batches, self._batches, self._n_rows = self._batches, [], 0
        if not batches:
            return
        if self._metrics is not None:
            for _, _, request_ids, n_waiting in batches:
                self._metrics.batch(len(request_ids), n_waiting)
        if self._observe is not None:
            rows, probabilities, request_ids, _ = zip(*batches, strict=True)
            self._observe(
                [np.concatenate(parts) for parts in zip(*rows, strict=True)],
                np.concatenate(probabilities),
                [i for ids in request_ids for i in ids],
            )
