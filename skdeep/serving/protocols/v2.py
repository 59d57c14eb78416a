"""The Open Inference Protocol, version 2: KServe's, Triton's and others' clients."""

import numpy as np

from skdeep._version import __version__
from skdeep.serving.errors import invalid, shown
from skdeep.serving.exchange import Reply, json_reply, parse_object
from skdeep.serving.protocols.tensors import datatype_of, read_tensor, write_tensor

VERSION = "1"
_JSON_SIZE = b"inference-header-content-length"
_BINARY = "application/octet-stream"


class OpenInference:
    """Reads tensors and answers with tensors.

    Parameters
    ----------
    model : ServedModel

    reader : RowReader

    predictions : Predictions

    output : {"full", "label", "probabilities"}
        Outputs of a request that names none.
    """

    def __init__(self, model, reader, predictions, output):
        self._name = model.name
        self._signature = model.signature
        self._reader = reader
        self._predictions = predictions
        self._dtype = model.predict(model.example(1)).dtype
        self._label_dtype = _label_dtype(self._signature)
        known = ["probabilities", "label"]
        self._outputs = known if output == "full" else [output]

    def read(self, query):
        """Rows of a query, and how to answer it."""
        document, rest = _split(query)
        inputs = document.get("inputs")
        if not isinstance(inputs, list) or not inputs:
            raise invalid("The body must have `inputs`, a list of tensors.")
        if not all(isinstance(tensor, dict) for tensor in inputs):
            raise invalid("Every input must be an object.")
        request_id = document.get("id")
        if request_id is not None and not isinstance(request_id, str):
            raise invalid(f"`id` must be a string. Got {shown(request_id)}.")
        wanted = self._wanted(document)
        arrays = [read_tensor(tensor, rest.take) for tensor in inputs]
        if rest.left:
            raise invalid("There must be no more bytes than the inputs tell of.")
        rows = self._rows(dict(arrays), len(arrays))

        def answer(probabilities):
            return self._reply(probabilities, wanted, request_id)

        return rows, answer

    def _rows(self, arrays, n_arrays):
        if len(arrays) < n_arrays:
            raise invalid("Every input must have a name of its own.")
        names = self._signature.names
        if len(arrays) == 1 and not (names and {*names} & {*arrays}):
            (array,) = arrays.values()
            if array.dtype.kind == "O" or not array.ndim:
                return self._reader.rows(array.tolist())
            return self._reader.matrix(array)
        for name, array in arrays.items():
            if array.ndim not in (1, 2) or array.shape[1:] not in ((), (1,)):
                raise invalid(
                    f"Input {shown(name)} must have the shape [n] or [n, 1]. "
                    f"Got {list(array.shape)}."
                )
        return self._reader.columns({n: a.ravel().tolist() for n, a in arrays.items()})

    def _wanted(self, document):
        """Names of outputs, and whether each is sent as bytes."""
        binary = _parameters(document).get("binary_data_output", False) is True
        outputs = document.get("outputs")
        if outputs is None:
            return dict.fromkeys(self._outputs, binary)
        if not isinstance(outputs, list):
            raise invalid("`outputs` must be a list of objects.")
        wanted = {}
        for entry in outputs:
            name = entry.get("name") if isinstance(entry, dict) else None
            if name not in ("probabilities", "label"):
                raise invalid(
                    "Every output must be `probabilities` or `label`. "
                    f"Got {shown(name)}."
                )
            parameters = _parameters(entry)
            if "classification" in parameters or "shared_memory_region" in parameters:
                raise invalid("Classification and shared memory are not supported.")
            wanted[name] = parameters.get("binary_data", binary) is True
        return wanted or dict.fromkeys(self._outputs, binary)

    def _reply(self, probabilities, wanted, request_id):
        document = {"model_name": self._name, "model_version": VERSION}
        if request_id is not None:
            document["id"] = request_id
        written = [
            write_tensor(name, self._output(name, probabilities), binary)
            for name, binary in wanted.items()
        ]
        document["outputs"] = [entry for entry, _ in written]
        reply = json_reply(document)
        if not any(wanted.values()):
            return reply
        size = {_JSON_SIZE.decode(): str(len(reply.body))}
        body = b"".join([reply.body, *(data for _, data in written)])
        return Reply(body, _BINARY, headers=size)

    def _output(self, name, probabilities):
        if name == "probabilities":
            return probabilities
        labels = self._predictions.labels(probabilities)
        if self._label_dtype is object:
            labels = list(map(str, labels))
        return np.array(labels, self._label_dtype)

    def server_metadata(self):
        """What ``GET /v2`` tells."""
        return {
            "name": "skdeep",
            "version": __version__,
            "extensions": ["binary_tensor_data"],
        }

    def model_metadata(self):
        """What ``GET /v2/models/NAME`` tells."""
        signature = self._signature
        if signature.as_columns:
            inputs = [
                {
                    "name": field.name,
                    "datatype": datatype_of(field.dtype),
                    "shape": [-1, 1],
                }
                for field in signature.fields
            ]
        else:
            inputs = [
                {
                    "name": "X",
                    "datatype": datatype_of(signature.dtype),
                    "shape": [-1, len(signature.fields)],
                }
            ]
        label_shape = [-1, signature.n_outputs] if signature.multilabel else [-1]
        return {
            "name": self._name,
            "versions": [VERSION],
            "platform": "onnxruntime_onnx",
            "inputs": inputs,
            "outputs": [
                {
                    "name": "probabilities",
                    "datatype": datatype_of(self._dtype),
                    "shape": [-1, signature.n_outputs],
                },
                {
                    "name": "label",
                    "datatype": datatype_of(self._label_dtype),
                    "shape": label_shape,
                },
            ],
        }


def _label_dtype(signature):
    if signature.multilabel:
        return np.int64
    kinds = {type(label) for label in signature.classes}
    for kind, dtype in ((bool, np.bool_), (int, np.int64), (float, np.float64)):
        if kinds == {kind}:
            return dtype
    return object


def _parameters(holder):
    parameters = holder.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise invalid(f"`parameters` must be an object. Got {shown(parameters)}.")
    return parameters


class _Rest:
    """The bytes that come after the JSON."""

    def __init__(self, data):
        self.left = memoryview(data)

    def take(self, n_bytes):
        """The next bytes."""
        if n_bytes > len(self.left):
            raise invalid(
                f"There must be {n_bytes} more bytes after the JSON. "
                f"Got {len(self.left)}."
            )
        taken, self.left = self.left[:n_bytes], self.left[n_bytes:]
        return taken


def _split(query):
    """The JSON of a body, and what comes after it."""
    size, body = query.headers.get(_JSON_SIZE), query.body
    if size is None:
        return parse_object(body), _Rest(b"")
    if not size.isdigit() or int(size) > len(body):
        raise invalid(
            "Inference-Header-Content-Length must be the size of the JSON in the "
            f"body of {len(body)} bytes. Got {size.decode('latin-1')}."
        )
    return parse_object(body[: int(size)]), _Rest(memoryview(body)[int(size) :])
