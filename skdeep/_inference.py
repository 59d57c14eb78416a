"""Forward passes without gradients, in bounded memory."""

import numpy as np
import torch
from scipy.special import expit

from skdeep import _dense
from skdeep._threads import threads_for

# Values in the widest layer of one chunk: 2**18 float64 values are 2 MiB, which stay
# in the cache from layer to layer.
_CHUNK_VALUES = 2**18


def forward(module, rows):
    """Logits of all rows.

    Parameters
    ----------
    module : Net
        In eval mode.

    rows : Rows

    Returns
    -------
    logits : ndarray of shape (n_samples, n_outputs), float64
    """
    n_samples = len(rows)
    size = max(1, _CHUNK_VALUES // module.row_size)
    compute = _dense_forward if _dense.is_plain(module) else _module_forward
    with (
        torch.inference_mode(),
        threads_for(2 * module.n_operations * min(size, n_samples)),
    ):
        if n_samples <= size:
            return compute(module, rows.take(slice(None)))
        return np.concatenate(
            [
                compute(module, rows.take(slice(start, start + size)))
                for start in range(0, n_samples, size)
            ]
        )


def _dense_forward(module, x):
    return _dense.forward(module, x.numpy()).astype(np.float64, copy=False)


def _module_forward(module, x):
    return module(x).to("cpu", torch.float64).numpy()


def probabilities(logits, multilabel):
    """Softmax of each row, or sigmoid of each entry, of a float64 ndarray."""
    if multilabel:
        # Beyond 36 the sigmoid would round to exactly 1.
        return expit(np.clip(logits, -36.0, 36.0))
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return p


def most_probable(logits, multilabel):
    """Codes of the most probable class, or a matrix of probable labels."""
    return logits > 0 if multilabel else logits.argmax(1)
