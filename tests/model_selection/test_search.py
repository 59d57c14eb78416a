"""Searches that train many nets at once, beside scikit-learn's."""

import os
import pickle
import signal
import threading
import warnings
from functools import partial

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform
from sklearn import model_selection as peer
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.callback import ScoringMonitor
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_nets import EACH_NET, NETS, X, Y, data, mlp

from skdeep import _stacked, model_selection
from skdeep._dealing import run_together

NET = mlp(max_iter=3)
GRID = {"alpha": [1e-4, 1.0, 30.0], "learning_rate_init": [0.003, 0.03]}


@pytest.fixture
def sizes(monkeypatch):
    """Sizes of the stacks that were trained."""
    sizes, train = [], _stacked.Stack.run

    def run(self, *args):
        sizes.append(len(self.trainings))
        return train(self, *args)

    monkeypatch.setattr(_stacked.Stack, "run", run)
    return sizes


def search_both(estimator, space, X=X, y=Y, fit_params=None, **options):
    """Fit our search and scikit-learn's; returns both."""
    kind = "RandomizedSearchCV" if "n_iter" in options else "GridSearchCV"
    options = {"cv": 3, "error_score": "raise", **options}
    return [
        getattr(module, kind)(estimator, space, **options).fit(
            X, y, **(fit_params or {})
        )
        for module in (model_selection, peer)
    ]


def assert_same_results(ours, theirs):
    got, expected = ours.cv_results_, theirs.cv_results_
    assert list(got) == list(expected)
    for key in expected:
        if key.endswith("_time"):
            assert (got[key] >= 0).all()
        elif key.startswith(("param", "rank")):
            assert list(got[key]) == list(expected[key])
        else:
            assert_allclose(got[key], expected[key], rtol=1e-6)


@EACH_NET
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_results_are_those_of_scikit_learn(kind, n_jobs, sizes, monkeypatch):
    X, y = data(kind)
    # Nets on small images would be faster alone.
    monkeypatch.setattr("skdeep._small_maps._FEW", 0)
    grid = {"alpha": [1e-4, 1.0], "learning_rate_init": [0.003, 0.03]}
    ours, theirs = search_both(NETS[kind], grid, X, y, n_jobs=n_jobs)
    if n_jobs is None:
        assert sum(sizes) == (0 if kind == "rnn" else 12)
    assert_same_results(ours, theirs)
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_index_ == theirs.best_index_
    assert ours.best_score_ == pytest.approx(theirs.best_score_)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)
    assert_array_equal(ours.classes_, theirs.classes_)
    assert repr(ours) == repr(theirs)


def process(net, X, y):
    """A score that says where it was computed."""
    return os.getpid()


def company(net, X, y):
    """A score that says how many tasks were under way in the process."""
    return sum(thread.name == "skdeep" for thread in threading.enumerate())


def test_processes_share_the_fits_and_train_theirs_together():
    search = model_selection.GridSearchCV(
        NET,
        GRID,
        cv=3,
        n_jobs=2,
        scoring={"process": process, "company": company},
        refit=False,
    ).fit(X, Y)
    results = search.cv_results_
    scores = {
        name: np.stack([results[f"split{k}_test_{name}"] for k in range(3)])
        for name in ("process", "company")
    }
    processes, n_fits = np.unique(scores["process"], return_counts=True)
    assert os.getpid() not in processes
    # A quick process may have its second share before another one has started.
    assert set(n_fits) <= {9, 18}
    assert scores["company"].max() == 9


def test_a_share_is_trained_as_one(sizes):
    nets = [clone(NET).set_params(alpha=alpha) for alpha in (0.1, 1.0)]
    together = run_together([partial(net.fit, X, Y) for net in nets], 256)
    assert sizes == [2]
    for net in together:
        alone = clone(net).fit(X, Y)
        assert_allclose(net.predict_proba(X), alone.predict_proba(X), rtol=1e-6)


def test_randomized_search(sizes):
    space = {"alpha": loguniform(1e-5, 10), "hidden_layer_sizes": [(4,), (8,)]}
    ours, theirs = search_both(NET, space, n_iter=5, random_state=0)
    assert_same_results(ours, theirs)
    assert sum(sizes) == 15
    assert len(sizes) == 2


