"""Whether data is still what a model was trained on, and its answers still right."""

from skdeep.serving.monitoring.monitor import Monitor

__all__ = ["Monitor"]
