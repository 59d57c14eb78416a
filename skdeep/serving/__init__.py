"""A server for exported estimators; imports neither torch nor scikit-learn."""

from typing import TYPE_CHECKING

from skdeep._lazy import attach

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
__getattr__ = attach(__name__, _HOMES)
