"""One seed decides everything, and nothing global is read, set or left behind."""

import os
import pickle
import random
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from skorch.callbacks import Callback
from threadpoolctl import threadpool_info

from skdeep import DeepMLPClassifier

SHORT = {"max_iter": 3}
LBFGS = {"solver": "lbfgs", "max_iter": 500, "alpha": 5.0, "tol": 1e-1}
WAYS_TO_TRAIN = {
    **{
        f"{solver} {'shuffled' if shuffle else 'in order'}": {
            "solver": solver,
            "shuffle": shuffle,
            **SHORT,
        }
        for solver in ("sgd", "adam", "adamw", "rmsprop")
        for shuffle in (True, False)
    },
    "lbfgs": LBFGS,
    "dropout": {"dropout": 0.4, **SHORT},
    "balanced": {"batch_sampler": "balanced", **SHORT},
    "balanced in order": {"batch_sampler": "balanced", "shuffle": False, **SHORT},
    "batch normalization": {"normalization": "batch", "dropout": 0.2, **SHORT},
    "early stopping": {"early_stopping": True, "dropout": 0.2, **SHORT},
    "focal": {"loss": "focal", "dropout": 0.2, "gradient_clip": 1.0, **SHORT},
    "float32": {"dtype": "float32", "dropout": 0.2, **SHORT},
}


@pytest.mark.parametrize("way", WAYS_TO_TRAIN)
def test_same_seed_same_bits_and_another_seed_others(net, way):
    def probabilities(seed):
        clf = net.make(**WAYS_TO_TRAIN[way], random_state=seed).fit(net.X, net.y)
        return clf.predict_proba(net.X_test)

    first = probabilities(1)
    assert_array_equal(probabilities(1), first)
    assert np.abs(probabilities(2) - first).max() > 1e-4


@pytest.mark.parametrize("decided", ["weights", "order", "dropout", "split"])
def test_each_use_of_chance_follows_the_seed(net, decided):
    """Where the others are still: a net that was trained by another seed goes on."""
    options = {
        "weights": {"learning_rate_init": 1e-300, "max_iter": 1},
        "order": {"max_iter": 1},
        "dropout": {"shuffle": False, "dropout": 0.5, "max_iter": 1},
        "split": {
            "shuffle": False,
            "early_stopping": True,
            "validation_fraction": 0.5,
            "max_iter": 1,
        },
    }[decided]

    def probabilities(seed):
        clf = net.make(random_state=3, warm_start=decided != "weights", max_iter=1)
        if decided != "weights":
            clf.set_params(dropout=options.get("dropout", 0.0)).fit(net.X, net.y)
        clf.set_params(**options, random_state=seed).fit(net.X, net.y)
        return clf.predict_proba(net.X_test)

    assert_array_equal(probabilities(4), probabilities(4))
    assert np.abs(probabilities(4) - probabilities(5)).max() > 1e-6


def test_random_state_instance_goes_on_as_in_scikit_learn(net):
    def probabilities(random_state):
        clf = net.make(**SHORT, dropout=0.2)
        # clone would copy the instance.
        clf.random_state = random_state
        return clf.fit(net.X, net.y).predict_proba(net.X_test)

    state = np.random.RandomState(7)
    first, second = probabilities(state), probabilities(state)
    assert_array_equal(first, probabilities(7))
    assert np.abs(first - second).max() > 1e-4
    state = np.random.RandomState(7)
    clf = net.make(**SHORT, dropout=0.2, random_state=state)
    for expected in (first, second):
        assert_array_equal(clf.fit(net.X, net.y).predict_proba(net.X_test), expected)


def test_without_a_seed_every_fit_differs(net):
    first, second = (
        net.make(**SHORT, random_state=None).fit(net.X, net.y).predict_proba(net.X_test)
        for _ in range(2)
    )
    assert np.abs(first - second).max() > 1e-4


def global_state():
    """All that a fit could change for others, in a form to compare."""
    return {
        # These are the legacy generators that must not be touched.
        "numpy": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "python": random.getstate(),
        "torch": torch.get_rng_state().tolist(),
        "torch threads": torch.get_num_threads(),
        "pools": [
            (pool["filepath"], pool["num_threads"]) for pool in threadpool_info()
        ],
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "gradients": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "denormals": float(torch.tensor([1e-310], dtype=torch.float64) / 2) > 0,
        "warnings": list(warnings.filters),
        "floating-point errors": np.geterr(),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
    }


