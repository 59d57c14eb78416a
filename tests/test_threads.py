"""Thread counts: limited for small jobs, restored at the end, safe after a fork."""

import gc
import multiprocessing
import threading
import time

import pytest
import torch
from sklearn.datasets import load_digits
from small_nets import mlp
from threadpoolctl import OpenBLASController, ThreadpoolController, threadpool_limits

from skdeep import _dense, _inference, _products, _stacked, _threads, _training
from skdeep._threads import (
    DENSE_FORWARD,
    TRAINING,
    Team,
    n_shards_for,
    n_stacks_for,
    n_updaters_for,
    threads_for,
)

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


def test_threads_of_two_libraries_do_not_take_turns():
    with threads_for(LARGE, TRAINING, on_numpy=True):
        assert torch.get_num_threads() == 1
        assert blas_threads() == {3}
    assert torch.get_num_threads() == 3
    with threads_for(TINY, TRAINING, on_numpy=True):
        assert torch.get_num_threads() == 3


@pytest.mark.parametrize("n_members", [1, 2])
def test_large_dense_nets_train_on_torch_and_predict_on_numpy(n_members, monkeypatch):
    seen = {}

    def watch(kind, name):
        method = getattr(kind, name)

        def watched(*args, **options):
            seen[kind, name] = torch.get_num_threads(), blas_threads()
            return method(*args, **options)

        monkeypatch.setattr(kind, name, watched)

    watch(_products, "multiply")
    watch(_dense.DenseForward, "read")
    for module, name in (
        (_training, "TRAINING"),
        (_stacked, "TRAINING"),
        (_products, "TRAINING"),
        (_inference, "DENSE_FORWARD"),
    ):
        monkeypatch.setattr(module, name, 0)
    X, y = load_digits(return_X_y=True)
    mlp(n_members=n_members, max_iter=1).fit(X, y).predict(X)
    assert seen == {
        (_products, "multiply"): (3, {3}),
        (_dense.DenseForward, "read"): (1, {3}),
    }
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("n_operations", [SMALL, LARGE])
def test_settings_are_restored_after_an_error(n_operations):
    with (
        pytest.raises(ZeroDivisionError),
        threads_for(n_operations, TRAINING, on_numpy=True),
    ):
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


def test_a_step_is_cut_by_its_work_alone():
    sizes = [n_shards_for(n) for n in (1e3, 9e7, 1.2e8, 1e9, 4.9e9, TRAINING)]
    assert sizes == [1, 1, 2, 4, 4, 1]


def test_small_updates_are_not_shared():
    assert n_updaters_for(1000, 2) == 1
    assert n_updaters_for(1_000_000, 2) == 2


def test_stacks_of_small_nets_train_one_after_another():
    assert n_stacks_for(1e6, 2) == 1
    assert n_stacks_for(1e8, 2) == 2


def test_members_of_a_team_obey_the_limit():
    team = Team(2)
    with threads_for(SMALL, TRAINING):
        counts = team.share(lambda _: torch.get_num_threads(), [(0,), (1,)])
    assert counts == [1, 1]


@pytest.mark.parametrize("n_threads", [1, 2, 3, 7])
def test_a_team_shares_the_parts_and_keeps_their_order(n_threads):
    threads = set()

    def square(x, power):
        threads.add(threading.get_ident())
        return x**power

    team = Team(n_threads)
    assert team.share(square, [(x, 2) for x in range(6)]) == [0, 1, 4, 9, 16, 25]
    assert threading.get_ident() in threads
    assert len(threads) <= n_threads
    assert team.share(square, [(3, 3)]) == [27]


def test_an_error_in_a_team_is_raised():
    with pytest.raises(ZeroDivisionError):
        Team(2).share(lambda x: 1 / x, [(1,), (0,)])


def test_threads_of_a_team_end_with_it():
    before = threading.active_count()
    team = Team(3)
    team.share(lambda x: x, [(1,), (2,), (3,)])
    del team
    gc.collect()
    for _ in range(100):
        if threading.active_count() <= before:
            break
        time.sleep(0.01)
    assert threading.active_count() <= before
