"""Integer tokens and the vectors that stand for them."""

import torch
from torch import nn

PADDING, UNKNOWN = 0, 1


class TokenEmbedding(nn.Embedding):
    """A learned vector for each token.

    That of padding is zero for good. That of the unknown token starts from zero, so
    that it says nothing unless it was seen in training.

    Parameters
    ----------
    vocabulary_size : int
        Number of codes, those of padding and of the unknown token included.

    embedding_dim : int
        Size of a vector.
    """

    def __init__(self, vocabulary_size, embedding_dim):
        super().__init__(vocabulary_size, embedding_dim, padding_idx=PADDING)


def read_codes(x, vocabulary_size):
    """Tell tokens from padding.

    A zero before a later token is read as an unknown one, which lets explainers blank
    tokens out, and so is the first step of a sequence that is nothing but padding.

    Parameters
    ----------
    x : Tensor of shape (n_samples, timesteps)
        Non-negative integers of any type; those beyond the vocabulary are unknown.

    vocabulary_size : int

    Returns
    -------
    codes : Tensor of int64, (n_samples, timesteps)

    mask : Tensor of bool, (n_samples, timesteps)
        False for padding.
    """
    # Compared before the cast, which overflows where a float is large.
    codes = torch.where(x < vocabulary_size, x, UNKNOWN).long()
    # Padding is where nothing follows.
    mask = codes.flip(1).cumsum(1).flip(1) > 0
    first = torch.arange(codes.shape[1], device=codes.device) == 0
    mask = mask | first
    return torch.where(mask, codes.clamp_min(UNKNOWN), PADDING), mask
