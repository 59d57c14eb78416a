"""What the micro-batcher promises, with models that are slow, broken or counted."""

import asyncio
import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skdeep.serving.batching import Batcher
from skdeep.serving.errors import RequestError
from skdeep.serving.observing import Observed

SLOW = 0.02


class Model:
    """Doubles what it gets, and remembers how many rows came at once."""

    def __init__(self, seconds=0.0, wrong=None):
        self.seconds, self.wrong = seconds, wrong
        self.sizes, self.threads = [], set()

    def example(self, n_rows):
        return [np.zeros((n_rows, 1)), np.full((n_rows, 1), "", object)]

    def predict(self, rows):
        time.sleep(self.seconds)
        if self.wrong is not None and (rows[0] == self.wrong).any():
            raise ArithmeticError("wrong")
        self.sizes.append(len(rows[0]))
        self.threads.add(threading.get_ident())
        return 2 * rows[0]


def rows_of(*values):
    return [np.array(values, float)[:, None], np.full((len(values), 1), "", object)]


def batcher(model, max_batch=8, max_delay=0.0, max_queue=100, observe=None):
    observed = Observed(observe, None)
    made = Batcher(model, max_batch, max_delay, max_queue, observed)
    model.sizes.clear()
    model.threads.clear()
    return made


def run_all(batcher, *requests):
    async def run():
        tasks = (
            batcher.submit(rows, f"request {i}") for i, rows in enumerate(requests)
        )
        results = await asyncio.gather(*tasks, return_exceptions=True)
        batcher._observed.tell()
        return results

    return asyncio.run(run())


@pytest.mark.parametrize("seconds", [0.0, SLOW])
def test_each_gets_its_own_rows(seconds):
    requests = [rows_of(*range(i, i + 1 + i % 3)) for i in range(20)]
    results = run_all(batcher(Model(seconds)), *requests)
    for rows, result in zip(requests, results, strict=True):
        assert_array_equal(result, 2 * rows[0])


def test_what_comes_together_is_computed_together():
    model = Model()
    run_all(batcher(model), *(rows_of(i) for i in range(20)))
    assert model.sizes == [8, 8, 4]
    assert model.threads == {threading.get_ident()}


def test_slow_model_has_a_thread_and_batches_what_waits_meanwhile():
    model = Model(SLOW)

    async def run(made):
        first = asyncio.create_task(made.submit(rows_of(0), "first"))
        await asyncio.sleep(SLOW / 2)
        # The event loop is free while the model computes.
        assert not first.done()
        await asyncio.gather(*(made.submit(rows_of(i), "") for i in range(5)))
        await first

    asyncio.run(run(batcher(model)))
    assert model.sizes == [1, 5]
    assert threading.get_ident() not in model.threads


def test_delay_only_after_company():
    model = Model()

    async def run(made):
        loop = asyncio.get_running_loop()
        waits = []
        loop.call_later = lambda wait, *rest: (
            waits.append(wait),
            loop.call_soon(*rest),
        )
        await made.submit(rows_of(1), "")
        await made.submit(rows_of(1), "")
        alone = waits.count(5.0)
        # A batch of two, and one that comes while it is handed out.
        pair = [asyncio.create_task(made.submit(rows_of(i), "")) for i in range(9)]
        await asyncio.gather(*pair)
        return alone, waits.count(5.0)

    alone, in_company = asyncio.run(run(batcher(model, max_delay=5.0)))
    assert alone == 0
    assert in_company == 1
    assert model.sizes == [1, 1, 8, 1]


def test_full_queue_refuses_and_says_when_to_come_again():
    model = Model(SLOW)
    results = run_all(
        batcher(model, max_batch=2, max_queue=4), *(rows_of(i) for i in range(9))
    )
    refused = [r for r in results if isinstance(r, RequestError)]
    assert len(refused) == 5
    assert all(error.status == 429 for error in refused)
    assert refused[0].headers == {"retry-after": "1"}
    assert "at most 4 may" in refused[0].message
    assert_array_equal(np.vstack(results[:4]).ravel(), [0, 2, 4, 6])


def test_request_larger_than_queue_and_batch_is_computed_in_parts():
    model = Model()
    (result,) = run_all(batcher(model, max_batch=4, max_queue=5), rows_of(*range(10)))
    assert_array_equal(result.ravel(), 2 * np.arange(10))
    assert model.sizes == [4, 4, 2]


def test_only_the_request_that_is_to_blame_fails():
    requests = [rows_of(1), rows_of(7), rows_of(2)]
    good, bad, other = run_all(batcher(Model(wrong=7)), *requests)
    assert_array_equal(good, [[2]])
    assert isinstance(bad, ArithmeticError)
    assert_array_equal(other, [[4]])
    (alone,) = run_all(batcher(Model(wrong=7)), rows_of(7))
    assert isinstance(alone, ArithmeticError)


def test_what_is_no_probability_is_refused():
    requests = [rows_of(1), rows_of(2, np.inf, 3), rows_of(4)]
    good, bad, other = run_all(batcher(Model()), *requests)
    assert_array_equal(good, [[2]])
    assert_array_equal(other, [[8]])
    assert bad.status == 400
    assert "Row 1 must have values of a size" in bad.message


@pytest.mark.parametrize("seconds", [0.0, SLOW])
def test_cancelled_requests_leave_the_queue(seconds):
    model = Model(seconds)

    async def run(made):
        tasks = [asyncio.create_task(made.submit(rows_of(i), "")) for i in range(6)]
        await asyncio.sleep(0)
        for task in tasks[1:4]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert made.n_waiting == 0
        return results

    results = asyncio.run(run(batcher(model, max_batch=1)))
    assert sum(isinstance(r, asyncio.CancelledError) for r in results) == 3
    assert len(model.sizes) == 3


def test_observer_sees_every_row_with_the_id_of_its_request():
    seen = []
    made = batcher(Model(), observe=lambda *batch: seen.append(batch))
    run_all(made, rows_of(1, 2), rows_of(3))
    ((rows, results, ids),) = seen
    assert_array_equal(rows[0].ravel(), [1, 2, 3])
    assert_array_equal(results.ravel(), [2, 4, 6])
    assert ids == ["request 0", "request 0", "request 1"]
