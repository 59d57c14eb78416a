"""Gradients of a batch by autograd, for any net and any loss."""

import torch

from skdeep import _dense
from skdeep._losses import weighted_mean


def gradient_function(module, flat, per_sample_loss, *, loss, multilabel):
    """Choose how the gradients of `module` are computed.

    Parameters
    ----------
    module : Net

    flat : FlatParameters
        Of that module.

    per_sample_loss : callable

    loss : str
        Name of the loss.

    multilabel : bool

    Returns
    -------
    gradient : callable
        Takes a ``Batch``, leaves the gradient in ``flat.gradient`` and returns the
        mean loss, a float or a Tensor without a graph.
    """
    if loss == "log_loss" and _dense.is_plain(module):
        return _dense.DenseGradient(module, multilabel)

    def gradient(batch):
        flat.gradient.zero_()
        with torch.enable_grad():
            losses = per_sample_loss(module.body(batch.x), batch.target)
            loss = weighted_mean(losses, batch.weight, batch.total)
            loss.backward()
        return loss.detach()

    return gradient