class Fail(Callback):
    def on_epoch_end(self, net, **kwargs):
        raise RuntimeError("in the middle")


def work(net, way):
    clf = net.make(dropout=0.3, early_stopping=way == "stopped", **SHORT)
    if way == "failed":
        with pytest.raises(RuntimeError, match="in the middle"):
            clf.set_params(callbacks=[Fail()]).fit(net.X, net.y)
    elif way == "refused":
        with pytest.raises(ValueError, match="inconsistent"):
            clf.fit(net.X, net.y[1:])
    elif way == "in parts":
        clf.partial_fit(net.X, net.y, classes=np.unique(net.y)).predict(net.X)
    elif way == "lbfgs":
        net.make(**LBFGS).fit(net.X, net.y).predict(net.X)
    else:
        clf.fit(net.X, net.y).predict(net.X)


@pytest.mark.parametrize(
    "way", ["fitted", "stopped", "failed", "refused", "in parts", "lbfgs"]
)
def test_no_global_state_changes(net, way):
    # The first fit of a process loads libraries, skorch's callbacks torch's compiler
    # even: their thread pools appear, and sympy's filter for its own warnings.
    net.make(**SHORT, callbacks=[Callback()]).fit(net.X, net.y)
    before = global_state()
    work(net, way)
    after = global_state()
    for name, value in before.items():
        assert after[name] == value, name


FIRST_FIT = """
import random, warnings
import numpy as np, torch
from sklearn.datasets import load_digits
from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier

def state():
    return [
        list(warnings.filters), torch.get_default_dtype(), torch.get_num_threads(),
        torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state()),
    ]

before = state()
X, y = load_digits(n_class=2, return_X_y=True)
for estimator in (DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier):
    clf = estimator(learning_rate="cosine", max_iter=1, random_state=0)
    clf.fit(X[:50], y[:50]).predict(X)
assert state() == before
"""


def test_the_first_fit_of_a_process_changes_nothing_either():
    """Though it loads what the others find loaded."""
    subprocess.run([sys.executable, "-c", FIRST_FIT], check=True, timeout=120)


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_thread_count_of_the_user_is_left(net, n_threads):
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        for way in ("fitted", "failed"):
            work(net, way)
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)


