"""Quantiles: where to cut numbers into bins, and how to scale them; numpy only."""

import numpy as np
from scipy import sparse

_MOST_BINS = 16
# Wide tables get fewer bins, and very wide ones none.
_MOST_COLUMNS = 1024
# So many rows tell where the quantiles are.
_MOST_ROWS = 10_000
# A sparse table is made dense in slices of so many columns.
_FEW_COLUMNS = 64
_LEVELS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])


def learn_edges(X, index, weight, is_number):
    """Find the edges of bins that hold about equal shares of the rows.

    Rows count as often as their weight says. Few different values all are edges.

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
        Edges of each feature, ascending, the last one repeated if there are fewer;
        empty where there is nothing to gain, because it is no number or has two values
        only.
    """
    n_features = X.shape[1]
    most = min(_MOST_BINS, _MOST_COLUMNS // max(1, sum(is_number)))
    if most < 2:
        return [np.empty(0)] * n_features
    index = _some(index)
    rows = X[index]
    if sparse.issparse(rows):
        # No more columns than are cut into bins: few enough.
        rows = rows.toarray()
    weight = np.ones(len(index)) if weight is None else weight[index]
    return [
        _edges(rows[:, j], weight, most) if is_number[j] else np.empty(0)
        for j in range(n_features)
    ]


def learn_quantiles(X, index, weight):
    """Lowest number, quartiles and highest number of each feature.

    Rows count as often as their weight says. Each quantile is a number that occurs.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)

    index : ndarray of int
        Positions of the rows to look at.

    weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    quantiles : ndarray of shape (5, n_features)
        Zero where all is missing.
    """
    index = _some(index)
    rows = X[index]
    weight = np.ones(len(index)) if weight is None else weight[index]
    if not sparse.issparse(rows):
        return np.column_stack([_quantiles(column, weight) for column in rows.T])
    rows, slices = rows.tocsc(), []
    for start in range(0, rows.shape[1], _FEW_COLUMNS):
        part = rows[:, start : start + _FEW_COLUMNS].toarray()
        slices += [_quantiles(column, weight) for column in part.T]
    return np.column_stack(slices)


def _some(index):
    return index[:: -(-len(index) // _MOST_ROWS)]


def _quantiles(column, weight):
    present = ~np.isnan(column) & (weight > 0)
    values, weight = column[present], weight[present]
    if not len(values):
        return np.zeros(len(_LEVELS))
    order = values.argsort(kind="stable")
    shares = np.cumsum(weight[order])
    # Nothing in between two numbers: that would depend on how many rows there are.
    places = np.searchsorted(shares, _LEVELS * shares[-1])
    return values[order[places.clip(max=len(values) - 1)]]


def _edges(column, weight, most):
    present = ~np.isnan(column) & (weight > 0)
    values, group = np.unique(column[present], return_inverse=True)
    if len(values) <= most + 1:
        return values if len(values) > 2 else values[:0]
    mass = np.bincount(group, weight[present])
    # A value that could fill several bins gets the room of one.
    shares = np.cumsum(np.minimum(mass, mass.sum() / most))
    levels = np.linspace(0.0, shares[-1], most + 1)
    places = np.searchsorted(shares, levels).clip(max=len(values) - 1)
    edges = np.unique(values[places])
    # How many there are must not depend on the weights: nets that differ in theirs
    # train as a stack.
    return np.append(edges, np.repeat(edges[-1], most + 1 - len(edges)))
