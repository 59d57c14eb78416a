"""What a model takes and gives, as JSON: all that a server needs to know."""

import numpy as np
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skdeep._frames import is_frame, is_missing, learn_columns, named_columns
from skdeep.persistence._steps import unnest

_JSON = (str, int, float, bool)


def find_signature(model, X=None):
    """Describe inputs and outputs.

    Parameters
    ----------
    model : estimator
        A fitted net, or a Pipeline that ends in one.

    X : array-like or data frame, default=None
        Rows as the model takes them.

    Returns
    -------
    signature : dict
        "inputs", "input_shape", "classes", "multilabel", "onnx" and "onnx_error".
    """
    front, net = unnest(model)
    check_is_fitted(net)
    shape = net._fold.shape
    return {
        "inputs": _of_step(front[0][1], X) if front else _of_net(net, X),
        "input_shape": None if front or len(shape) == 1 else list(shape),
        "classes": [as_json(label) for label in net.classes_.tolist()],
        "multilabel": net._multilabel,
        "onnx": None,
        "onnx_error": None,
    }


def as_json(value):
    """Label or category as JSON has it."""
    return value if isinstance(value, _JSON) else str(value)


def _inputs(names, kinds, missing):
    return [
        {"name": name, "kind": kind, "missing": missing, **more}
        for name, (kind, more) in zip(names, kinds, strict=True)
    ]


def _of_net(net, X):
    n = net.n_features_in_
    names = getattr(net, "feature_names_in_", np.array([None] * n)).tolist()
    form = net._input_format
    if form.tokens:
        return _inputs(names, [("token", {})] * n, False)
    padded = form.padded and net._time_axis(net._fold.shape) is not None
    kinds = [("number", {})] * n
    if net._columns is not None:
        kinds = [_kind(codes) for codes in net._columns.categories]
    return _inputs(names, _with_booleans(kinds, X), form.table or padded)


def _kind(categories):
    if categories is None:
        return ("number", {})
    return ("category", {"categories": [as_json(value) for value in categories]})


def _with_booleans(kinds, X):
    """Numbers that are booleans in the frame X are called so."""
    if X is None or not is_frame(X):
        return kinds
    _, columns = named_columns(X)
    return [
        ("boolean", {}) if kind[0] == "number" and _is_boolean(column) else kind
        for kind, column in zip(kinds, columns, strict=True)
    ]


def _is_boolean(column):
    return str(column.dtype).lower().startswith("bool")


def _of_step(step, X):
    tags = get_tags(step).input_tags
    if tags.string and not tags.two_d_array:
        return [{"name": None, "kind": "text", "missing": False}]
    n = getattr(step, "n_features_in_", None)
    if n is None:
        if X is None:
            raise ValueError(
                "`X` must be given for a Pipeline whose first step doesn't know its "
                f"columns. Got None for {type(step).__name__}."
            )
        n = np.shape(X)[1]
    names = list(getattr(step, "feature_names_in_", [None] * n))
    kinds = [("number", {})] * n
    columns = None if X is None else learn_columns(X, "from_dtype", True)
    if columns is not None:
        kinds = [_kind(codes) for codes in columns.categories]
    for j, categories in _encoded(step, names).items():
        kinds[j] = _kind([c for c in categories.tolist() if not is_missing(c)])
    return _inputs(names, _with_booleans(kinds, X), bool(tags.allow_nan))


def _encoded(step, names):
    """Position of a column to its categories, as encoders of scikit-learn keep them."""
    if hasattr(step, "categories_"):
        return dict(enumerate(step.categories_))
    if hasattr(step, "steps"):
        # A step before the encoder may fill gaps; columns stay where they are.
        found = (_encoded(s, names) for _, s in step.steps if not isinstance(s, str))
        return next(filter(None, found), {})
    encoded = {}
    for _, transformer, columns in getattr(step, "transformers_", ()):
        positions = _positions(columns, names)
        within = _encoded(transformer, [names[j] for j in positions])
        encoded |= {positions[j]: c for j, c in within.items() if j < len(positions)}
    return encoded


def _positions(columns, names):
    """Positions of what a ColumnTransformer takes."""
    positions = np.arange(len(names))
    if isinstance(columns, slice):
        start, stop = columns.start, columns.stop
        if isinstance(start, str):
            start = names.index(start)
        if isinstance(stop, str):
            # As pandas has it, the last one is included.
            stop = names.index(stop) + 1
        return positions[slice(start, stop, columns.step)].tolist()
    columns = [columns] if isinstance(columns, (str, int)) else columns
    if any(isinstance(column, str) for column in columns):
        return [names.index(column) for column in columns]
    return positions[columns].tolist()
