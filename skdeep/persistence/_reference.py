"""Reference statistics of a model that is saved."""

import numpy as np
from scipy import sparse

from skdeep._frames import is_frame, learn_columns
from skdeep._inference import most_probable
from skdeep._reference import count_classes, learn_reference, unpack


def reference_of(model, X=None):
    """Statistics to compare later data with.

    Parameters
    ----------
    model : estimator
        A fitted net, or a Pipeline that ends in one.

    X : array-like or data frame, default=None
        Rows as the model takes them, best of all others than it was trained on: what it
        says of those may be too good. None takes what the net itself has kept of its
        training data.

    Returns
    -------
    reference : dict or None
        Ready for JSON. None if nothing is known, as of a Pipeline without X, whose net
        has seen other columns than the Pipeline takes.
    """
    if X is None:
        packed = getattr(model, "_reference", None)
        return None if packed is None else unpack(packed)
    table, categories = _table(X)
    index = np.arange(table.shape[0])
    reference = learn_reference(table, index, categories)
    if len(index):
        p = model.predict_proba(X)
        indicators = getattr(model, "_multilabel", None)
        if indicators is None:
            indicators = model[-1]._multilabel
        codes = most_probable(p - 0.5 if indicators else p, indicators)
        reference["classes"] = count_classes(codes)
    return reference


def _table(X):
    """Numbers, codes of categories, and which these are; no columns for texts."""
    if sparse.issparse(X):
        return X.tocsr(), None
    if not is_frame(X):
        X = np.asarray(X) if hasattr(X, "dtype") else np.array(X, dtype=object)
        if X.ndim == 1:
            return np.empty((len(X), 0)), None
        X = X.reshape(len(X), -1)
        if X.dtype.kind in "biuf":
            return X, None
    columns = learn_columns(X, "from_dtype" if is_frame(X) else _texts(X), False)
    if columns is None:
        return np.asarray(X, dtype=np.float64), None
    return columns.encode(X), columns.categories


def _texts(X):
    """Mask of the columns of an array that hold a string."""
    return [any(isinstance(value, str) for value in column) for column in X.T]
