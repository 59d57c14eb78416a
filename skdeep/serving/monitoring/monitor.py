"""What a server keeps an eye on."""

import hashlib
import json
import threading
from datetime import UTC, datetime

import numpy as np

from skdeep.serving.monitoring.bins import Bins
from skdeep.serving.monitoring.counters import Counters
from skdeep.serving.monitoring.drift import find_drift
from skdeep.serving.monitoring.labels import Labels
from skdeep.serving.monitoring.scores import adwin, find_scores


class Monitor:
    """Counts what a model is asked and answers, and compares it with its training.

    Parameters
    ----------
    reference : dict
        Statistics of the training data, as the archive holds them.

    signature : Signature
        Of the served model.

    window : int, default=10000
        Number of last rows that the report is about.

    n_remembered : int, default=100000
        Number of last predictions that labels may still come for, in each worker. One
        takes 25 bytes, and 4 more for each class.

    n_labels : int, default=10000
        Number of last labels that scores are about.

    folder : str or path-like, default=None
        Where the workers of one server share what they count; None if there is one.

    latency : callable, default=None
        Returns a dict of what the server knows about its latency; names to numbers.

    Attributes
    ----------
    signature, latency, n_remembered
        As given.

    Examples
    --------
    >>> from skdeep.serving.monitoring import Monitor
    >>> monitor = Monitor(model.reference, model.signature)  # doctest: +SKIP
    >>> monitor.observe(rows, model.predict(rows))  # doctest: +SKIP
    >>> monitor.report()["verdict"]  # doctest: +SKIP
    'no drift found'
    """

    def __init__(
        self,
        reference,
        signature,
        *,
        window=10_000,
        n_remembered=100_000,
        n_labels=10_000,
        folder=None,
        latency=None,
    ):
        for name, value in (
            ("window", window),
            ("n_remembered", n_remembered),
            ("n_labels", n_labels),
        ):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"`{name}` must be a positive integer. Got {value!r}.")
        self.signature, self.latency = signature, latency
        self._reference = reference
        self._bins = Bins(reference, signature)
        self._classes = class_names(signature)
        name = _fingerprint(reference, signature)
        n_counters = self._bins.n_counters + len(self._classes)
        self._counters = Counters(n_counters, window, folder, f"{name}-counts")
        self._labels = Labels(signature, n_remembered, n_labels, folder, name)
        self._lock = threading.Lock()
        self.n_remembered = n_remembered
        self._scored = (None, None)

    def observe(self, rows, probabilities, request_ids=None):
        """Count rows and what was answered.

        Parameters
        ----------
        rows : list of ndarray
            As the model takes them: one matrix, or one array of shape (n_rows, 1) for
            each column.

        probabilities : ndarray of shape (n_rows, n_classes)
            What the model answered.

        request_ids : list of str, default=None
            Of the request that each row belongs to, for labels that come later.
        """
        if self.signature.multilabel:
            codes = np.flatnonzero(np.asarray(probabilities) > 0.5)
            codes %= len(self._classes)
        else:
            codes = probabilities.argmax(1)
        places = np.append(self._bins.places(rows), codes + self._bins.n_counters)
        self._counters.add(places, len(probabilities))
        if request_ids is not None:
            with self._lock:
                self._labels.remember(request_ids, probabilities)

    def feedback(self, request_ids, labels):
        """Take in what turned out to be true.

        Parameters
        ----------
        request_ids : list of str

        labels : list
            A label for each request, or a list of one for each of its rows. Of several
            labels, a list of their values, or a list of such lists.

        Returns
        -------
        answers : list of str
            For each request "accepted"; "unknown", if it was never seen or is no longer
            remembered; "repeated"; or "rows", if it has another number of rows.

        Raises
        ------
        UnknownLabelError
            If a label is none that the model knows; nothing is taken in.

        ImportError
            Without river.
        """
        adwin()
        with self._lock:
            return self._labels.label(request_ids, labels)

    def learn_labels(self, probabilities, labels):
        """Take in predictions and their labels at once, without any id."""
        with self._lock:
            self._labels.label_all(probabilities, labels)

    def report(self):
        """All that there is to tell.

        Returns
        -------
        report : dict
            Ready for JSON: `alarm`, `verdict` and `reasons`; `window`, the number of
            rows and when they came; `features` and `predictions`; `labels`, the scores;
            and `latency`.
        """
        window = self._counters.read()
        drift = find_drift(window, self._bins, self._classes, self._known())
        scores = self._scores()
        if scores["alarm"]:
            change = scores["change"]
            drift["reasons"].append(
                f"errors rose from {change['before']:.1%} to {change['since']:.1%}"
            )
            if not drift["alarm"]:
                drift.update(alarm=True, verdict="worse predictions")
        times = {"first": _time(window.first), "last": _time(window.last)}
        return {
            **drift,
            "window": {"n_rows": window.n_rows, **times},
            "labels": scores,
            "latency": None if self.latency is None else self.latency(),
        }

    def _known(self):
        classes = self._reference["classes"]
        if classes is not None:
            classes = {**classes, "multilabel": self.signature.multilabel}
        return {**self._reference, "classes": classes}

    def _scores(self):
        with self._lock:
            records = self._labels.records()
            last = (len(records), int(records["time"][-1]) if len(records) else 0)
            if self._scored[0] != last:
                scores = find_scores(records)
                for entry in (scores, *scores.get("over_time", ())):
                    entry.update({k: _time(entry[k]) for k in _TIMES & entry.keys()})
                self._scored = last, scores
            return self._scored[1]


_TIMES = {"first", "last"}


def class_names(signature):
    """What the outputs are called, a list of str."""
    if signature.multilabel:
        return [f"label {j}" for j in range(len(signature.classes))]
    return [str(label) for label in signature.classes]


def _fingerprint(reference, signature):
    told = json.dumps([reference, signature.classes], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _time(nanoseconds):
    if not nanoseconds:
        return None
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="seconds")
