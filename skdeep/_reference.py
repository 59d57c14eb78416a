"""What the data of a fit looked like, for comparing later data with it; numpy only."""

from itertools import islice

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
    values = as_watched(rows.T)
    features = _of_numbers(values)
    for place, j in enumerate(columns.tolist()):
        if categories is not None and categories[j] is not None:
            features[place] = _of_categories(values[place], categories[j])
    return {
        "n_rows": len(index),
        "columns": columns.tolist(),
        "features": features,
        "classes": None,
    }


def pack(reference):
    """Say the same in few bytes, for an estimator that is sent to workers.

    Parameters
    ----------
    reference : dict

    Returns
    -------
    packed : dict
        Of arrays, for the most part.
    """
    features = reference["features"]
    edges = [feature.get("edges", ()) for feature in features]
    return {
        "n_rows": reference["n_rows"],
        "classes": reference["classes"],
        "columns": np.array(reference["columns"], np.int32),
        "n_edges": np.array([len(e) for e in edges], np.uint8),
        "edges": np.array([edge for e in edges for edge in e], np.float32),
        # There are never more rows than such a number can tell.
        "counts": np.array([n for f in features for n in f["counts"]], np.uint16),
        "n_missing": np.array([f["n_missing"] for f in features], np.uint16),
        "n_alone": np.array([f["n_alone"] for f in features], np.uint16),
        "categories": [feature.get("categories") for feature in features],
    }


def unpack(packed):
    """Undo ``pack``."""
    edges, counts = iter(packed["edges"].tolist()), iter(packed["counts"].tolist())
    features = []
    for n_edges, n_missing, n_alone, categories in zip(
        packed["n_edges"].tolist(),
        packed["n_missing"].tolist(),
        packed["n_alone"].tolist(),
        packed["categories"],
        strict=True,
    ):
        if categories is None:
            feature = {"kind": "number", "edges": list(islice(edges, n_edges))}
            n_bins = n_edges + 1
        else:
            feature = {"kind": "category", "categories": list(categories)}
            n_bins = len(categories)
        feature["counts"] = list(islice(counts, n_bins))
        features.append({**feature, "n_missing": n_missing, "n_alone": n_alone})
    return {
        "n_rows": packed["n_rows"],
        "columns": packed["columns"].tolist(),
        "features": features,
        "classes": packed["classes"],
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
    if values.dtype != np.float32:
        with np.errstate(over="ignore", under="ignore"):
            values = values.astype(np.float32)
    return np.ascontiguousarray(values)


def evenly(positions, most):
    """Take so many of the positions at most, spread over all of them."""
    if len(positions) <= most:
        return positions
    return positions[np.arange(most) * len(positions) // most]


def _of_numbers(values):
    """Of several features, one in each row."""
    # What is missing comes last.
    ordered = np.sort(values)
    n_present = values.shape[1] - np.isnan(values).sum(1)
    features = []
    for column, n, edges in zip(
        ordered, n_present.tolist(), _edges(ordered, n_present), strict=True
    ):
        present = column[:n]
        feature = {"kind": "number", "edges": [], "counts": [0]}
        if n:
            edges = edges[np.append(True, edges[1:] > edges[:-1])]
            inside = np.diff(present.searchsorted(edges, "right"))
            feature["edges"] = edges.tolist()
            feature["counts"] = [0, *inside.tolist(), 0]
        feature["n_missing"] = len(column) - n
        feature["n_alone"] = _count_alone(present)
        features.append(feature)
    return features


def _edges(ordered, n_present):
    """Upper edges of the bins of each row, ascending, some repeated.

    The first bin is below all values and the last, which has no edge, above them. A
    value that fills a bin, where quantiles coincide, has a bin of its own.
    """
    ranks = n_present[:, None] * np.arange(2 * _N_BINS + 1) // (2 * _N_BINS) - 1
    ranks = ranks.clip(0)
    cuts = np.take_along_axis(ordered, ranks, 1)
    filled = (cuts[:, 1:] == cuts[:, :-1]) & (ranks[:, 1:] > ranks[:, :-1])
    ends = np.where(filled, cuts[:, 1:], cuts[:, -1:])
    starts = np.where(filled, cuts[:, 1:], cuts[:, :1])
    with np.errstate(under="ignore"):
        starts = np.nextafter(np.append(starts, cuts[:, :1], 1), np.float32(-np.inf))
    return np.sort(np.concatenate([cuts[:, 2::2], ends, starts], axis=1))


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
