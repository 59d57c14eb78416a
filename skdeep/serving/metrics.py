"""Counts for Prometheus, of one process or of several that share a page."""

import os
from collections import deque

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, multiprocess
from prometheus_client.exposition import choose_encoder

# prometheus-client reads it when it is imported.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# Of whose latency the monitor tells.
_N_RECENT = 1000
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024)


class Metrics:
    """What the server counts."""

    def __init__(self):
        self._registry = registry = CollectorRegistry()
        self._collectors = []
        self._recent = deque(maxlen=_N_RECENT)
        self._requests = Counter(
            "skdeep_requests", "Requests", ["route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "skdeep_request_seconds",
            "Seconds from the first byte of a request to the last one of its answer",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._rows = Counter("skdeep_rows", "Rows predicted", registry=registry)
        self._batch_rows = Histogram(
            "skdeep_batch_rows",
            "Rows that the model was given at once",
            buckets=_ROWS,
            registry=registry,
        )
        self._ready = Gauge(
            "skdeep_ready_workers",
            "Workers whose model is loaded",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._waiting = Gauge(
            "skdeep_waiting_rows",
            "Rows that wait for the model",
            multiprocess_mode="livesum",
            registry=registry,
        )
        # Looking a child up by its labels takes longer than counting.
        self._children = {}

    def request(self, route, status, seconds):
        """Count a request."""
        key = route, status
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = (
                self._requests.labels(route, str(status)),
                self._seconds.labels(route),
            )
        self._recent.append(seconds)
        counter, histogram = children
        counter.inc()
        histogram.observe(seconds)

    def batch(self, n_rows, n_waiting):
        """Count a call of the model."""
        self._rows.inc(n_rows)
        self._batch_rows.observe(n_rows)
        self._waiting.set(n_waiting)

    def ready(self):
        """Tell that the model is loaded."""
        self._ready.set(1)

    def add(self, collector):
        """Show on the page what a collector tells, of all workers."""
        self._collectors.append(collector)

    def latency(self):
        """What is known of the last requests that this process has answered."""
        recent = sorted(self._recent)
        if not recent:
            return {}
        return {
            "requests": len(recent),
            "median, ms": 1e3 * recent[len(recent) // 2],
            "99th percentile, ms": 1e3 * recent[len(recent) * 99 // 100],
        }

    def page(self, accept):
        """Text for Prometheus.

        Parameters
        ----------
        accept : str
            Header of the request.

        Returns
        -------
        text : bytes

        media_type : str
        """
        encode, media_type = choose_encoder(accept)
        shared = CollectorRegistry()
        if SHARED_FOLDER in os.environ:
            multiprocess.MultiProcessCollector(shared)
        else:
            shared.register(self._registry)
        for collector in self._collectors:
            shared.register(collector)
        return encode(shared), media_type
