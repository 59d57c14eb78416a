"""Forward passes without gradients, in bounded memory."""

import math

import numpy as np
import torch
from scipy.special import expit

from skdeep._dense import forward_function, is_plain
from skdeep._threads import DENSE_FORWARD, MODULE_FORWARD, threads_for

# Values in the widest layer of one chunk, which should stay in the cache from layer to
# layer. Calling a torch module costs more than a few products of numpy: larger chunks.
_MODULE_CHUNK = 2**18
# An accelerator needs many rows to be busy.
_DEVICE_CHUNK = 2**25
_DENSE_CHUNK = 2**17
_DENSE_ROWS = 256


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

    def on_torch(x):
        with torch.inference_mode():
            return module(x).to("cpu", torch.float64).numpy()

    n_samples, on_numpy = len(rows), is_plain(module)
    if on_numpy:
        size = max(_DENSE_ROWS, _DENSE_CHUNK // module.row_size)
        net, worth_sharing = forward_function(module, n_samples), DENSE_FORWARD

        def compute(x):
            logits = net(x.numpy()).astype(np.float64, copy=False)
            # The module knows what to do with missing values.
            return on_torch(x) if math.isnan(logits.sum()) else logits
    else:
        on_cpu = module.device.type == "cpu"
        size = max(1, (_MODULE_CHUNK if on_cpu else _DEVICE_CHUNK) // module.row_size)
        compute, worth_sharing = on_torch, MODULE_FORWARD

    n_operations = 2 * module.n_operations * min(size, n_samples)
    with threads_for(n_operations, worth_sharing, on_numpy=on_numpy):
        if n_samples <= size:
            return compute(rows.take(slice(None)))
        return np.concatenate(
            [
                compute(rows.take(slice(start, start + size)))
                for start in range(0, n_samples, size)
            ]
        )


def probabilities(logits, multilabel):
    """Softmax of each row, or sigmoid of each entry, of a float64 ndarray."""
    if multilabel:
        # Beyond 36 the sigmoid would round to exactly 1.
        return expit(np.clip(logits, -36.0, 36.0))
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return np.ascontiguousarray(p)


def most_probable(logits, multilabel):
    """Codes of the most probable class, or a matrix of probable labels."""
    return logits > 0 if multilabel else logits.argmax(1)
