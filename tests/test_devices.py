"""Where a net lives and which float type it uses."""

import multiprocessing
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from skdeep._devices import own_stream, resolve_device, resolve_dtype, send

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")


def pretend(monkeypatch, n_gpus=0, mps=False):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: n_gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: n_gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


def test_auto_is_cuda_where_there_is_one(monkeypatch):
    pretend(monkeypatch, n_gpus=1)
    assert resolve_device("auto").type == "cuda"
    pretend(monkeypatch, n_gpus=0, mps=True)
    assert resolve_device("auto") == CPU


def test_named_devices(monkeypatch):
    pretend(monkeypatch, n_gpus=2, mps=True)
    assert resolve_device("cpu") == CPU
    assert resolve_device("cuda") == CUDA
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    assert resolve_device("mps") == MPS


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:2", "mps"])
def test_missing_device_is_refused_with_a_remedy(monkeypatch, name):
    pretend(monkeypatch, n_gpus=2 if name == "cuda:2" else 0)
    message = (
        f"`device` must be available on this machine. Got '{name}'; "
        "use device='auto' or device='cpu'."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        resolve_device(name)


def test_workers_are_warned_of_sharing_a_gpu(monkeypatch):
    pretend(monkeypatch, n_gpus=1)
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    with pytest.warns(UserWarning, match="n_jobs=1, or device='cpu'"):
        resolve_device("auto")


def test_workers_on_the_cpu_are_not(monkeypatch):
    pretend(monkeypatch, n_gpus=1)
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    assert resolve_device("cpu") == CPU


@pytest.mark.parametrize(
    ("dtype", "X_dtype", "device", "expected"),
    [
        ("auto", np.float64, CPU, torch.float64),
        ("auto", np.float32, CPU, torch.float32),
        ("auto", np.float64, CUDA, torch.float32),
        ("auto", np.float64, MPS, torch.float32),
        ("float32", np.float64, CPU, torch.float32),
        ("float64", np.float32, CPU, torch.float64),
        ("float64", np.float32, CUDA, torch.float64),
    ],
)
def test_resolve_dtype(dtype, X_dtype, device, expected):
    assert resolve_dtype(dtype, np.dtype(X_dtype), device) is expected


def test_mps_has_no_float64():
    with pytest.raises(ValueError, match="`dtype` must be 'auto' or 'float32' on mps"):
        resolve_dtype("float64", np.dtype(np.float64), MPS)


class Stream:
    """A CUDA stream that knows whom it waited for."""

    def __init__(self, device=None):
        self.waited_for = []

    def wait_stream(self, other):
        self.waited_for.append(other)


@pytest.fixture
def streams(monkeypatch):
    """Streams in use, the innermost last; on no device."""
    streams = [Stream()]

    @contextmanager
    def use(stream):
        streams.append(stream)
        yield
        streams.pop()

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", use)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: streams[-1])
    monkeypatch.setattr("skdeep._devices._here", threading.local())
    return streams


def test_work_on_a_stream_of_its_own_follows_and_precedes_all_else(streams):
    (outer,) = streams
    with own_stream(CUDA):
        inner = streams[-1]
        assert inner is not outer
        assert inner.waited_for == [outer]
    assert outer.waited_for == [inner]


def test_each_thread_keeps_its_stream(streams):
    def stream_of_this_thread():
        with own_stream(CUDA):
            return streams[-1]

    here = stream_of_this_thread()
    assert stream_of_this_thread() is here
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(stream_of_this_thread).result() is not here


def test_on_the_cpu_there_is_nothing_to_wait_for(streams):
    with own_stream(CPU):
        assert len(streams) == 1
    tensor = torch.ones(3)
    assert send(tensor, CPU) is tensor
