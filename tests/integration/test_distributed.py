"""Searches on clusters of Dask and of Ray: two worker processes on this machine."""

import os
import pickle
import runpy
import tempfile
from pathlib import Path
from unittest.mock import patch

import joblib
import numpy as np
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
    """Counts how often it, or a slice of it, is pickled."""

    n_copies = 0

    def __reduce__(self):
        Counted.n_copies += 1
        return np.asarray(self).__reduce__()


class CountedStored(Stored):
    """Counts how often it is pickled as a reference, and how often as a copy."""

    n_references = n_copies = 0

    def __reduce__(self):
        function, *rest = super().__reduce__()
        CountedStored.n_references += function is ray.get
        CountedStored.n_copies += function is not ray.get
        return function, *rest


@dask_serialize.register(Counted)
def leave_it_to_pickle(array):
    raise NotImplementedError


@pytest.fixture(autouse=True)
def threads_are_up_to_the_engine(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.fixture
def on_dask(tmp_path):
    with (
        Client(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=tmp_path,
        ),
        joblib.parallel_config("dask"),
    ):
        yield


@pytest.fixture
def on_ray(ray_token):
    register_ray()
    with (
        # Sockets lie in it, and their paths have a hundred characters at most.
        tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder,
        # Without a token Ray writes one into the home folder.
        patch.dict(os.environ, RAY_TMPDIR=folder, RAY_AUTH_TOKEN=ray_token),
        ray.init("local", num_cpus=2, include_dashboard=False),
        joblib.parallel_config("ray", n_jobs=-1),
    ):
        yield


def reporting_scorer():
    # Functions inside of others are pickled whole: workers can't import this file.
    def score(net, X, y):
        return {
            "score": net.score(X, y),
            "process": os.getpid(),
            "threads": torch.get_num_threads(),
        }

    return score


def assert_search_uses_both_workers(X):
    search = GridSearchCV(NET, GRID, cv=3, scoring=reporting_scorer(), refit="score")
    search.fit(X, Y)
    with joblib.parallel_config("sequential"):
        local = GridSearchCV(NET, GRID, cv=3).fit(X, Y)
    for k in range(3):
        score = f"split{k}_test_score"
        assert_allclose(search.cv_results_[score], local.cv_results_[score])
        assert_array_equal(search.cv_results_[f"split{k}_test_threads"], 1)
    processes = [search.cv_results_[f"split{k}_test_process"] for k in range(3)]
    assert len(np.unique(processes)) == 2
    assert os.getpid() not in processes[0]
    assert_array_equal(search.predict(X), local.predict(X))


def assert_fitted_nets_come_back(X):
    nets = cross_validate(NET, X, Y, cv=2, return_estimator=True)["estimator"]
    with joblib.parallel_config("sequential"):
        local = cross_validate(NET, X, Y, cv=2, return_estimator=True)["estimator"]
    for net, expected in zip(nets, local, strict=True):
        assert_allclose(net.predict_proba(X), expected.predict_proba(X))


def test_dask(on_dask):
    assert_search_uses_both_workers(X.view(Counted))
    assert Counted.n_copies == 1
    assert_fitted_nets_come_back(X)


# Ray gives each of its processes a second to end, and looks no further.
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_ray(on_ray):
    stored = CountedStored(X)
    assert_search_uses_both_workers(stored)
    assert (CountedStored.n_references, CountedStored.n_copies) == (N_FITS, 0)
    assert_fitted_nets_come_back(stored)
    assert_array_equal(pickle.loads(pickle.dumps(stored[:5])), X[:5])
