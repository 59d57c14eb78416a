"""A model, and all that answers in its name."""

import os

from skdeep.serving.batching import Batcher
from skdeep.serving.metrics import SHARED_FOLDER
from skdeep.serving.monitoring import Monitor, MonitorCollector
from skdeep.serving.observing import Observed
from skdeep.serving.predictions import Predictions
from skdeep.serving.protocols.sagemaker import SageMaker
from skdeep.serving.protocols.v2 import VERSION, OpenInference
from skdeep.serving.protocols.vertex import Vertex
from skdeep.serving.rows import RowReader


class Service:
    """A model, the queue before it, and the protocols that it is spoken to in.

    Parameters
    ----------
    model : ServedModel

    settings : Settings

    metrics : Metrics

    Attributes
    ----------
    protocols : dict
        Path to protocol.
    """

    def __init__(self, model, settings, metrics):
        signature = model.signature
        reader = RowReader(signature, settings.unknown_categories)
        predictions = Predictions(signature, settings.output)
        self.model = model
        self.monitor = _monitor(model, metrics)
        self.observed = Observed(
            None if self.monitor is None else self.monitor.observe, metrics
        )
        self.batcher = Batcher(
            model,
            settings.max_batch,
            settings.max_delay_ms / 1000,
            settings.max_queue,
            self.observed,
        )
        self.open_inference = OpenInference(model, reader, predictions, settings.output)
        of_model = f"/v2/models/{model.name}"
        sagemaker = SageMaker(reader, predictions, signature)
        self.protocols = {
            settings.predict_route: Vertex(reader, predictions),
            "/invocations": sagemaker,
            # Where boto3 sends what it would send to AWS, given an endpoint_url.
            f"/endpoints/{model.name}/invocations": sagemaker,
            f"{of_model}/infer": self.open_inference,
            f"{of_model}/versions/{VERSION}/infer": self.open_inference,
        }


def _monitor(model, metrics):
    if model.reference is None:
        return None
    monitor = Monitor(
        model.reference,
        model.signature,
        # Where workers share their counts, they share what they see too.
        folder=os.environ.get(SHARED_FOLDER),
        latency=metrics.latency,
    )
    metrics.add(MonitorCollector(monitor))
    return monitor
