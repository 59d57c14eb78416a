"""Losses of single samples, and the rows of probabilities that they compare with."""

from functools import partial

import torch
from torch.nn import functional as F


def target_rows(codes, n_classes, label_smoothing, dtype):
    """Build the function that turns codes into target probabilities.

    Label smoothing (Szegedy et al., 2016) mixes the uniform distribution into them.

    Parameters
    ----------
    codes : ndarray
        int64 of shape (n_samples,), or bool of shape (n_samples, n_classes).

    n_classes : int

    label_smoothing : float
        Share of the uniform distribution.

    dtype : torch.dtype

    Returns
    -------
    take : callable
        Positions to a Tensor of shape (n_positions, n_classes), laid out class by
        class, as what computes the log-loss takes it.
    """
    codes = torch.from_numpy(codes)
    if codes.ndim == 2:
        # Each label is a problem of two classes.
        codes = codes.T.contiguous()
        low, width = label_smoothing / 2, 1.0 - label_smoothing
        return lambda index: codes[:, index].to(dtype).mul_(width).add_(low).T
    # Symmetric: its columns are its rows.
    table = torch.eye(n_classes, dtype=dtype)
    table.mul_(1.0 - label_smoothing).add_(label_smoothing / n_classes)
    return lambda index: table.index_select(1, codes[index]).T


def loss_function(loss, multilabel, focal_gamma):
    """Build the loss of each sample.

    Parameters
    ----------
    loss : {"log_loss", "focal"}
        "focal" is Lin et al. (2017): the log-loss times ``(1 - p) ** focal_gamma``.

    multilabel : bool
        Whether each output is a label of its own; their losses are summed.

    focal_gamma : float

    Returns
    -------
    per_sample : callable
        Logits and target probabilities, both of shape (n_samples, n_classes), to a
        Tensor of shape (n_samples,).
    """
    if loss == "focal":
        return partial(_multilabel_focal if multilabel else _focal, gamma=focal_gamma)
    return _multilabel_log_loss if multilabel else _log_loss


def weighted_mean(losses, weight, total):
    """Sum of `weight` times `losses` over `total`, the sum of the weights."""
    return (losses.sum() if weight is None else losses @ weight) / total


def _log_loss(logits, target):
    return F.cross_entropy(logits, target, reduction="none")


def _multilabel_log_loss(logits, target):
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(1)


def _focal(logits, target, gamma):
    log_p = F.log_softmax(logits, 1)
    return -(target * _power(1.0 - log_p.exp(), gamma) * log_p).sum(1)


def _multilabel_focal(logits, target, gamma):
    log_p, log_q = F.logsigmoid(logits), F.logsigmoid(-logits)
    positive = target * _power(log_q.exp(), gamma) * log_p
    negative = (1.0 - target) * _power(log_p.exp(), gamma) * log_q
    return -(positive + negative).sum(1)


def _power(p, gamma):
    # At zero, the slope of a power below one is infinite.
    return p.clamp_min(torch.finfo(p.dtype).tiny) ** gamma
