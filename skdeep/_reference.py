"""What the data of a fit looked like, for comparing later data with it; numpy only."""

import numpy as np

# So many rows tell where the quantiles are.
_MOST_ROWS = 10_000
# Wide inputs are images, texts and series, of which a part tells as much.
_MOST_COLUMNS = 512
_MOST_VALUES = 2**20
_N_BINS = 10


def learn_reference(X, index, categories=None):
    """Count the values of each feature, in bins that the values themselves make up.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        Numbers as the user gave them, and codes of categories. NaN is missing.

    index : ndarray of int
        Positions of the rows to look at: 10,000 of them at most, evenly spaced.

    categories : sequence or None
        For each feature, None or a dict of categories and their codes.

    Returns
    -------
    reference : dict
        Ready for JSON: `n_rows`; `columns`, the positions of the features that are
        watched, 512 of them at most; `features`, a dict for each of these; and
        `classes`, which is None.
    """
    n_columns = min(X.shape[1], _MOST_COLUMNS)
    columns = evenly(np.arange(X.shape[1]), n_columns)
    index = evenly(index, min(_MOST_ROWS, _MOST_VALUES // max(n_columns, 1)))
    rows = X[index]
    if n_columns < X.shape[1]:
        rows = rows[:, columns]
    if hasattr(rows, "toarray"):
        rows = rows.toarray()
    features = []
    for j, values in zip(columns.tolist(), as_watched(rows.T), strict=True):
        if categories is None or categories[j] is None:
            features.append(_of_numbers(values))
        else:
            features.append(_of_categories(values, categories[j]))
    return {
        "n_rows": len(index),
        "columns": columns.tolist(),
        "features": features,
        "classes": None,
    }


def count_classes(codes):
    """Count predicted classes, or those rows of which each label is predicted.

    Parameters
    ----------
    codes : ndarray
        Positions of classes, of shape (n_samples,), or bool (n_samples, n_labels).

    Returns
    -------
    classes : dict
        What ``classes`` of a reference holds: `n_rows`, and `counts`, a list of which
        trailing zeros may be missing.
    """
    counts = codes.sum(0) if codes.ndim == 2 else np.bincount(codes)
    return {"n_rows": len(codes), "counts": counts.tolist()}


def as_watched(values):
    """Round to what edges are compared with: servers may get float32 or float64."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, dtype=np.float32)


def evenly(positions, most):
    """Take so many of the positions at most, spread over all of them."""
    if len(positions) <= most:
        return positions
    return positions[np.arange(most) * len(positions) // most]


def _of_numbers(values):
    ordered = np.sort(values)
    # NaN comes last.
    present = ordered[: len(ordered) - np.count_nonzero(np.isnan(ordered))]
    edges = _edges(present) if len(present) else present
    inside = np.diff(np.searchsorted(present, edges, side="right"))
    return {
        "kind": "number",
        "edges": edges.tolist(),
        "counts": [0, *inside.tolist(), 0] if len(edges) else [0],
        "n_missing": len(values) - len(present),
        "n_alone": _count_alone(present),
        "min": float(present[0]) if len(present) else None,
        "max": float(present[-1]) if len(present) else None,
    }


def _edges(ordered):
    """Upper edges of the bins; the last bin has none, and it and the first are empty.

    A value that takes the room of a bin gets a bin of its own, and so does each value
    if there are few: their deciles would coincide.
    """
    starts = np.flatnonzero(np.append(True, ordered[1:] > ordered[:-1]))
    distinct = ordered[starts]
    counts = np.diff(np.append(starts, len(ordered)))
    if len(distinct) <= _N_BINS:
        frequent, cuts = distinct, distinct[:0]
    else:
        is_frequent = counts >= len(ordered) / _N_BINS
        frequent, rest = distinct[is_frequent], ordered
        if len(frequent):
            rest = ordered[np.repeat(~is_frequent, counts)]
        n_bins = -(-_N_BINS * len(rest) // len(ordered))
        cuts = rest[np.arange(1, n_bins) * len(rest) // n_bins - 1]
    below = np.nextafter(np.append(frequent, ordered[0]), np.float32(-np.inf))
    return np.unique(np.concatenate([below, frequent, cuts, ordered[-1:]]))


def _count_alone(ordered):
    """Rows whose value would be out of range if they weren't there themselves."""
    if len(ordered) < 2:
        return len(ordered)
    return int(ordered[0] < ordered[1]) + int(ordered[-2] < ordered[-1])


def _of_categories(values, codes):
    present = values[~np.isnan(values)].astype(np.intp)
    counts = np.bincount(present, minlength=len(codes))
    return {
        "kind": "category",
        "categories": [_plain(category) for category in codes],
        "counts": counts.tolist(),
        "n_missing": len(values) - len(present),
        "n_alone": int((counts == 1).sum()),
    }


def _plain(category):
    """As JSON has it."""
    category = category.item() if isinstance(category, np.generic) else category
    return category if isinstance(category, (str, bool, int, float)) else str(category)