def test_several_metrics_and_training_scores():
    ours, theirs = search_both(
        NET,
        GRID,
        scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss",
        return_train_score=True,
    )
    assert_same_results(ours, theirs)
    assert ours.multimetric_ is True
    assert ours.best_index_ == theirs.best_index_


def test_pipelines_are_fitted_per_fold(sizes):
    pipeline = make_pipeline(StandardScaler(), PCA(random_state=0), NET)
    grid = {"pca__n_components": [3, 6], "deepmlpclassifier__alpha": [1e-4, 3.0]}
    assert_same_results(*search_both(pipeline, grid))
    # The number of components is an architecture.
    assert sizes == [6, 6]


def test_samplers_are_fitted_per_fold(sizes):
    rare = np.r_[np.flatnonzero(Y != 2), np.flatnonzero(Y == 2)[:15]]
    pipeline = make_imblearn_pipeline(SMOTE(k_neighbors=3, random_state=0), NET)
    grid = {"deepmlpclassifier__alpha": [1e-4, 3.0], "smote__k_neighbors": [2, 4]}
    assert_same_results(
        *search_both(pipeline, grid, X[rare], Y[rare], scoring="balanced_accuracy")
    )
    assert sum(sizes) == 12


def test_fit_params_reach_the_nets():
    weight = np.random.default_rng(0).uniform(0.1, 3.0, len(Y))
    ours, theirs = search_both(NET, GRID, fit_params={"sample_weight": weight})
    assert_same_results(ours, theirs)
    unweighted = model_selection.GridSearchCV(NET, GRID, cv=3).fit(X, Y)
    scores = unweighted.cv_results_["mean_test_score"]
    assert np.abs(scores - ours.cv_results_["mean_test_score"]).max() > 0


def test_candidates_may_be_other_estimators():
    pipeline = make_pipeline(StandardScaler(), NET)
    grid = [
        {"deepmlpclassifier": [LogisticRegression(), NET]},
        {"deepmlpclassifier__alpha": [0.1, 1.0]},
    ]
    ours, theirs = search_both(pipeline, grid)
    got, expected = (s.cv_results_["mean_test_score"] for s in (ours, theirs))
    assert_allclose(got, expected)


