"""The first stages of a net for tables: missing numbers and categories."""

from itertools import accumulate

import torch
from torch import nn
from torch.nn import functional as F

from skdeep.modules.layers import standardizer

# As RealMLP has it (Holzmueller et al., 2024).
_MOST_ONE_HOT = 8
_EMBEDDING_SIZE = 8


class TableInput(nn.Module):
    """What needs no training: (n_samples, n_features) to (n_samples, n_encoded).

    Numbers come first, standardized, zero where they are missing; then indicators of
    missing numbers; then small sets of categories one-hot, all zero where missing;
    then large ones as codes 1, 2, ..., zero where missing, for `CategoryEmbedding`.

    Parameters
    ----------
    n_categories : tuple of int
        Number of categories of each feature, whose values are codes 0, 1, ...; 0 for
        numbers.

    missing : tuple of int
        Positions of the features that get an indicator.

    standardize : bool
        Whether numbers are standardized.

    Attributes
    ----------
    n_dense : int
        Width of the output without the codes.

    embedded : list of int
        Number of categories of each feature that is left as a code.
    """

    def __init__(self, n_categories, missing, standardize):
        super().__init__()
        numbers = [j for j, n in enumerate(n_categories) if n == 0]
        one_hot = [
            (j, code)
            for j, n in enumerate(n_categories)
            if n <= _MOST_ONE_HOT
            for code in range(n)
        ]
        coded = [j for j, n in enumerate(n_categories) if n > _MOST_ONE_HOT]
        self.positions = {
            "numbers": numbers,
            "missing": list(missing),
            "one_hot": [j for j, _ in one_hot],
            "codes": [code for _, code in one_hot],
            "coded": coded,
        }
        self.n_dense = len(numbers) + len(missing) + len(one_hot)
        self.embedded = [n_categories[j] for j in coded]
        for name, positions in self.positions.items():
            self.register_buffer(name, torch.tensor(positions, dtype=torch.int64))
        self.standardizer = standardizer(
            standardize, (len(numbers),), channel_axis=0, fill_missing=True
        )

    def reset_parameters(self):
        """Fill the buffers, which are not learned."""
        for name, positions in self.positions.items():
            getattr(self, name).copy_(torch.tensor(positions, dtype=torch.int64))

    def forward(self, x):
        parts = [
            self.standardizer(x[:, self.numbers]),
            x[:, self.missing].isnan(),
            x[:, self.one_hot] == self.codes,
            (x[:, self.coded] + 1.0).nan_to_num(),
        ]
        return torch.cat([part.to(x.dtype) for part in parts], dim=1)

    def update(self, x, weight):
        """Take in a chunk, as ``InputStandardizer`` does."""
        self.standardizer.update(x[:, self.numbers], weight)


class CategoryEmbedding(nn.Embedding):
    """A learned vector for each category (Guo and Berkhahn, 2016).

    The tables of all features lie one below the other. Row 0 of each stands for what
    is missing or unseen; it starts at zero, and stays there if nothing is missing.

    Parameters
    ----------
    n_categories : list of int
        Of each feature.
    """

    def __init__(self, n_categories):
        *first_rows, n_rows = accumulate([0, *(n + 1 for n in n_categories)])
        super().__init__(n_rows, _EMBEDDING_SIZE)
        self.first_rows = first_rows
        self.register_buffer("offsets", torch.tensor(first_rows))

    @property
    def n_outputs(self):
        """Width of what takes the place of the codes."""
        return len(self.first_rows) * self.embedding_dim

    def reset_missing(self):
        """Let what is missing start at zero, and fill the buffer."""
        self.offsets.copy_(torch.tensor(self.first_rows))
        self.weight[self.offsets] = 0.0

    def forward(self, x):
        n = len(self.first_rows)
        vectors = F.embedding(x[:, -n:].long() + self.offsets, self.weight)
        return torch.cat([x[:, :-n], vectors.flatten(1)], dim=1)
