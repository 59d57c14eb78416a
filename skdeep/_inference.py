"""Forward passes without gradients, in bounded memory."""

import torch

from skdeep._threads import threads_for

# Values in the widest layer of one chunk: 2**20 float64 values are 8 MiB.
_CHUNK_VALUES = 2**20


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
    with (
        torch.inference_mode(),
        threads_for(2 * module.n_operations * min(size, n_samples)),
    ):
        if n_samples <= size:
            logits = module(rows.take(slice(None)))
        else:
            logits = torch.cat(
                [
                    module(rows.take(slice(start, start + size)))
                    for start in range(0, n_samples, size)
                ]
            )
        return logits.to("cpu", torch.float64)
