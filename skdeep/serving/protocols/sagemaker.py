"""SageMaker: /invocations, by the types of content and of the answer."""

import numpy as np

from skdeep.serving import tables
from skdeep.serving.errors import invalid, shown
from skdeep.serving.exchange import (
    JSON,
    Reply,
    accepted,
    content_type,
    json_lines,
    json_reply,
    parse,
)
from skdeep.serving.predictions import wanted_output
from skdeep.serving.protocols.mlflow import find_form, read_form

CSV = "text/csv"
JSON_LINES = "application/jsonlines"
NPY = "application/x-npy"
# The common forms in which SageMaker's own algorithms take one row.
_WRAPPERS = ("features", "data")


class SageMaker:
    """Reads csv, JSON, JSON lines and npy, and MLflow's forms of JSON.

    Parameters
    ----------
    reader : RowReader

    predictions : Predictions

    signature : Signature
    """

    media_types = (JSON, CSV, JSON_LINES, NPY)

    def __init__(self, reader, predictions, signature):
        self._reader = reader
        self._predictions = predictions
        self._signature = signature
        self._names = set(signature.names or ())
        self._readers = {
            CSV: self._read_csv,
            JSON_LINES: self._read_lines,
            NPY: lambda body, _: (reader.matrix(tables.read_npy(body)), None),
            JSON: self._read_json,
        }
        self._writers = {
            CSV: lambda p, output: tables.write_csv(predictions.cells(p, output)),
            JSON_LINES: lambda p, output: json_lines(predictions.entries(p, output)),
            NPY: self._write_npy,
        }

    def read(self, query):
        """Rows of a query, and how to answer it."""
        came, parameters = content_type(query, self.media_types)
        wanted = accepted(query, self.media_types, came)
        rows, asked = self._readers[came](query.body, parameters)
        output = wanted_output(asked) or _custom_output(query)

        def answer(probabilities):
            if wanted == JSON:
                entries = self._predictions.entries(probabilities, output)
                return json_reply({"predictions": entries})
            return Reply(self._writers[wanted](probabilities, output), wanted)

        return rows, answer

    def _read_csv(self, body, parameters):
        header = {"present": True, "absent": False}.get(parameters.get("header"))
        text = _text(body)
        return tables.read_csv(self._reader, self._signature, text, header), None

    def _read_lines(self, body, parameters):
        lines = [line for line in _text(body).splitlines() if line.strip()]
        return self._reader.rows([self._unwrapped(parse(line)) for line in lines]), None

    def _read_json(self, body, parameters):
        document = parse(body)
        if isinstance(document, list):
            # One row by itself is a list of values.
            if document and not isinstance(document[0], (list, dict)):
                several = len(self._signature.fields) > 1
                document = [document] if several else document
            return self._reader.rows(document), None
        if not isinstance(document, dict):
            raise invalid(
                f"The body must be a list or an object. Got {shown(document)}."
            )
        row = self._unwrapped(document)
        if row is not document:
            return self._reader.rows([row]), None
        form = find_form(document)
        value = document[form]
        if form == "instances" and isinstance(value, list):
            value = list(map(self._unwrapped, value))
        rows = read_form(self._reader, form, value)
        return rows, document.get("params", document.get("parameters"))

    def _unwrapped(self, row):
        """Values of ``{"features": [...]}`` or ``{"data": {"features": ...}}``."""
        if not isinstance(row, dict) or len(row) != 1:
            return row
        (key,) = row
        if key not in _WRAPPERS or key in self._names:
            return row
        inner = row[key]
        while isinstance(inner, dict) and len(inner) == 1:
            (inner,) = inner.values()
        return inner

    def _write_npy(self, probabilities, output):
        if output == "label":
            return tables.write_npy(np.array(self._predictions.labels(probabilities)))
        return tables.write_npy(probabilities)


def _text(body):
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid(f"The body must be text in UTF-8: {error}.") from None


def _custom_output(query):
    """What the header that SageMaker passes through asks for: ``output=label``."""
    header = query.headers.get(b"x-amzn-sagemaker-custom-attributes")
    if header is None:
        return None
    pairs = (part.partition("=") for part in header.decode("latin-1").split(","))
    found = {key.strip(): value.strip() for key, _, value in pairs}
    return wanted_output({"output": found.get("output")})
