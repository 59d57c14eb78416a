"""Products of matrices, by numpy or by torch: whichever is faster."""

import functools
import platform
from pathlib import Path

import numpy as np
import torch

from skdeep._threads import TRAINING

# From so many floating-point operations in a step on, torch's products are a tenth
# faster than numpy's on Intel's processors. On AMD's, torch's MKL leaves half of the
# vector units alone, and numpy's are an eighth to twice as fast.
_TORCH_MULTIPLIES = 1e8
# From so many multiplications on, numpy takes up to ten times as long where few rows
# come out, such as logits for many samples.
_MANY_FOR_FEW = 1.5e5


def multiply(a, b, out=None):
    """``np.matmul`` by torch."""
    out = None if out is None else torch.from_numpy(out)
    return torch.matmul(torch.from_numpy(a), torch.from_numpy(b), out=out).numpy()


def multiply_few(a, b, out=None):
    """``np.matmul``, or ``multiply`` where that is faster; `a` has few rows."""
    is_large = a.shape[-2] * a.shape[-1] * b.shape[-1] >= _MANY_FOR_FEW
    return multiply(a, b, out) if is_large else np.matmul(a, b, out=out)


def multipliers(n_operations):
    """Choose how a step of training multiplies.

    The choice depends on the work and on the processor alone, so that a fit gives the
    same bits whenever it runs.

    Parameters
    ----------
    n_operations : float
        Floating-point operations of the step.

    Returns
    -------
    multiply, multiply_few : callable
        As ``np.matmul``; the latter where the first matrix has few rows.
    """
    # No step that several threads of a library are worth is left to numpy: only
    # torch's ever work in training.
    if n_operations >= TRAINING:
        return multiply, multiply
    if n_operations >= _TORCH_MULTIPLIES and _mkl_is_at_home():
        return multiply, multiply
    return np.matmul, multiply_few


@functools.cache
def _mkl_is_at_home():
    return torch.backends.mkl.is_available() and "Intel" in _processor()


def _processor():
    # On Linux, platform knows no more than the architecture.
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.read_text() if cpuinfo.exists() else platform.processor()