def test_without_a_net_it_is_scikit_learn_s_search(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("no net, no stack")

    monkeypatch.setattr("skdeep.model_selection._search.StackingBackend", fail)
    ours, theirs = search_both(
        make_pipeline(StandardScaler(), LogisticRegression()),
        {"logisticregression__C": [0.1, 1.0]},
    )
    assert_same_results(ours, theirs)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_failed_candidate_gets_the_error_score(n_jobs):
    grid = {"learning_rate_init": [0.01, 1e200, 0.03]}
    net = clone(NET).set_params(solver="sgd")
    results = []
    for module in (model_selection, peer):
        search = module.GridSearchCV(net, grid, cv=3, error_score=-1.0, n_jobs=n_jobs)
        with pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 9"):
            results.append(search.fit(X, Y))
    assert_same_results(*results)
    assert results[0].cv_results_["mean_test_score"][1] == -1.0


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_is_raised_if_asked_for(n_jobs):
    search = model_selection.GridSearchCV(
        NET, {"alpha": [0.1, -1.0]}, cv=3, error_score="raise", n_jobs=n_jobs
    )
    with pytest.raises(ValueError, match="`alpha` must be"):
        search.fit(X, Y)
    left = [thread for thread in threading.enumerate() if thread.name == "skdeep"]
    for thread in left:
        thread.join(5)
        assert not thread.is_alive()


def test_verbose_output(capsys):
    model_selection.GridSearchCV(NET, GRID, cv=3, verbose=3).fit(X, Y)
    ours = capsys.readouterr().out.splitlines()
    assert ours[0] == "Fitting 3 folds for each of 6 candidates, totalling 18 fits"
    assert sum("END" in line and "score=" in line for line in ours) == 18


def test_callbacks_of_the_search():
    logs = []
    for module in (model_selection, peer):
        monitor = ScoringMonitor(scoring="accuracy")
        net = clone(NET).set_callbacks(monitor)
        module.GridSearchCV(net, {"alpha": [0.1, 1.0]}, cv=3).fit(X, Y)
        logs.append([run.data for run in monitor.get_logs(select="all")])
    ours, theirs = (
        sorted(str(entry) for run in runs for entry in run) for runs in logs
    )
    assert ours == theirs


def test_refit_may_be_left_out_or_chosen():
    search = model_selection.GridSearchCV(NET, GRID, cv=3, refit=False).fit(X, Y)
    assert not hasattr(search, "best_estimator_")
    search.set_params(refit=lambda results: 2).fit(X, Y)
    assert search.best_index_ == 2
    assert search.best_estimator_.alpha == search.cv_results_["params"][2]["alpha"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_more_tasks_than_may_be_under_way(monkeypatch, sizes, n_jobs):
    monkeypatch.setattr("skdeep.model_selection._search._MOST_UNDER_WAY", 4)
    assert_same_results(*search_both(NET, GRID, n_jobs=n_jobs))
    if n_jobs == 1:
        assert max(sizes) <= 4
        # The rest of a wave may be a single net.
        assert sum(sizes) >= 12


def test_nested_in_cross_validation():
    search = model_selection.GridSearchCV(NET, {"alpha": [1e-4, 10.0]}, cv=2)
    other = peer.GridSearchCV(NET, {"alpha": [1e-4, 10.0]}, cv=2)
    got, expected = (peer.cross_val_score(s, X, Y, cv=3) for s in (search, other))
    assert_allclose(got, expected)


def test_a_net_inside_a_meta_estimator():
    from sklearn.calibration import CalibratedClassifierCV

    calibrated = CalibratedClassifierCV(NET, cv=2)
    ours, theirs = search_both(calibrated, {"estimator__alpha": [1e-4, 1.0]})
    assert_same_results(ours, theirs)


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
def test_under_another_backend_of_this_machine(backend, sizes):
    with parallel_config(backend, n_jobs=2):
        ours = model_selection.GridSearchCV(NET, {"alpha": [0.1, 1.0]}, cv=2).fit(X, Y)
    if backend == "threading":
        assert sum(sizes) == 4
    theirs = peer.GridSearchCV(NET, {"alpha": [0.1, 1.0]}, cv=2).fit(X, Y)
    assert_same_results(ours, theirs)


def test_pickle_and_clone():
    search = model_selection.GridSearchCV(NET, GRID, cv=3).fit(X, Y)
    restored = pickle.loads(pickle.dumps(search))
    assert_array_equal(restored.predict_proba(X), search.predict_proba(X))
    assert clone(search).get_params()["param_grid"] == GRID


def test_ctrl_c_ends_the_search():
    net = clone(NET).set_params(max_iter=10**6, tol=0.0, n_iter_no_change=10**6)
    search = model_selection.GridSearchCV(net, {"alpha": [0.1, 1.0]}, cv=2, n_jobs=2)
    # A process in the background may have been started deaf to it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            search.fit(X, Y)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert not hasattr(search, "cv_results_")


class Slow(ClassifierMixin, BaseEstimator):
    """Counts how many fits run at once."""

    running, most = 0, 0

    def __init__(self, net, step=0):
        self.net, self.step = net, step

    def fit(self, X, y):
        cls = type(self)
        cls.running += 1
        cls.most = max(cls.most, cls.running)
        for _ in range(200):
            np.linalg.norm(X)
        cls.running -= 1
        self.net_ = clone(self.net).fit(X, y)
        self.classes_ = self.net_.classes_
        return self

    def predict(self, X):
        return self.net_.predict(X)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_no_more_tasks_compute_at_once_than_asked_for(n_jobs):
    Slow.most = 0
    with parallel_config("threading"):
        model_selection.GridSearchCV(Slow(NET), {"step": range(6)}, n_jobs=n_jobs).fit(
            X, Y
        )
    assert 1 <= Slow.most <= n_jobs


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_warning_filters_survive(n_jobs):
    before = list(warnings.filters)
    model_selection.GridSearchCV(NET, GRID, cv=3, n_jobs=n_jobs).fit(X, Y)
    assert list(warnings.filters) == before


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_warnings_that_were_silenced_stay_so(n_jobs, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model_selection.GridSearchCV(NET, GRID, cv=3, n_jobs=n_jobs).fit(X, Y)
    assert "Warning" not in capfd.readouterr().err
