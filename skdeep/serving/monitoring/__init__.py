"""Whether data is still what a model was trained on, and its answers still right."""

import importlib
from typing import TYPE_CHECKING

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
def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
