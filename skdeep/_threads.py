"""How many threads a job is worth, and safety after a fork."""

import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from itertools import starmap

import torch
from threadpoolctl import OpenBLASController, ThreadpoolController

# Floating-point operations below which no library would start a second thread.
_NEVER_SHARED = 1e5
# From where on a second thread is worth its while. On idle cores it halves the time at
# best; on busy ones, training measured up to ten times slower, as each step waits for
# all threads many times over. A prediction waits a few times only.
TRAINING = 5e9
MODULE_FORWARD = 1e9
DENSE_FORWARD = 1e7

# Floating-point operations in a step of training, and entries in an update, from where
# on waking another thread for its share pays. More shards than these cost more in
# adding them up.
_WORTH_SHARING = 1e8
_WORTH_UPDATING = 3e5
_MOST_SHARDS = 4
# Operations in a step of one net from where on stacks in several threads pay: below,
# the calls are so short that threads wait for each other's.
_WORTH_STACKS = 1e7

_here = threading.local()
_lock = threading.Lock()
_n_limited = 0
_n_threads_before = 1
_blas_before = []


def n_shards_for(n_operations):
    """Into how many parts to cut a step of training for the threads of a ``Team``.

    It depends on the work alone, so that results don't depend on the machine.

    Parameters
    ----------
    n_operations : float
        Floating-point operations of the step.
    """
    if not _WORTH_SHARING <= n_operations < TRAINING:
        return 1
    return 2 if n_operations < 10 * _WORTH_SHARING else _MOST_SHARDS


def n_updaters_for(n_parameters, n_threads):
    """How many of the threads should share an update of so many parameters."""
    return n_threads if n_parameters >= _WORTH_UPDATING else 1


def n_stacks_for(n_operations, n_threads):
    """How many stacks of nets should train at once, given the operations of a step."""
    return n_threads if n_operations >= _WORTH_STACKS else 1


class Team:
    """Python threads that share the parts of a step.

    Unlike the threads of BLAS they wait for each other once in a step and don't spin,
    which does little harm on busy cores.

    Parameters
    ----------
    n_threads : int
        The calling one included.
    """

    def __init__(self, n_threads):
        self.n_threads = n_threads
        # Its threads end when it is garbage.
        self.pool = ThreadPoolExecutor(n_threads - 1) if n_threads > 1 else None

    def share(self, function, parts):
        """Call `function` with the arguments in each part.

        Returns
        -------
        results : list
            In the order of the parts.
        """
        if self.pool is None or len(parts) == 1:
            return list(starmap(function, parts))
        size = -(-len(parts) // self.n_threads)
        others = [
            self.pool.submit(list, starmap(function, parts[start : start + size]))
            for start in range(size, len(parts), size)
        ]
        results = list(starmap(function, parts[:size]))
        for other in others:
            results += other.result()
        return results


@contextmanager
def threads_for(n_operations, worth_sharing, *, on_numpy=False):
    """Run small jobs on one thread; the settings found are restored at the end.

    Jobs may overlap in several Python threads: what the first one found is what the
    last one restores.

    Parameters
    ----------
    n_operations : float
        Floating-point operations of one step of the job.

    worth_sharing : float
        ``TRAINING``, ``MODULE_FORWARD`` or ``DENSE_FORWARD``.

    on_numpy : bool
        Whether numpy computes the products of a larger job.
    """
    if getattr(_here, "limited", False) or n_operations <= _NEVER_SHARED:
        yield
        return
    if n_operations >= worth_sharing:
        with _one_thread_of_torch() if on_numpy else nullcontext():
            yield
        return
    _enter()
    _here.limited = True
    try:
        yield
    finally:
        _here.limited = False
        _leave()


@contextmanager
def _one_thread_of_torch():
    """Leave the cores to the threads of numpy's BLAS.

    Those of both libraries spin for a while after their work. Where they take turns,
    each finds the cores busy with the other's: measured up to 20 times slower.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def _enter():
    global _n_limited, _n_threads_before, _blas_before
    with _lock:
        if _n_limited == 0:
            _n_threads_before = torch.get_num_threads()
            found = [(library, library.get_num_threads()) for library in _blas()]
            _blas_before = [(library, n) for library, n in found if n > 1]
            for library, _ in _blas_before:
                library.set_num_threads(1)
        _n_limited += 1
        torch.set_num_threads(1)


def _leave():
    global _n_limited
    with _lock:
        _n_limited -= 1
        # torch counts threads for each Python thread, BLAS for the process.
        torch.set_num_threads(_n_threads_before)
        if _n_limited == 0 and _blas_before:
            # threadpoolctl leaves OpenBLAS to the thread that limited it first, but
            # the last job to end may be another's.
            OpenBLASController.clear_controlling_thread(force=True)
            for library, n_threads in _blas_before:
                library.set_num_threads(n_threads)
            OpenBLASController.clear_controlling_thread(force=True)


@functools.cache
def _blas():
    return ThreadpoolController().select(user_api="blas").lib_controllers


def _reset_child():
    # A forked child inherits the parent's thread pool without its threads and would
    # wait for them for ever; the lock may have been held by a thread that is gone.
    global _here, _lock, _n_limited
    _here, _lock, _n_limited = threading.local(), threading.Lock(), 0
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_child)
