"""The log-loss on numpy, for many nets at once: of logits, and its gradient there."""

import numpy as np
from scipy.special import expit


def softmax_loss(logits, target):
    """Log-loss of each sample, and its gradient: probabilities less targets.

    Parameters
    ----------
    logits : ndarray of shape (n_nets, n_samples, n_classes)
        Overwritten.

    target : ndarray of shape (n_nets or 1, n_samples, n_classes)

    Returns
    -------
    losses : ndarray of shape (n_nets, n_samples)

    gradient : ndarray of shape (n_nets, n_samples, n_classes)
    """
    logits -= np.maximum.reduce(logits, 2, keepdims=True)
    p = np.exp(logits)
    norm = np.add.reduce(p, 2)
    p /= norm[:, :, None]
    p -= target
    logits *= target
    return np.log(norm) - np.add.reduce(logits, 2), p


def sigmoid_loss(logits, target):
    """As ``softmax_loss``, where each column is a label of its own."""
    losses = np.logaddexp(0.0, logits) - logits * target
    p = expit(logits, out=logits)
    p -= target
    return np.add.reduce(losses, 2), p
