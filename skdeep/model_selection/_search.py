"""Drop-ins for scikit-learn's searches."""

import math
import warnings

import joblib
import torch
from joblib.parallel import get_active_backend
from sklearn import model_selection

from skdeep._base import BaseDeepClassifier
from skdeep._dealing import DealingBackend
from skdeep._meeting import StackingBackend

# Training data that the tasks under way may hold, each a fold of its own.
_BYTES_UNDER_WAY = 2**30
_MOST_UNDER_WAY = 256
_PROCESSES = ("LokyBackend", "MultiprocessingBackend")
_BACKENDS_OF_THIS_MACHINE = (*_PROCESSES, "SequentialBackend", "ThreadingBackend")


class _StackedSearch:
    """Mixin that runs the tasks of a search where nets train together."""

    def fit(self, X, y=None, **params):
        backend, _ = get_active_backend()
        name, nets = type(backend).__name__, _nets_in(self)
        if name not in _BACKENDS_OF_THIS_MACHINE or not nets:
            return super().fit(X, y, **params)
        n_jobs = joblib.effective_n_jobs(self.n_jobs)
        n_bytes = 8 * math.prod(getattr(X, "shape", (len(X),)))
        n_waiting = min(_MOST_UNDER_WAY, _BYTES_UNDER_WAY // max(n_bytes, 1))
        # An accelerator is shared best by all nets at once.
        deals = n_jobs > 1 and name in _PROCESSES and all(map(_is_on_cpu, nets))
        kind = DealingBackend if deals else StackingBackend
        backend = kind(n_jobs=n_jobs, n_waiting=n_waiting)
        # Each task sets the filters of warnings that it found, in a thread of its own.
        with joblib.parallel_config(backend=backend), warnings.catch_warnings():
            return super().fit(X, y, **params)


def _nets_in(search):
    parts = search.get_params(deep=True).values()
    return [part for part in parts if isinstance(part, BaseDeepClassifier)]


def _is_on_cpu(net):
    return net.device == "cpu" or not torch.accelerator.is_available()


_NOTES = """
    Takes the parameters, and has the methods and attributes, of
    :class:`sklearn.model_selection.{name}`; a program needs another import and nothing
    else. Fits of skdeep's estimators that are under way at the same time meet where
    their nets would train, and nets of one architecture train as one: they may differ
    in everything but what ``module_`` is made of, `batch_size`, `loss` and `solver`.
    Each gets what it would get alone, up to rounding. All else, pipelines and scorers
    included, runs as ever. With `n_jobs` above 1 so many processes get their share of
    the fits each, and the nets of a process train together. On an accelerator, and
    under joblib's "threading" backend, they are threads of this process instead.

    Nets that can't be stacked (recurrent ones, "lbfgs", skorch's callbacks, mixed
    precision) train one by one. Without a net of skdeep, and under a joblib backend
    that leaves this machine (Dask, Ray), it is scikit-learn's search.

    Notes
    -----
    ``mean_fit_time`` counts from the start of a fit to the end of the training of all
    the nets that it trained with.

    At most 256 fits are under way at once, and no more than keep their training data
    within 1 GiB.
"""


class GridSearchCV(_StackedSearch, model_selection.GridSearchCV):
    __doc__ = f"""Exhaustive search that trains many nets at once.
{_NOTES.format(name="GridSearchCV")}
    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import DeepMLPClassifier
    >>> from skdeep.model_selection import GridSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> net = DeepMLPClassifier(
    ...     (16,), learning_rate="one_cycle", max_iter=20, batch_size=16, random_state=0
    ... )
    >>> search = GridSearchCV(net, {{"learning_rate_init": [1e-5, 1e-2]}}).fit(X, y)
    >>> search.best_params_
    {{'learning_rate_init': 0.01}}
    """


class RandomizedSearchCV(_StackedSearch, model_selection.RandomizedSearchCV):
    __doc__ = f"""Randomized search that trains many nets at once.
{_NOTES.format(name="RandomizedSearchCV")}
    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import DeepMLPClassifier
    >>> from skdeep.model_selection import RandomizedSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> net = DeepMLPClassifier(
    ...     (16,), learning_rate="one_cycle", max_iter=20, batch_size=16, random_state=0
    ... )
    >>> search = RandomizedSearchCV(
    ...     net, {{"alpha": loguniform(1e-6, 10)}}, n_iter=5, random_state=0
    ... )
    >>> len(search.fit(X, y).cv_results_["params"])
    5
    """
