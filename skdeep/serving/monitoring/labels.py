"""Predictions that wait for the truth, and those that have met it."""

import hashlib
import time

import numpy as np

from skdeep.serving.monitoring.shared import Ring

# float32 rounds what is nearly sure to sure.
_LEAST_PROBABILITY = 1e-7


class UnknownLabelError(ValueError):
    """A label that the model doesn't know."""


class Labels:
    """Remembers predictions by the id of their request until their labels come.

    Parameters
    ----------
    signature : Signature

    n_remembered : int
        Predictions, of each worker.

    n_records : int
        Labelled predictions, of each worker.

    folder, name
        As ``SharedRecords`` has them.
    """

    def __init__(self, signature, n_remembered, n_records, folder, name):
        self._multilabel = multilabel = signature.multilabel
        n_classes = len(signature.classes)
        n_labels = n_classes if self._multilabel else 1
        # Each of several labels has two values.
        pairs = [[0, 1]] * n_classes
        self._codes = list(map(_codes, pairs if multilabel else [signature.classes]))
        self.n_remembered, self.n_records = n_remembered, n_records
        self._waiting = Ring(
            [
                ("key", np.uint64),
                ("call", np.int64),
                ("labelled", np.bool_),
                ("probabilities", np.float32, (n_classes,)),
            ],
            n_remembered,
            folder,
            f"{name}-waiting",
        )
        self._met = Ring(
            [
                ("truth", np.int32, (n_labels,)),
                ("predicted", np.int32, (n_labels,)),
                ("loss", np.float64),
            ],
            n_records,
            folder,
            f"{name}-met",
        )

    def remember(self, request_ids, probabilities):
        """Keep predictions, one for each id; rows of one request share it."""
        self._waiting.append(
            len(request_ids),
            call=time.time_ns(),
            key=np.array([_key(i) for i in request_ids], np.uint64),
            labelled=False,
            probabilities=probabilities,
        )

    def label(self, request_ids, labels):
        """Tell the truth about requests.

        Parameters
        ----------
        request_ids : list of str

        labels : list
            A label for each request, or a list of one for each of its rows. With
            several labels, each is a list of their values.

        Returns
        -------
        answers : list of str
            "accepted", "unknown" (never seen, or forgotten), "repeated" or "rows" (as
            many labels as the request has rows are needed), for each request.
        """
        truths = [self._truths(label) for label in labels]
        found, answers, met = self._find(request_ids), [], []
        for request_id, truth in zip(request_ids, truths, strict=True):
            # Whoever labels a request twice in one call gets the same answer.
            rows = found.get(_key(request_id), [])
            if not rows:
                answers.append("unknown")
            elif rows[0]["labelled"]:
                answers.append("repeated")
            elif len(truth) != len(rows):
                answers.append("rows")
            else:
                for row, codes in zip(rows, truth, strict=True):
                    row["labelled"] = True
                    met.append((row["probabilities"], codes))
                answers.append("accepted")
        self._meet(met)
        return answers

    def label_all(self, probabilities, labels):
        """Label rows at once that nobody has to remember."""
        truths = [self._truths(label)[0] for label in labels]
        self._meet(list(zip(probabilities, truths, strict=True)))

    def records(self):
        """The last labelled predictions of all workers, ascending in time."""
        records = np.concatenate(self._met.of_all())
        records = records[records["time"] > 0]
        order = np.argsort(records["time"], kind="stable")
        return records[order[-self.n_records :]]

    def _find(self, request_ids):
        """Rows of each request, by key; of an id that came again, the last time."""
        wanted = np.unique(np.array([_key(i) for i in request_ids], dtype=np.uint64))
        found = {}
        for records in self._waiting.of_all():
            places = np.flatnonzero(np.isin(records["key"], wanted))
            for place in places[records["time"][places].argsort()]:
                row = records[place]
                rows = found.setdefault(int(row["key"]), [])
                if rows and rows[-1]["call"] < row["call"]:
                    rows.clear()
                if not rows or rows[-1]["call"] == row["call"]:
                    rows.append(row)
        return found

    def _meet(self, pairs):
        """Keep predictions whose truth is known, pairs of probabilities and codes."""
        if not pairs:
            return
        p, truth = (np.array(part) for part in zip(*pairs, strict=True))
        if self._multilabel:
            of_truth, predicted = np.where(truth, p, 1 - p), p > 0.5
        else:
            of_truth = np.take_along_axis(p, truth, axis=1)
            predicted = p.argmax(1)[:, None]
        loss = -np.log(np.maximum(of_truth, _LEAST_PROBABILITY)).sum(1)
        self._met.append(len(p), truth=truth, predicted=predicted, loss=loss)

    def _truths(self, label):
        """Codes of one label, or of several rows."""
        if self._multilabel:
            of_rows = isinstance(label, list) and label and isinstance(label[0], list)
            return [self._coded(row) for row in (label if of_rows else [label])]
        rows = label if isinstance(label, list) else [label]
        return [self._coded([row]) for row in rows]

    def _coded(self, labels):
        if not isinstance(labels, list) or len(labels) != len(self._codes):
            raise UnknownLabelError(
                f"A label must be a list of {len(self._codes)} values. Got {labels!r}."
            )
        codes = []
        for label, known in zip(labels, self._codes, strict=True):
            code = None
            if isinstance(label, (str, int, float)):
                code = known.get(label, known.get(str(label)))
            if code is None:
                told = [name for name in known if isinstance(name, str)]
                raise UnknownLabelError(
                    f"A label must be one of {', '.join(told)}. Got {label!r}."
                )
            codes.append(code)
        return codes


def _codes(classes):
    """Codes by class, and by what it is called in a text."""
    by_name = {str(label): code for code, label in enumerate(classes)}
    return {**by_name, **{label: code for code, label in enumerate(classes)}}


def _key(request_id):
    digest = hashlib.blake2b(request_id.encode("utf-8", "replace"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")
