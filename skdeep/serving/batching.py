"""Requests that come together are answered by one call of the model."""

import asyncio
import math
import time
from collections import deque
from contextlib import suppress

import numpy as np

from skdeep.serving import threads
from skdeep.serving.errors import RequestError, invalid

# Below, others hardly notice the wait, and the detour through a thread would cost more.
_SHORT = 0.003
# To find out how long the model takes.
_PATIENCE = 0.05


class _Job:
    __slots__ = ("future", "n_rows", "request_id", "rows")

    def __init__(self, rows, request_id, future):
        self.rows = rows
        self.n_rows = len(rows[0])
        self.request_id = request_id
        self.future = future


class Batcher:
    """Gathers rows, has them computed, and hands out the results.

    What arrives in one turn of the event loop is one batch, and so is whatever arrives
    while another one is being computed. So nobody waits at an idle server.

    Parameters
    ----------
    model : ServedModel

    max_batch : int
        Most rows of a batch, unless one request has more; it is computed by itself, in
        parts.

    max_delay : float
        Seconds that a batch waits for more while requests keep coming.

    max_queue : int
        Most rows that wait.

    observed : Observed
        Gets what has been answered.
    """

    def __init__(self, model, max_batch, max_delay, max_queue, observed):
        self._predict = model.predict
        self._max_batch = max_batch
        self._max_delay = max_delay
        self._max_queue = max_queue
        self._observed = observed
        self._jobs = deque()
        self._n_waiting = 0
        self._is_busy = False
        self._had_company = False
        self._seconds, self._seconds_per_row = _measure(model, max_batch)

    @property
    def n_waiting(self):
        """Number of rows that wait."""
        return self._n_waiting

    async def submit(self, rows, request_id):
        """Probabilities of some rows.

        Parameters
        ----------
        rows : list of ndarray

        request_id : str

        Returns
        -------
        probabilities : ndarray of shape (n_rows, n_outputs)

        Raises
        ------
        RequestError
            With status 429, if the queue is full.
        """
        loop = asyncio.get_running_loop()
        job = _Job(rows, request_id, loop.create_future())
        # One request may be larger than the queue; alone, it has to be let in.
        if self._n_waiting and self._n_waiting + job.n_rows > self._max_queue:
            raise self._full()
        self._jobs.append(job)
        self._n_waiting += job.n_rows
        if not self._is_busy:
            self._is_busy = True
            self._schedule(loop)
        return await job.future

    def _schedule(self, loop):
        wait = self._max_delay if self._had_company else 0
        if wait and self._n_waiting < self._max_batch:
            loop.call_later(wait, self._start, loop)
        else:
            loop.call_soon(self._start, loop)

    def _start(self, loop):
        jobs = self._next_jobs()
        if not jobs:
            self._is_busy = self._had_company = False
            return
        self._had_company = len(jobs) > 1 or bool(self._jobs)
        rows = _joined(jobs)
        if self._expected_seconds(len(rows[0])) < _SHORT:
            self._finish(loop, jobs, rows, _attempt(self._compute, rows))
            return
        # One that nobody waits for, should the server's time be up meanwhile.
        threads.start(self._compute_beside, loop, jobs, rows)

    def _compute_beside(self, loop, jobs, rows):
        outcome = _attempt(self._compute, rows)
        # The loop may have been closed.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._finish, loop, jobs, rows, outcome)

    def _next_jobs(self):
        """Take jobs off the queue, as many as make a batch."""
        jobs, n_rows = [], 0
        while self._jobs:
            job = self._jobs[0]
            if jobs and n_rows + job.n_rows > self._max_batch:
                break
            self._jobs.popleft()
            self._n_waiting -= job.n_rows
            if not job.future.cancelled():
                jobs.append(job)
                n_rows += job.n_rows
        return jobs

    def _compute(self, rows):
        n_rows, size = len(rows[0]), self._max_batch
        if n_rows <= size:
            return self._predict(rows)
        return np.concatenate(
            [
                self._predict([array[start : start + size] for array in rows])
                for start in range(0, n_rows, size)
            ]
        )

    def _finish(self, loop, jobs, rows, outcome):
        self._hand_out(jobs, rows, outcome)
        if self._jobs:
            self._schedule(loop)
        else:
            self._is_busy = False

    def _hand_out(self, jobs, rows, outcome):
        probabilities, error = outcome
        if error is None:
            self._answer_all(jobs, rows, probabilities)
        elif len(jobs) > 1:
            # One of them is to blame, and the others shall not suffer.
            for job in jobs:
                self._hand_out([job], job.rows, _attempt(self._compute, job.rows))
        elif not jobs[0].future.done():
            jobs[0].future.set_exception(error)

    def _answer_all(self, jobs, rows, probabilities):
        all_finite, start = np.isfinite(probabilities).all(), 0
        for job in jobs:
            stop = start + job.n_rows
            part = probabilities[start:stop]
            start = stop
            if job.future.done():
                continue
            if all_finite or np.isfinite(part).all():
                job.future.set_result(part)
            else:
                job.future.set_exception(_too_large(part))
        if all_finite:
            ids = [job.request_id for job in jobs for _ in range(job.n_rows)]
            self._observed.add(rows, probabilities, ids, self._n_waiting)

    def _expected_seconds(self, n_rows):
        return self._seconds + self._seconds_per_row * n_rows

    def _full(self):
        batches = math.ceil(self._n_waiting / self._max_batch)
        wait = batches * self._seconds + self._n_waiting * self._seconds_per_row
        return RequestError(
            429,
            f"The queue is full: {self._n_waiting} rows wait, and at most "
            f"{self._max_queue} may. Try again later.",
            {"retry-after": str(max(1, math.ceil(wait)))},
        )


def _too_large(probabilities):
    row = int(np.isfinite(probabilities).all(axis=1).argmin())
    return invalid(
        f"Row {row} must have values of a size that the model can compute with. "
        "Got some that are too large."
    )


def _joined(jobs):
    if len(jobs) == 1:
        return jobs[0].rows
    return [
        np.concatenate(parts) for parts in zip(*(j.rows for j in jobs), strict=True)
    ]


def _attempt(compute, rows):
    try:
        return compute(rows), None
    except Exception as error:
        return None, error


def _measure(model, max_batch):
    """Seconds that a call takes, and those that each row adds."""
    one = _quickest(model, 1)
    if max_batch == 1:
        return one, 0.0
    per_row = max(0.0, _quickest(model, max_batch) - one) / (max_batch - 1)
    return max(0.0, one - per_row), per_row


def _quickest(model, n_rows):
    """Seconds of the quickest of some calls, for others may be using the machine."""
    rows, seconds = model.example(n_rows), []
    while len(seconds) < 3 or (sum(seconds) < _PATIENCE and len(seconds) < 30):
        start = time.perf_counter()
        model.predict(rows)
        seconds.append(time.perf_counter() - start)
    return min(seconds)
