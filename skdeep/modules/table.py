"""The first stages of a net for tables: missing numbers and categories."""

from itertools import accumulate, pairwise

import torch
from torch import nn
from torch.nn import functional as F

from skdeep.modules.scaling import standardizer

# As RealMLP has it (Holzmueller et al., 2024).
_MOST_ONE_HOT = 8
_EMBEDDING_SIZE = 8


def coded_features(n_categories):
    """Positions of the features that stay codes, for `CategoryEmbedding`."""
    return [j for j, n in enumerate(n_categories) if n > _MOST_ONE_HOT]


class TableInput(nn.Module):
    """What needs no training: (n_samples, n_features) to (n_samples, n_encoded).

    Numbers come first, standardized, zero where they are missing; then what
    `PiecewiseLinear` makes of them; then indicators of missing numbers; then small sets
    of categories one-hot, all zero where missing; then large ones as codes 1, 2, ...,
    zero where missing, for `CategoryEmbedding`.

    Parameters
    ----------
    n_categories : tuple of int
        Number of categories of each feature, whose values are codes 0, 1, ...; 0 for
        numbers.

    missing : tuple of int
        Positions of the features that get an indicator.

    standardize : bool or "robust"
        Whether, or how, numbers are standardized.

    n_bins : tuple of int
        Bins of each feature; empty if there are none at all.

    Attributes
    ----------
    n_dense : int
        Width of the output without the codes.

    cut : list of int
        Which columns of the output are numbers that have bins besides.

    widening : int
        How many times as wide the output is as the input, rounded up.

    embedded : list of int
        Number of categories of each feature that is left as a code.
    """

    def __init__(self, n_categories, missing, standardize, n_bins=()):
        super().__init__()
        numbers = [j for j, n in enumerate(n_categories) if n == 0]
        one_hot = [
            (j, code)
            for j, n in enumerate(n_categories)
            if n <= _MOST_ONE_HOT
            for code in range(n)
        ]
        coded = coded_features(n_categories)
        self.positions = {
            "numbers": numbers,
            "missing": list(missing),
            "one_hot": [j for j, _ in one_hot],
            "codes": [code for _, code in one_hot],
            "coded": coded,
        }
        self.bins, self.cut = None, []
        if any(n_bins):
            self.bins = PiecewiseLinear(n_bins)
            self.cut = [i for i, j in enumerate(numbers) if n_bins[j]]
        self.n_dense = len(numbers) + sum(n_bins) + len(missing) + len(one_hot)
        self.widening = max(1, -(-self.n_dense // max(1, len(n_categories))))
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
            *([] if self.bins is None else [self.bins(x)]),
            x[:, self.missing].isnan(),
            x[:, self.one_hot] == self.codes,
            (x[:, self.coded] + 1.0).nan_to_num(),
        ]
        # The statistics are of the net's dtype, whatever that of x.
        return torch.cat([part.to(parts[0].dtype) for part in parts], dim=1)

    @property
    def sources(self):
        """For each output, the feature that it is made of; Tensor of int64."""
        bins = [] if self.bins is None else [self.bins.features]
        parts = [self.numbers, *bins, self.missing, self.one_hot, self.coded]
        return torch.cat(parts)

    def update(self, x, weight):
        """Take in a chunk, as ``InputStandardizer`` does."""
        self.standardizer.update(x[:, self.numbers], weight)

    def set_quantiles(self, quantiles):
        """Scale by these, as ``RobustStandardizer`` does."""
        self.standardizer.set_quantiles(quantiles[:, self.positions["numbers"]])


class PiecewiseLinear(nn.Module):
    """Several numbers for one (Gorishniy, Rubachev and Babenko, 2022).

    There is one for each bin: 0 below the bin, 1 above it, and linear in between, less
    its mean if all bins are equally frequent. A missing number makes them zero.

    Parameters
    ----------
    n_bins : tuple of int
        Bins of each feature.
    """

    def __init__(self, n_bins):
        super().__init__()
        self.n_bins = n_bins
        self.register_buffer("features", torch.zeros(sum(n_bins), dtype=torch.int64))
        for name in ("lower", "inverse_width", "center"):
            self.register_buffer(name, torch.zeros(sum(n_bins)))
        # Each used once, for explainers, who ask for gradients of the input.
        self.above_lower, self.above_upper = nn.ReLU(), nn.ReLU()

    def reset_parameters(self):
        """Fill the buffers; nothing is known about the edges."""
        self.set_edges([range(n + 1) for n in self.n_bins])

    @torch.no_grad()
    def set_edges(self, edges):
        """Cut the features here.

        Parameters
        ----------
        edges : list of sequence of float
            One more than there are bins, ascending; anything for no bins. Bins
            without width give zero.
        """
        features, lower, inverse_width, center = [], [], [], []
        for j, (n, cuts) in enumerate(zip(self.n_bins, edges, strict=True)):
            features += [j] * n
            lower += cuts[:n]
            widths = [b - a for a, b in pairwise(cuts[: n + 1])]
            inverse_width += [1.0 / w if w else 0.0 for w in widths]
            center += [1.0 - (t + 0.5) / n if w else 0.0 for t, w in enumerate(widths)]
        self.features.copy_(torch.tensor(features))
        self.lower.copy_(torch.tensor(lower, dtype=torch.float64))
        self.inverse_width.copy_(torch.tensor(inverse_width, dtype=torch.float64))
        self.center.copy_(torch.tensor(center, dtype=torch.float64))

    def forward(self, x):
        if not x.requires_grad:
            # Many numbers are made of few: in place, and without the layers.
            place = x.to(self.lower.dtype).index_select(1, self.features)
            place = place.sub_(self.lower).mul_(self.inverse_width).clamp_(0.0, 1.0)
            return place.sub_(self.center).nan_to_num_()
        place = (x[:, self.features] - self.lower) * self.inverse_width
        # captum hooks the input of each layer: no two of them share one.
        above_lower = self.above_lower(place.clone())
        within = above_lower - self.above_upper(place - 1.0)
        return (within - self.center).nan_to_num()


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
