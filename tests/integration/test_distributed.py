"""Searches on clusters of Dask and of Ray: two worker processes on this machine."""

import os
import runpy
import secrets
import tempfile
from pathlib import Path

import joblib
import numpy as np
import psutil
import pytest
import ray
import torch
from dask.distributed import Client
from distributed.protocol import dask_serialize
from numpy.testing import assert_allclose, assert_array_equal
from ray.util.joblib import register_ray
from sklearn.model_selection import cross_validate
from small_nets import X, Y, mlp

from skdeep.model_selection import GridSearchCV

EXAMPLES = Path(__file__).parents[2] / "examples" / "distributed"
Stored = runpy.run_path(EXAMPLES / "search_on_ray.py")["Stored"]
NET = mlp()
GRID = {"alpha": [1e-4, 1.0], "learning_rate_init": [0.003, 0.03]}
N_FITS = 12


class Counted(np.ndarray):
    """Counts how often it is pickled."""

    n_pickled = 0

    def __reduce__(self):
        self.n_pickled += 1
        return np.asarray(self).__reduce__()


class CountedStored(Stored):
    """Counts how often it is pickled as a reference, and how often as a copy."""

    n_references = n_copies = 0

    def __reduce__(self):
        function, *rest = super().__reduce__()
        self.n_references += function is ray.get
        self.n_copies += function is not ray.get
        return function, *rest


@dask_serialize.register(Counted)
def leave_it_to_pickle(array):
    raise NotImplementedError


@pytest.fixture(autouse=True)
def threads_are_up_to_the_engine(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.fixture
def on_dask():
    with (
        Client(n_workers=2, threads_per_worker=1, dashboard_address=None),
        joblib.parallel_config("dask"),
    ):
        yield


@pytest.fixture
def on_ray(monkeypatch):
    # Otherwise Ray writes a token into the home of whoever runs this.
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex())
    register_ray()
    # The path of a socket has a hundred characters at most; pytest's folders are deep.
    with (
        tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder,
        ray.init("local", num_cpus=2, include_dashboard=False, _temp_dir=folder),
        joblib.parallel_config("ray", n_jobs=-1),
    ):
        yield


def reporting_scorer():
    # Functions inside of others are pickled whole: workers can't import this file.
    def score(net, X, y):
        accuracy = net.score(X, y)
        return {
            "accuracy": accuracy,
            "process": os.getpid(),
            "threads": torch.get_num_threads(),
        }

    return score


def assert_search_uses_both_workers(X):
    search = GridSearchCV(
        NET, GRID, cv=3, scoring=reporting_scorer(), refit="accuracy"
    ).fit(X, Y)
    with joblib.parallel_config("loky"):
        local = GridSearchCV(NET, GRID, cv=3).fit(X, Y)
    got = {
        name: np.array([search.cv_results_[f"split{k}_test_{name}"] for k in range(3)])
        for name in ("accuracy", "process", "threads")
    }
    expected = [local.cv_results_[f"split{k}_test_score"] for k in range(3)]
    assert_allclose(got["accuracy"], expected)
    assert_array_equal(search.predict(X), local.predict(X))
    assert len(set(got["process"].flat) - {os.getpid()}) == 2
    assert_array_equal(got["threads"], 1)


def assert_nets_come_back(X):
    """Fitted nets travel back."""
    nets = cross_validate(NET, X, Y, cv=2, return_estimator=True)["estimator"]
    with joblib.parallel_config("sequential"):
        local = cross_validate(NET, X, Y, cv=2, return_estimator=True)["estimator"]
    for net, expected in zip(nets, local, strict=True):
        assert_allclose(net.predict_proba(X), expected.predict_proba(X))


def test_dask_ships_X_once(on_dask):
    counted = X.view(Counted)
    assert_search_uses_both_workers(counted)
    assert counted.n_pickled == 1
    assert_nets_come_back(X)


def test_ray_ships_X_once(on_ray):
    stored = CountedStored(X)
    assert_search_uses_both_workers(stored)
    assert (stored.n_references, stored.n_copies) == (N_FITS, 0)
    assert_nets_come_back(stored)
