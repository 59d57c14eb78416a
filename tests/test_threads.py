"""Thread counts: limited for small jobs, restored at the end, safe after a fork."""

import multiprocessing
import threading

import pytest
import torch
from threadpoolctl import OpenBLASController, ThreadpoolController, threadpool_limits

from skdeep import _threads
from skdeep._threads import DENSE_FORWARD, TRAINING, threads_for

SMALL = 1_000_000
TINY, LARGE = 1000, 10**10


def blas():
    return ThreadpoolController().select(user_api="blas")


def blas_threads():
    return {pool["num_threads"] for pool in blas().info()}


def in_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join(30)


@pytest.fixture(autouse=True)
def three_threads():
    """Both libraries are set to three threads, so that limits show.

    threadpoolctl leaves OpenBLAS to the thread that set a limit first, as long as it
    lives: one that ends at once gives it free for all.
    """
    torch_before, (blas_before, *_) = torch.get_num_threads(), blas_threads()
    torch.set_num_threads(3)
    OpenBLASController.clear_controlling_thread(force=True)
    in_thread(lambda: blas().limit(limits=3))
    assert blas_threads() == {3}
    yield
    torch.set_num_threads(torch_before)
    OpenBLASController.clear_controlling_thread(force=True)
    in_thread(lambda: blas().limit(limits=blas_before))


def test_small_jobs_run_on_one_thread():
    with threads_for(SMALL, TRAINING):
        assert torch.get_num_threads() == 1
        assert blas_threads() == {1}
    assert torch.get_num_threads() == 3
    assert blas_threads() == {3}


@pytest.mark.parametrize("n_operations", [TINY, LARGE])
def test_other_jobs_keep_the_settings(n_operations):
    with threads_for(n_operations, TRAINING):
        assert torch.get_num_threads() == 3
        assert blas_threads() == {3}


def test_sharing_pays_earlier_in_prediction():
    with threads_for(3e7, DENSE_FORWARD):
        assert blas_threads() == {3}
    with threads_for(3e7, TRAINING):
        assert blas_threads() == {1}


def test_settings_are_restored_after_an_error():
    with pytest.raises(ZeroDivisionError), threads_for(SMALL, TRAINING):
        raise ZeroDivisionError
    assert torch.get_num_threads() == 3
    assert blas_threads() == {3}


def test_nested_jobs_restore_at_the_outer_end():
    with threads_for(SMALL, TRAINING):
        with threads_for(SMALL, TRAINING):
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert torch.get_num_threads() == 3
    assert blas_threads() == {3}


def test_overlapping_jobs_restore_what_the_first_one_found():
    inside, leave = threading.Event(), threading.Event()

    def job():
        with threads_for(SMALL, TRAINING):
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=job)
    with threads_for(SMALL, TRAINING):
        thread.start()
        assert inside.wait(30)
    # The other job still runs and needs its limit.
    assert blas_threads() == {1}
    leave.set()
    thread.join(30)
    assert blas_threads() == {3}
    assert torch.get_num_threads() == 3
    assert _threads._n_limited == 0


def test_a_job_inside_another_keeps_its_limit_on_torch():
    with threads_for(SMALL, TRAINING):
        with threads_for(SMALL, TRAINING):
            pass
        assert torch.get_num_threads() == 1


def test_others_can_set_limits_afterwards():
    with threads_for(SMALL, TRAINING):
        pass
    seen = []

    def job():
        with threadpool_limits(limits=2, user_api="blas"):
            seen.append(blas_threads())

    in_thread(job)
    assert seen == [{2}]


def report_from_child(queue):
    with threads_for(SMALL, TRAINING):
        inside = torch.get_num_threads()
    queue.put((inside, torch.get_num_threads(), _threads._n_limited))


# Python 3.12 warns of forks in processes with several threads: the case at hand.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="needs fork"
)
def test_forked_child_of_a_busy_parent_starts_afresh_on_one_thread():
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with threads_for(SMALL, TRAINING):
        child = context.Process(target=report_from_child, args=(queue,))
        child.start()
        assert queue.get(timeout=30) == (1, 1, 0)
        child.join(30)
