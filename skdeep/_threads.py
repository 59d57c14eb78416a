"""How many threads a job is worth, and safety after a fork."""

import os
import threading
from contextlib import contextmanager

import torch

# Below this many floating-point operations a step, handing work to a second thread
# costs more than it saves.
_MIN_OPERATIONS = 100_000_000

_lock = threading.Lock()
_n_limited = 0
_n_threads_before = 1


@contextmanager
def threads_for(n_operations):
    """Run small jobs on one thread; the setting found is restored at the end.

    Jobs may overlap in several Python threads: what the first one found is what every
    one of them restores.

    Parameters
    ----------
    n_operations : float
        Floating-point operations of one step of the job.
    """
    if n_operations >= _MIN_OPERATIONS or torch.get_num_threads() == 1:
        yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter():
    global _n_limited, _n_threads_before
    with _lock:
        if _n_limited == 0:
            _n_threads_before = torch.get_num_threads()
        _n_limited += 1
        torch.set_num_threads(1)


def _leave():
    global _n_limited
    with _lock:
        _n_limited -= 1
        torch.set_num_threads(_n_threads_before)


def _reset_child():
    # A forked child inherits the parent's thread pool without its threads and would
    # wait for them for ever; the lock may have been held by a thread that is gone.
    global _lock, _n_limited
    _lock, _n_limited = threading.Lock(), 0
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_child)
