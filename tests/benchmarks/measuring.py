"""Cases, the clock, and where it ran."""

import os
import platform
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sklearn
import skorch
import torch
from threadpoolctl import threadpool_limits

import skdeep


class Case(NamedTuple):
    """What runs against what.

    Attributes
    ----------
    title : str

    contestants : dict
        Name to a function without arguments; the first one is ours.

    bars : dict
        Name of a peer to the share of its time that ours should stay below.

    baselines : dict
        Name of a contestant to a function whose time is taken off its own.

    long : bool
        Whether a run takes so long that it needs no warm-up and few repeats.
    """

    title: str
    contestants: dict[str, Callable]
    bars: dict[str, float]
    baselines: dict[str, Callable] = {}
    long: bool = False


def measure(case, n_rounds):
    """Seconds of each contestant in each round, after a round to warm up.

    Contestants take turns, so that a busy machine slows each of them down alike.
    """
    seconds = {name: [] for name in case.contestants}
    if case.long:
        n_rounds = max(1, n_rounds // 3)
    else:
        n_rounds += 1
    for _ in range(n_rounds):
        for name, run in case.contestants.items():
            taken = _clock(run)
            if name in case.baselines:
                taken -= _clock(case.baselines[name])
            seconds[name].append(taken)
    return seconds if case.long else {name: s[1:] for name, s in seconds.items()}


def _clock(run):
    # Idle threads of the contestant before spin for a while.
    time.sleep(0.05)
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(case, seconds):
    """Compare our time with that of each peer.

    Returns
    -------
    rows : list of dict
        With `peer`, `ratio` of the medians, `bar` and `met`, which are None where
        nothing is asked for.
    """
    median = {name: float(np.median(s)) for name, s in seconds.items()}
    ours, *peers = median
    rows = []
    for peer in peers:
        ratio, bar = median[ours] / median[peer], case.bars.get(peer)
        met = None if bar is None else ratio <= bar
        rows.append({"peer": peer, "ratio": ratio, "bar": bar, "met": met})
    return rows


@contextmanager
def threads(n_threads):
    """Let torch and BLAS take so many threads; None leaves them alone."""
    before = torch.get_num_threads()
    with threadpool_limits(n_threads):
        if n_threads is not None:
            torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def machine():
    """Processor, cores, GPU, load and versions."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "load": round(os.getloadavg()[0], 1),
        "versions": {
            "Python": platform.python_version(),
            "skdeep": skdeep.__version__,
            "scikit-learn": sklearn.__version__,
            "skorch": skorch.__version__,
            "torch": torch.__version__.partition("+")[0],
            "numpy": np.__version__,
        },
    }


def _processor():
    # platform.processor() is empty, or no more than the architecture, on Linux.
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(": ")[2] for line in lines if "model name" in line]
    return models[0] if models else platform.processor() or platform.machine()