@pytest.fixture
def odd_settings():
    """Settings that other code of a process may have made."""
    before = torch.get_rng_state()
    torch.manual_seed(12345)
    random.seed(12345)
    np.random.seed(12345)  # noqa: NPY002
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)
    with torch.no_grad(), np.errstate(all="raise"):
        yield
    torch.use_deterministic_algorithms(False)
    torch.set_default_dtype(torch.float32)
    torch.set_rng_state(before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_settings_of_others_change_no_bit(net, dtype, request):
    options = {"dropout": 0.3, "dtype": dtype, **SHORT}
    expected = net.make(**options).fit(net.X, net.y).predict_proba(net.X_test)
    request.getfixturevalue("odd_settings")
    before = global_state()
    clf = net.make(**options).fit(net.X, net.y)
    assert_array_equal(clf.predict_proba(net.X_test), expected)
    assert global_state() == before
    with torch.inference_mode():
        assert_array_equal(clf.predict_proba(net.X_test), expected)


def at_once(*jobs):
    """Run jobs in threads that start together."""
    barrier = threading.Barrier(len(jobs))

    def run(job):
        barrier.wait(30)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


@pytest.mark.parametrize("way", ["dropout", "early stopping", "balanced", "lbfgs"])
def test_fits_at_once_are_each_a_lone_fit(net, way):
    def job(seed):
        clf = net.make(**WAYS_TO_TRAIN[way], random_state=seed).fit(net.X, net.y)
        return clf.predict_proba(net.X_test), clf.loss_curve_

    alone = [job(seed) for seed in (0, 1)]
    before = global_state()
    for _ in range(2):
        together = at_once(lambda: job(0), lambda: job(1))
        for (probabilities, losses), (expected, curve) in zip(
            together, alone, strict=True
        ):
            assert_array_equal(probabilities, expected)
            assert losses == curve
    assert global_state() == before


def test_different_nets_fit_at_once(mlp, cnn, rnn):
    def job(net):
        clf = net.make(dropout=0.3, **SHORT).fit(net.X, net.y)
        return clf.predict_proba(net.X_test)

    nets = (mlp, cnn, rnn)
    alone = [job(net) for net in nets]
    together = at_once(*(lambda net=net: job(net) for net in nets))
    for probabilities, expected in zip(together, alone, strict=True):
        assert_array_equal(probabilities, expected)


def test_one_predicts_while_another_fits(net):
    clf = net.make().fit(net.X, net.y)
    expected = clf.predict_proba(net.X_test)
    other = net.make(dropout=0.3, **SHORT)
    said, _ = at_once(
        lambda: [clf.predict_proba(net.X_test) for _ in range(20)],
        lambda: other.fit(net.X, net.y),
    )
    for probabilities in said:
        assert_array_equal(probabilities, expected)


def public(clf):
    """Fitted attributes that can be compared."""
    kinds = (int, float, str, list, tuple, type(None), np.ndarray)
    return {
        name: value
        for name, value in vars(clf).items()
        if name.endswith("_") and isinstance(value, kinds)
    }


@pytest.mark.parametrize("stopping", [False, True])
def test_fit_starts_afresh(net, stopping):
    """Whatever was fitted before: other rows, other columns, other classes."""
    options = {"early_stopping": stopping, "dropout": 0.2, **SHORT}
    fresh = net.make(**options).fit(net.X, net.y)
    again = (
        net.make(**options, input_shape=None)
        if "input_shape" in (net.estimator.get_params())
        else net.make(**options)
    )
    again.set_params(max_iter=5, early_stopping=not stopping)
    names = [f"column {i}" for i in range(6)]
    again.fit(pd.DataFrame(net.X[:, -6:], columns=names), np.where(net.y, "b", "a"))
    again.set_params(**fresh.get_params()).fit(net.X, net.y)
    assert_array_equal(again.predict_proba(net.X_test), fresh.predict_proba(net.X_test))
    assert public(again).keys() == public(fresh).keys()
    for name, value in public(fresh).items():
        assert_array_equal(public(again)[name], value)
    assert not hasattr(again, "feature_names_in_")


def test_warm_start_does_not_start_afresh(net):
    """Else the tests above would not see a fit that goes on."""
    clf = net.make(warm_start=True, **SHORT).fit(net.X, net.y)
    first, n_seen = clf.loss_, clf.t_
    clf.fit(net.X, net.y)
    assert clf.loss_ < first
    assert clf.t_ == 2 * n_seen


def test_fit_changes_no_argument(net):
    X, y = net.X.copy(), net.y.copy()
    weight = np.linspace(0, 2, len(X))
    class_weight = {0: 2.0, 1: 1.0, 2: 0.5, 3: 1.0}
    given = {
        "class_weight": class_weight,
        "hidden_layer_sizes": [4],
        "callbacks": [],
        "early_stopping": True,
        **SHORT,
    }
    if "input_shape" in net.estimator.get_params():
        given["input_shape"] = [-1, 8]
    clf = net.make(**given)
    params = clf.get_params()
    copies = {name: pickle.dumps(value) for name, value in params.items()}
    clf.fit(X, y, sample_weight=weight)
    clf.predict_proba(X)
    assert_array_equal(X, net.X)
    assert_array_equal(y, net.y)
    assert_array_equal(weight, np.linspace(0, 2, len(X)))
    for name, value in clf.get_params().items():
        assert value is params[name]
        assert pickle.dumps(value) == copies[name]


def test_fit_does_not_hold_on_to_the_data(net):
    X, y = net.X.copy(), net.y.copy()
    clf = net.make(**SHORT).fit(X, y)
    expected = clf.predict_proba(net.X_test)
    X[:], y[:] = 1e9, 0
    assert_array_equal(clf.predict_proba(net.X_test), expected)
    assert clf.score(net.X, net.y) > 0.3


def test_frames_are_not_changed():
    X = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [4, 3, 2, 1]}, index=list("wxyz"))
    y = pd.Series(["n", "y", "n", "y"], index=list("wxyz"))
    X_before, y_before = X.copy(), y.copy()
    DeepMLPClassifier((2,), max_iter=2, learning_rate="cosine").fit(X, y).predict(X)
    pd.testing.assert_frame_equal(X, X_before)
    pd.testing.assert_series_equal(y, y_before)


@pytest.mark.parametrize("way", ["fitted", "stopped", "failed", "lbfgs"])
def test_fit_writes_no_file(net, way, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    work(net, way)
    assert list(tmp_path.iterdir()) == []


def test_fit_prints_nothing_unless_asked(net, capfd):
    work(net, "stopped")
    assert capfd.readouterr() == ("", "")
    net.make(verbose=True, **SHORT).fit(net.X, net.y)
    assert capfd.readouterr().out.count("loss = ") == 3
