"""Whether a graph answers as its model does."""

import importlib
import warnings

import numpy as np

from skdeep._availability import optional
from skdeep._frames import is_frame, named_columns
from skdeep.persistence._onnx.columns import input_names, is_text, missing_text

# Of probabilities. Nets of single precision add up in other orders.
_TOLERANCE = 1e-5
_ERRORS_ONLY = 4


def session_of(data):
    """Inference session of a serialized graph, on one thread and silent."""
    runtime = optional("onnxruntime", "serve")
    options = runtime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return runtime.InferenceSession(data, options, ["CPUExecutionProvider"])


def feeds(session, inputs, layout, rows):
    """Lay rows out as the graph's inputs.

    Parameters
    ----------
    session : onnxruntime.InferenceSession

    inputs : list of dict
        Of the signature.

    layout : {"matrix", "columns"}

    rows : data frame or ndarray of shape (n_samples, ...)

    Returns
    -------
    feeds : dict
        Name to ndarray.
    """
    types = {i.name: _numpy_type(i.type) for i in session.get_inputs()}
    if layout == "matrix":
        X = np.asarray(rows)
        return {"X": X.reshape(len(X), -1).astype(types["X"])}
    columns = named_columns(rows)[1]
    return {
        name: _column(values, column, types[name])
        for name, column, values in zip(
            input_names(inputs), inputs, columns, strict=True
        )
        if name in types
    }


def _column(values, column, dtype):
    if is_text(column):
        missing, values = missing_text(column), np.asarray(values, dtype=object)
        texts = [v if isinstance(v, str) else missing for v in values]
        return np.array(texts, dtype=object)[:, None]
    return np.asarray(values).astype(dtype)[:, None]


def _numpy_type(name):
    kind = name.removeprefix("tensor(").removesuffix(")")
    return {"float": np.float32, "double": np.float64, "string": object}.get(kind, kind)


def check(data, model, inputs, layout, rows):
    """Compare a graph with its model.

    Parameters
    ----------
    data : bytes
        The graph.

    model : estimator

    inputs, layout, rows
        As in `feeds`.

    Raises
    ------
    ValueError
        Names the largest difference.
    """
    rows = named(rows, inputs)
    expected = expected_of(model, rows)
    session = session_of(data)
    given = feeds(session, inputs, layout, rows)
    (p,) = session.run(["probabilities"], given)
    single = {name: array[:1] for name, array in given.items()}
    (first,) = session.run(["probabilities"], single)
    if p.shape != expected.shape or first.shape != expected[:1].shape:
        raise ValueError(
            f"the graph gives shape {p.shape}, the model gives {expected.shape}"
        )
    differences = np.abs(p - expected), np.abs(first - expected[:1])
    largest = max(float(d.max()) for d in differences)
    if not largest <= _TOLERANCE:
        raise ValueError(
            f"the graph's probabilities differ from the model's by {largest:.2g}, and "
            f"{_TOLERANCE} is allowed"
        )


def expected_of(model, rows):
    """Probabilities of the model itself."""
    with warnings.catch_warnings():
        # Drawn rows are strange on purpose, and may lack names.
        warnings.simplefilter("ignore")
        return model.predict_proba(rows)


def named(rows, inputs):
    """Rows with names, if the model knows any and pandas is there."""
    if is_frame(rows) or any(column["name"] is None for column in inputs):
        return rows
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        return rows
    types = {"category": object, "boolean": bool, "token": int}
    return pandas.DataFrame(
        {
            column["name"]: rows[:, j].astype(types.get(column["kind"], float))
            for j, column in enumerate(inputs)
        }
    )
