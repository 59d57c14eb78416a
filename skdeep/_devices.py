"""Where a net lives and which float type it uses."""

import multiprocessing
import threading
import warnings
from contextlib import contextmanager

import numpy as np
import torch

_here = threading.local()


def resolve_device(name):
    """Turn the parameter `device` into a ``torch.device``.

    "auto" is CUDA where there is one, else the CPU.

    Raises
    ------
    ValueError
        If this machine lacks the device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    available = {
        "cpu": lambda: True,
        "cuda": lambda: (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available,
    }
    if not available[device.type]():
        raise ValueError(
            f"`device` must be available on this machine. Got {name!r}; "
            "use device='auto' or device='cpu'."
        )
    if device.type == "cuda" and multiprocessing.parent_process() is not None:
        warnings.warn(
            "Several worker processes may share one GPU and its memory. Use n_jobs=1, "
            "or device='cpu' with n_jobs > 1.",
            stacklevel=4,
        )
    return device


def resolve_dtype(dtype, X_dtype, device):
    """Turn the parameter `dtype` into a ``torch.dtype``.

    "auto" is the float type of X, and float32 on an accelerator.
    """
    if dtype == "auto":
        on_cpu = device.type == "cpu"
        dtype = "float64" if on_cpu and X_dtype == np.float64 else "float32"
    if dtype == "float64" and device.type == "mps":
        raise ValueError(
            "`dtype` must be 'auto' or 'float32' on mps, which has no float64. "
            "Got 'float64'."
        )
    return getattr(torch, dtype)


def send(tensor, device):
    """Move a Tensor from the CPU without waiting for what the device is doing."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


@contextmanager
def own_stream(device):
    """Work on a stream of this thread on CUDA: the default one can't be recorded."""
    if device.type != "cuda":
        yield
        return
    outer, stream = torch.cuda.current_stream(device), _stream(device)
    stream.wait_stream(outer)
    try:
        with torch.cuda.stream(stream):
            yield
    finally:
        outer.wait_stream(stream)


def _stream(device):
    # Always the same: for each one that it meets, cuBLAS keeps memory for ever.
    streams = vars(_here).setdefault("streams", {})
    if device not in streams:
        streams[device] = torch.cuda.Stream(device)
    return streams[device]
