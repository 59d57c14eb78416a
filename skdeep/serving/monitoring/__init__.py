"""Is the data still what the model was trained on, and is the model still right?"""

from skdeep.serving.monitoring.monitor import Monitor

__all__ = ["Monitor"]
