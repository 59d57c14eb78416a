"""The report as metrics of Prometheus."""

from prometheus_client.core import GaugeMetricFamily

_OF_FEATURE = {
    "psi": "Population stability index between training data and window",
    "missing": "Share of missing values in the window",
    "out_of_range": "Share of values that the training data doesn't have",
}
_SCORES = {
    "accuracy": "Share of right answers among those whose label is known",
    "balanced_accuracy": "Mean share of right answers of each class",
    "log_loss": "Mean logarithmic loss",
}


class MonitorCollector:
    """Collector to be registered with a registry of prometheus_client.

    It tells what all workers have counted, whichever worker is asked.

    Parameters
    ----------
    monitor : Monitor
    """

    def __init__(self, monitor):
        self._monitor = monitor

    def describe(self):
        """Nothing, so that registering it asks for no report."""
        return []

    def collect(self):
        """Yield the metrics."""
        report = self._monitor.report()
        yield _gauge("monitoring_alarm", "Whether anything alarms", report["alarm"])
        yield _gauge("window_rows", "Rows in the window", report["n_rows"])
        features = report["features"]
        for key, told in _OF_FEATURE.items():
            family = GaugeMetricFamily(
                f"skdeep_feature_{key}", told, labels=["feature"]
            )
            for entry in features:
                family.add_metric([entry["name"]], entry[key])
            yield family
        family = GaugeMetricFamily(
            "skdeep_feature_alarm", "Whether a feature alarms", labels=["feature"]
        )
        for entry in features:
            family.add_metric([entry["name"]], entry["alarm"])
        yield family
        yield from _of_predictions(report["predictions"])
        yield from _of_labels(report["labels"])


def _of_predictions(predictions):
    family = GaugeMetricFamily(
        "skdeep_predicted_share", "Share of rows of a predicted class", labels=["class"]
    )
    for entry in predictions["classes"]:
        family.add_metric([entry["name"]], entry["window"])
    yield family
    if predictions["psi"] is not None:
        told = "Population stability index of the predicted classes"
        yield _gauge("predictions_psi", told, predictions["psi"])


def _of_labels(scores):
    yield _gauge("labels", "Predictions whose label is known", scores["n_labels"])
    if scores["n_labels"]:
        for key, told in _SCORES.items():
            yield _gauge(key, told, scores[key]["value"])
        yield _gauge("errors_alarm", "Whether errors have become more", scores["alarm"])


def _gauge(name, told, value):
    return GaugeMetricFamily(f"skdeep_{name}", told, value=float(value))
