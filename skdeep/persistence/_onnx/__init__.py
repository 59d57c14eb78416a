"""A whole model as an ONNX graph, from what users have to probabilities."""

import json
from itertools import product

import numpy as np
import torch

from skdeep import _archive as archive
from skdeep._availability import optional
from skdeep.persistence._onnx import rows as drawn
from skdeep.persistence._onnx.columns import (
    declare_columns,
    declare_matrix,
    encode_rows,
    layout_of,
)
from skdeep.persistence._onnx.front import prepend
from skdeep.persistence._onnx.graph import Graph
from skdeep.persistence._onnx.nets import probabilities
from skdeep.persistence._onnx.parity import check, expected_of, named
from skdeep.persistence._signature import find_signature
from skdeep.persistence._steps import check_savable, unnest

_DOUBLE, _SINGLE = np.dtype(np.float64), np.dtype(np.float32)


class ExportError(ValueError):
    """The model can't be put into an ONNX graph, or it answers differently."""


def to_onnx(model, path, X=None):
    """Export a fitted model as an ONNX graph, for runtimes without Python or torch.

    All that the model does is inside, from standardizing and encoding to the
    probabilities. The graph is compared with ``predict_proba``, on rows of `X` or on
    drawn ones, before it is written.

    Parameters
    ----------
    model : DeepMLPClassifier, DeepCNNClassifier, DeepRNNClassifier or Pipeline
        Fitted. A Pipeline must end in one of the nets; skl2onnx converts its other
        steps, those that it knows.

    path : str or path-like
        Of the file.

    X : array-like or data frame, default=None
        Rows as `model` takes them.

    Raises
    ------
    ExportError
        A ValueError. Names the step that can't be converted, or the largest difference
        between the probabilities of the graph and the model, if it is above 1e-5.

    Notes
    -----
    There is one input ``X`` of shape (n_samples, n_features), float or int64 for
    tokens. If there are categories that are texts, there is instead an input of shape
    (n_samples, 1) for each column, with the column's name, or ``x0``, ``x1``, ... A
    text that is no category stands for a missing one. The only output,
    ``probabilities``, is what ``predict_proba`` returns. The entry ``skdeep.signature``
    of the metadata tells names, kinds, categories and classes, as JSON.

    See Also
    --------
    save : Stores the graph too.
    """
    check_savable(model)
    signature = find_signature(model, X)
    archive.replace(path, exported(model, signature, X, must=True))


def exported(model, signature, X, must):
    """Graph of a model, as bytes.

    Parameters
    ----------
    model : estimator

    signature : dict
        Gets "onnx", or the reason why there is no graph.

    X : array-like or None
        Rows to compare on.

    must : bool
        Whether to raise an error rather than return None.
    """
    try:
        _import_all()
        return _first_that_works(model, signature, X)
    except (ExportError, ImportError) as error:
        if must:
            raise
        signature["onnx"], signature["onnx_error"] = None, str(error)
        return None


def _import_all():
    for name, extra in (("onnx", "export"), ("onnxruntime", "serve")):
        optional(name, extra)


def _first_that_works(model, signature, X):
    """Try what the graph may take in; which of it steps can be told to, none says."""
    front, net = unnest(model)
    layouts, dtypes = [layout_of(signature["inputs"])], [None]
    if front:
        _check_front(front, net, signature)
        dtypes = [_DOUBLE, _SINGLE]
        if layouts == ["matrix"]:
            layouts.append("columns")
    first_error = None
    for layout, dtype in product(layouts, dtypes):
        signature["onnx"], signature["onnx_error"] = {"layout": layout}, None
        try:
            data = _graph(front, net, signature, layout, dtype).SerializeToString()
            _compare(data, model, signature, layout, X)
            return data
        except ImportError:
            raise
        except Exception as error:
            # Of converters, of the runtime and of the steps, each with its own kind.
            first_error = first_error or error
    raise ExportError(
        f"The model can't be exported to ONNX: {first_error}."
    ) from first_error


def _check_front(front, net, signature):
    if signature["inputs"][0]["kind"] == "text":
        name, step = front[0]
        raise ExportError(
            f"The model can't be exported to ONNX: the step {name!r}, "
            f"{type(step).__name__}, reads texts, which ONNX can't split."
        )
    if net._columns is not None and layout_of(_categories_of(net)) == "columns":
        raise ExportError(
            "The model can't be exported to ONNX: categories that are texts must come "
            f"straight from the user. Got the step {front[0][0]!r} before the net."
        )


def _categories_of(net):
    return [{"categories": list(codes or ())} for codes in net._columns.categories]


def _graph(front, net, signature, layout, dtype):
    g = Graph(_DOUBLE if net.module_.dtype == torch.float64 else _SINGLE)
    inputs = signature["inputs"]
    if front:
        x = prepend(g, front, inputs, layout, dtype)
        rows = encode_rows(g, net, x)
    elif layout == "columns":
        rows = declare_columns(g, net, inputs)
    else:
        rows = declare_matrix(g, net)
    p = probabilities(g, net, rows)
    properties = {"skdeep.signature": json.dumps(signature)}
    return g.finish(p, "probabilities", _DOUBLE, len(net.classes_), properties)


def _compare(data, model, signature, layout, X):
    inputs = signature["inputs"]
    front, net = unnest(model)
    samples = [] if X is None else [drawn.take(X)]
    if not front:
        samples.append(drawn.of_net(net, inputs))
    elif X is None:
        samples.append(_drawn_for(model, inputs))
    for rows in samples:
        check(data, model, inputs, layout, rows)


def _drawn_for(model, inputs):
    """Rows for a Pipeline, strange ones if it takes them."""
    rows = drawn.of_pipeline(inputs, strange=True)
    try:
        expected_of(model, named(rows, inputs))
    except Exception:
        # Each step has its own way to refuse them.
        return drawn.of_pipeline(inputs, strange=False)
    return rows
