"""The log-loss on arrays, for many nets at once: of logits, and its gradient there.

Classes come before samples, so that sums over a few classes run along many samples.
"""

import numpy as np
import torch
from scipy.special import expit


def softmax_loss(logits, target):
    """Log-loss of each sample, and its gradient: probabilities less targets.

    Parameters
    ----------
    logits : ndarray of shape (n_nets, n_classes, n_samples)

    target : ndarray of shape (n_nets or 1, n_classes, n_samples)

    Returns
    -------
    losses : ndarray of shape (n_nets, n_samples)

    gradient : ndarray of shape (n_nets, n_classes, n_samples)
    """
    # Three times as fast as the passes of numpy that it takes.
    log_p = torch.log_softmax(torch.from_numpy(logits), 1).numpy()
    p = np.exp(log_p)
    p -= target
    log_p *= target
    return -np.add.reduce(log_p, 1), p


def sigmoid_loss(logits, target):
    """As ``softmax_loss``, where each row is a label of its own; overwrites logits."""
    losses = np.logaddexp(0.0, logits) - logits * target
    p = expit(logits, out=logits)
    p -= target
    return np.add.reduce(losses, 1), p
