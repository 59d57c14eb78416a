"""Forward passes without gradients, in bounded memory."""

import torch

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
    logits : Tensor of shape (n_samples, n_outputs)
        float64, on the CPU.
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
        return torch.cat(
            [
                compute(module, rows.take(slice(start, start + size)))
                for start in range(0, n_samples, size)
            ]
        )


def _dense_forward(module, x):
    return torch.from_numpy(_dense.forward(module, x.numpy())).double()


def _module_forward(module, x):
    return module(x).to("cpu", torch.float64)


def most_probable(logits, multilabel):
    """Codes of the most probable class, or a matrix of probable labels, as ndarray."""
    return (logits > 0 if multilabel else logits.argmax(1)).numpy()
