"""Whether data is still what a model was trained on, and its answers still right."""

from typing import TYPE_CHECKING

from skdeep._lazy import attach

if TYPE_CHECKING:
    from skdeep.serving.monitoring.collector import MonitorCollector
    from skdeep.serving.monitoring.monitor import Monitor
    from skdeep.serving.monitoring.web import routes

_HOMES = {
    "Monitor": "skdeep.serving.monitoring.monitor",
    "MonitorCollector": "skdeep.serving.monitoring.collector",
    "routes": "skdeep.serving.monitoring.web",
}

__all__ = ["Monitor", "MonitorCollector", "routes"]


# Files are judged without the packages of a server.
__getattr__ = attach(__name__, _HOMES)
