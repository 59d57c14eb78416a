"""Many fits: searches, ensembles, processes side by side."""

import multiprocessing
import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from unittest.mock import patch

import numpy as np
from arithmetic import arithmetic
from cases_fit import digits
from contestants import dense, skorch_net
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from measuring import Case
from plain import PLAIN
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from skdeep import DeepCNNClassifier, DeepMLPClassifier
from skdeep import model_selection as ours

ALPHAS, RATES = np.logspace(-5, -2, 4), np.logspace(-4, -2, 6)
GRID = {"alpha": ALPHAS, "learning_rate_init": RATES}
SKORCH_GRID = {"optimizer__weight_decay": ALPHAS, "lr": RATES}
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)


def fit_quietly(estimator, X, y):
    """Fit without a word about convergence; workers need a function with a name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X, y)


def search():
    X, y = digits("float64")
    # Workers start, and import, before the clock does.
    Parallel(n_jobs=2)(delayed(digits)("float64") for _ in range(4))

    def run(search, net, grid, cv, X=X):
        return lambda: fit_quietly(search(net, grid, cv=cv, n_jobs=2), X, y)

    same = {"batch_size": 32, "max_iter": 20}
    theirs = skorch_net(dense, 32, 20, module__sizes=(64, 64, 64, 10))
    net = DeepMLPClassifier((64, 64), **PLAIN, **same)
    peer = MLPClassifier((64, 64), **same)
    contestants = {
        "skdeep": run(ours.GridSearchCV, net, GRID, 5),
        "scikit-learn": run(GridSearchCV, peer, GRID, 5),
        "skorch": run(GridSearchCV, theirs, SKORCH_GRID, 5, X.astype(np.float32)),
        "its arithmetic alone": _arithmetic_of_search,
    }
    title = "search, MLP (64, 64) on digits, 24 candidates x 5 folds"
    yield Case(title, contestants, {"scikit-learn": 0.25, "skorch": 1 / 15}, long=True)

    same = {"batch_size": 32, "max_iter": 5, "input_shape": (1, 8, 8)}
    net = DeepCNNClassifier(n_filters=(8, 16), dtype="float32", **same)
    grid = {"alpha": ALPHAS[:2], "learning_rate_init": RATES[2:]}
    contestants = {
        "skdeep": run(ours.GridSearchCV, net, grid, 3),
        "scikit-learn's search": run(GridSearchCV, net, grid, 3),
    }
    title = "search, CNN (8, 16) on digits, 8 candidates x 3 folds"
    yield Case(title, contestants, {"scikit-learn's search": 1.0}, long=True)


def _arithmetic_of_search():
    """Steps of 120 nets, 15 in a stack, in two processes; and of the one kept."""
    stacks = [delayed(_take_steps)(15, 20 * 45) for _ in range(8)]
    Parallel(n_jobs=2)(stacks)
    _take_steps(1, 20 * 57)


def _take_steps(n_nets, n_steps):
    arithmetic((64, 64, 64, 10), 32, n_nets, n_steps, "float32")()


def members():
    X, y = digits("float64")
    one = DeepMLPClassifier((64, 64), batch_size=32, max_iter=10, **PLAIN)
    eight = clone(one).set_params(n_members=8)
    contestants = {
        "8 members": lambda: fit_quietly(eight, X, y),
        "one fit": lambda: fit_quietly(one, X, y),
        "their arithmetic alone": arithmetic(
            (64, 64, 64, 10), 32, 8, 10 * 57, "float32"
        ),
    }
    title = "fit digits, float64, (64, 64), batch 32, 8 members"
    yield Case(title, contestants, {"one fit": 3.0})


def threads():
    X, y = digits("float64")
    mlp = DeepMLPClassifier((64, 64), batch_size=32, max_iter=10, **PLAIN)
    cnn = DeepCNNClassifier(
        input_shape=(1, 8, 8), n_filters=(16, 32), batch_size=32, max_iter=2
    )
    grid = {"alpha": ALPHAS, "learning_rate_init": RATES[:2]}
    tasks = {
        "GridSearchCV(n_jobs=2), MLP": [GridSearchCV(mlp, grid, n_jobs=2)],
        "two fits at once, MLP": [mlp, mlp],
        "two fits at once, CNN": [cnn, cnn],
    }
    environment = {k: v for k, v in os.environ.items() if k not in ONE_THREAD}
    free = _Processes(environment)
    pinned = _Processes({**environment, **ONE_THREAD})
    for title, estimators in tasks.items():
        contestants = {
            "free threads": lambda e=estimators: free.fit(e, X, y),
            "one thread": lambda e=estimators: pinned.fit(e, X, y),
        }
        yield Case(f"threads left alone, {title}", contestants, {"one thread": 1.2})
    free.end()
    pinned.end()


class _Processes:
    """Two processes that started in an environment of their own."""

    def __init__(self, environment):
        spawn = multiprocessing.get_context("spawn")
        # An executor for each, so that it is known who does what.
        self.executors = [ProcessPoolExecutor(1, mp_context=spawn) for _ in range(2)]
        with patch.dict(os.environ, environment, clear=True):
            # Libraries read their settings when they are imported.
            self._wait(
                executor.submit(digits, "float64") for executor in self.executors
            )

    def fit(self, estimators, X, y):
        """Fit at the same time."""
        self._wait(
            executor.submit(fit_quietly, estimator, X, y)
            for executor, estimator in zip(self.executors, estimators, strict=False)
        )

    def end(self):
        # A process does not end before the workers that a search has started in it.
        self._wait(executor.submit(end_workers) for executor in self.executors)
        for executor in self.executors:
            executor.shutdown()

    def _wait(self, futures):
        for future in list(futures):
            future.result()


def end_workers():
    get_reusable_executor().shutdown()
