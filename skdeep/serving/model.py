"""From an archive to something that predicts."""

import importlib
import json
import warnings
from pathlib import Path

import numpy as np

from skdeep import _archive as archive
from skdeep.serving.errors import ModelError, shown
from skdeep.serving.signature import input_names, read_signature

ENGINES = ("onnx", "torch")


class ServedModel:
    """A model that is ready to answer.

    Parameters
    ----------
    name : str

    compute : callable
        A list of arrays, one or one for each column, to probabilities.

    signature : Signature

    described : dict, default={}
        What the archive says of the model: ``model`` and ``versions``.

    reference : dict or None, default=None
        Statistics of the training data, for monitoring.
    """

    def __init__(self, name, compute, signature, described=None, reference=None):
        self.name = name
        self.predict = compute
        self.signature = signature
        self.described = described or {}
        self.reference = reference

    @classmethod
    def from_archive(cls, path, engine="onnx", name=None):
        """Read what ``skdeep.persistence.save`` wrote.

        Parameters
        ----------
        path : str or path-like

        engine : {"onnx", "torch"}, default="onnx"
            What computes. "torch" loads the estimator itself, for one that has no form
            in ONNX.

        name : str, default=None
            That of the file, without its ending, if None.

        Returns
        -------
        model : ServedModel

        Raises
        ------
        ModelError
            If the file can't be served; says why.
        """
        if engine not in ENGINES:
            raise ValueError(f"`engine` must be one of {ENGINES}. Got {engine!r}.")
        name = name or Path(path).stem
        if "/" in name:
            raise ModelError(f"The name must have no slash. Got {name!r}.")
        try:
            config, parts = archive.read(path)
        except (OSError, archive.ArchiveError) as error:
            raise ModelError(f"{path} can't be served: {error}") from error
        told = config["signature"]
        if engine == "onnx":
            compute, types = _onnx(path, parts, told)
        else:
            compute, types = _torch(path, told)
        reference = parts.get("reference.json")
        return cls(
            name,
            compute,
            read_signature(told, types),
            {key: config.get(key) for key in ("model", "skdeep_version", "versions")},
            None if reference is None else json.loads(reference),
        )

    def example(self, n_rows):
        """Rows that the model takes, whatever they mean.

        Returns
        -------
        rows : list of ndarray
        """
        signature = self.signature
        if signature.as_columns:
            return [_example_column(field, n_rows) for field in signature.fields]
        return [np.zeros((n_rows, len(signature.fields)), signature.dtype)]


def _example_column(field, n_rows):
    if field.dtype is np.str_ or field.kind == "text":
        value = field.categories[0] if field.categories else ""
    else:
        value = field.categories[0] if field.categories else 0
    as_object = field.dtype in (np.str_, np.object_)
    return np.full((n_rows, 1), value, object if as_object else field.dtype)


def _onnx(path, parts, told):
    if "model.onnx" not in parts:
        raise ModelError(
            f"{path} holds no ONNX model ({told.get('onnx_error', 'none was made')}). "
            "Serve it with --engine torch, which needs all of skdeep."
        )
    try:
        ort = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise ModelError(
            "Serving needs onnxruntime: pip install 'skdeep[serve]'."
        ) from error
    options = ort.SessionOptions()
    # Requests come from many clients at once, and workers are what makes use of cores.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(
            parts["model.onnx"], options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise ModelError(f"{path} holds a broken ONNX model: {error}") from error
    _check_graph(session, path, told)
    types = {entry.name: entry.type for entry in session.get_inputs()}
    run, outputs = session.run, ["probabilities"]
    if told["onnx"]["layout"] == "matrix":
        return lambda rows: run(outputs, {"X": rows[0]})[0], types
    # A graph leaves out the columns that the model does without.
    used = [
        (name, position)
        for position, name in enumerate(input_names(told["inputs"]))
        if name in types
    ]

    def compute(rows):
        return run(outputs, {name: rows[position] for name, position in used})[0]

    return compute, types


def _check_graph(session, path, told):
    """Refuse a signature that isn't the graph's; `load` compares it with the net."""
    kept = session.get_modelmeta().custom_metadata_map.get("skdeep.signature", "{}")
    kept = json.loads(kept)
    for key in sorted({*kept, *told}):
        # As texts, for Python takes True for 1.
        if json.dumps(kept.get(key)) != json.dumps(told.get(key)):
            raise ModelError(
                f"{path} can't be served: `{key}` of its signature must be that of its "
                f"ONNX model, {shown(kept.get(key))}. Got {shown(told.get(key))}."
            )


def _torch(path, told):
    estimator = importlib.import_module("skdeep.persistence").load(path)
    inputs = told["inputs"]
    kinds = {entry["kind"] for entry in inputs}
    told["onnx"] = {"layout": "columns" if kinds & {"category", "text"} else "matrix"}
    if told["onnx"]["layout"] == "matrix":
        types = {"X": "tensor(int64)" if kinds == {"token"} else "tensor(double)"}
        return lambda rows: _quietly(estimator, rows[0]), types
    names = [entry.get("name") for entry in inputs]
    types = {
        name: "object" if entry["kind"] in ("category", "text") else "tensor(double)"
        for name, entry in zip(input_names(inputs), inputs, strict=True)
    }

    def compute(rows):
        columns = [column.ravel() for column in rows]
        if kinds == {"text"}:
            return estimator.predict_proba(columns[0].tolist())
        return _quietly(estimator, _table(names, columns))

    return compute, types


def _quietly(estimator, X):
    with warnings.catch_warnings():
        # The names were checked before, and are gone.
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        return estimator.predict_proba(X)


def _table(names, columns):
    """A data frame, or an array of objects where columns have no names."""
    if None not in names:
        pandas = importlib.import_module("pandas")
        return pandas.DataFrame(dict(zip(names, columns, strict=True)))
    table = np.empty((len(columns[0]), len(columns)), object)
    for position, column in enumerate(columns):
        table[:, position] = column
    return table
