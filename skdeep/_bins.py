"""Where to cut the range of a number into bins; numpy only."""

import numpy as np
from scipy import sparse

_MOST_BINS = 16
# Wide tables get fewer bins, and very wide ones none.
_MOST_COLUMNS = 1024
# So many rows tell where the quantiles are.
_MOST_ROWS = 10_000


def learn_edges(X, index, weight, is_number):
    """Find the edges of bins that hold about equal shares of the rows.

    Rows count as often as their weight says.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)

    index : ndarray of int
        Positions of the rows to look at.

    weight : ndarray of shape (n_samples,) or None

    is_number : sequence of bool
        Which features to cut.

    Returns
    -------
    edges : list of ndarray
        Ascending edges of each feature; empty where there is nothing to gain, because
        it is no number or has two values only.
    """
    n_features = X.shape[1]
    most = min(_MOST_BINS, _MOST_COLUMNS // max(1, sum(is_number)))
    if most < 2 or sparse.issparse(X):
        return [np.empty(0)] * n_features
    index = index[:: -(-len(index) // _MOST_ROWS)]
    rows = X[index]
    weight = np.ones(len(index)) if weight is None else weight[index]
    return [
        _edges(rows[:, j], weight, most) if is_number[j] else np.empty(0)
        for j in range(n_features)
    ]


def _edges(column, weight, n_bins):
    present = ~np.isnan(column)
    column, weight = column[present], weight[present]
    if not len(column):
        return column
    order = np.argsort(column, kind="stable")
    shares = np.cumsum(weight[order])
    # The lowest edge is the least value that has any weight at all.
    levels = np.linspace(0.0, shares[-1], n_bins + 1)
    levels[0] = shares[shares > 0][0]
    edges = np.unique(column[order][np.searchsorted(shares, levels)])
    return edges if len(edges) > 2 else edges[:0]
