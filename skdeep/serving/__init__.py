"""A server for exported estimators; imports neither torch nor scikit-learn."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skdeep.serving.app import create_app
    from skdeep.serving.model import ServedModel
    from skdeep.serving.settings import Settings

_HOMES = {
    "ServedModel": "skdeep.serving.model",
    "Settings": "skdeep.serving.settings",
    "create_app": "skdeep.serving.app",
}

__all__ = ["ServedModel", "Settings", "create_app"]


# The command line answers without the extra too, if only to name it.
def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
