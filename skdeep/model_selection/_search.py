"""Drop-ins for scikit-learn's searches."""

import math
import warnings

import joblib
from joblib.parallel import get_active_backend
from sklearn import model_selection

from skdeep._base import BaseDeepClassifier
from skdeep._meeting import StackingBackend

# Training data that the tasks under way may hold, each a fold of its own.
_BYTES_UNDER_WAY = 2**30
_MOST_UNDER_WAY = 256
_BACKENDS_OF_THIS_MACHINE = (
    "LokyBackend",
    "MultiprocessingBackend",
    "SequentialBackend",
    "ThreadingBackend",
)


class _StackedSearch:
    """Mixin that runs the tasks of a search where nets train together."""

    def fit(self, X, y=None, **params):
        backend, _ = get_active_backend()
        distributed = type(backend).__name__ not in _BACKENDS_OF_THIS_MACHINE
        if distributed or not _holds_net(self):
            return super().fit(X, y, **params)
        n_bytes = 8 * math.prod(getattr(X, "shape", (len(X),)))
        backend = StackingBackend(
            n_jobs=joblib.effective_n_jobs(self.n_jobs),
            n_waiting=min(_MOST_UNDER_WAY, _BYTES_UNDER_WAY // n_bytes),
        )
        # Each task sets the filters of warnings that it found, in a thread of its own.
        with joblib.parallel_config(backend=backend), warnings.catch_warnings():
            return super().fit(X, y, **params)


def _holds_net(search):
    parts = search.get_params(deep=True).values()
    return any(isinstance(part, BaseDeepClassifier) for part in parts)


class GridSearchCV(_StackedSearch, model_selection.GridSearchCV):
    """Exhaustive search that trains many nets at once."""


class RandomizedSearchCV(_StackedSearch, model_selection.RandomizedSearchCV):
    """Randomized search that trains many nets at once."""
