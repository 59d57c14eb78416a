"""Vertex AI: instances to predictions."""

from skdeep.serving.errors import invalid
from skdeep.serving.exchange import (
    JSON,
    accepted,
    content_type,
    json_reply,
    parse_object,
)
from skdeep.serving.predictions import wanted_output


class Vertex:
    """Reads ``{"instances": [...], "parameters": {...}}``.

    Parameters
    ----------
    reader : RowReader

    predictions : Predictions
    """

    media_types = (JSON,)

    def __init__(self, reader, predictions):
        self._reader = reader
        self._entries = predictions.entries

    def read(self, query):
        """Rows of a query, and how to answer it."""
        content_type(query, self.media_types)
        accepted(query, self.media_types, JSON)
        document = parse_object(query.body)
        if "instances" not in document:
            raise invalid("The body must have the key `instances`, a list of rows.")
        output = wanted_output(document.get("parameters"))
        rows = self._reader.rows(document["instances"])

        def answer(probabilities):
            return json_reply({"predictions": self._entries(probabilities, output)})

        return rows, answer
