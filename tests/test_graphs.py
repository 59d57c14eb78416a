"""Recorded steps; on the CPU what was recorded is computed anew, on the same memory."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from small_nets import NETS, data, mlp

from skdeep import _graphs
from skdeep._batches import Batch
from skdeep._graphs import RecordedStep, make_step
from skdeep._streams import StackedBatch
from skdeep.model_selection import GridSearchCV

# Nets that autograd trains, as all are on a GPU.
SETTINGS = {
    "mlp": {"normalization": "layer", "dropout": 0.2, "alpha": 0.1},
    "cnn": {"normalization": "batch", "gradient_clip": 0.5, "alpha": 0.01},
    "rnn": {"solver": "adamw", "alpha": 0.1, "l1_ratio": 0.5},
}
EACH_NET = pytest.mark.parametrize("kind", SETTINGS)


class Replays:
    """Stands in for ``record``, and counts."""

    def __init__(self):
        self.n_recorded, self.n_replayed = 0, 0

    def __call__(self, compute, generators):
        self.n_recorded += 1
        result = torch.zeros(0, dtype=torch.float64)

        def replay():
            self.n_replayed += 1
            value = compute()
            result.resize_(value.shape).copy_(value)

        return replay, result


def record_all(monkeypatch):
    """Record all steps from here on."""
    replays = Replays()
    monkeypatch.setattr(_graphs, "record", replays)
    # Written out on numpy, which no GPU has.
    monkeypatch.setattr("skdeep._small_maps._FEW", 0)
    for user in ("_training", "_stacked"):
        monkeypatch.setattr(f"skdeep.{user}.make_step", RecordedStep)
    return replays


@pytest.fixture
def replays(monkeypatch):
    return record_all(monkeypatch)


def net(kind, **parameters):
    return clone(NETS[kind]).set_params(dtype="float64", **SETTINGS[kind], **parameters)


def same_fits(clf, monkeypatch, *args, **options):
    """Predictions with and without recordings, and how many steps were which."""
    X = args[0]
    expected = clone(clf).fit(*args, **options)
    replays = record_all(monkeypatch)
    found = clone(clf).fit(*args, **options)
    assert_allclose(found.loss_curve_, expected.loss_curve_, rtol=1e-9)
    assert_allclose(
        found.predict_proba(X), expected.predict_proba(X), rtol=1e-7, atol=1e-9
    )
    return replays


@EACH_NET
def test_recorded_steps_train_alike(kind, monkeypatch):
    X, y = data(kind)
    replays = same_fits(net(kind), monkeypatch, X, y)
    # Four epochs: the full batches once, and the last one, if it is shorter.
    assert 1 <= replays.n_recorded <= 2
    n_batches = -(-len(X) // 32)
    assert replays.n_replayed >= 4 * (n_batches - 1) - 3


@EACH_NET
def test_weights_are_not_recorded_but_read(kind, monkeypatch):
    X, y = data(kind)
    weight = np.random.default_rng(0).uniform(0.1, 3.0, len(y))
    replays = same_fits(net(kind), monkeypatch, X, y, sample_weight=weight)
    assert replays.n_replayed > 0


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_stacks_are_recorded(kind, monkeypatch):
    clf = net(kind, n_members=3)
    replays = same_fits(clf, monkeypatch, *data(kind))
    assert replays.n_replayed > 0


def test_schedules_and_rates_of_each_net_reach_the_recording(replays, monkeypatch):
    X, y = data("mlp")
    grid = {
        "learning_rate_init": [1e-4, 1e-2],
        "learning_rate": ["cosine", "one_cycle"],
    }
    clf = net("mlp", max_iter=8)
    found = GridSearchCV(clf, grid, cv=2).fit(X, y)
    assert replays.n_replayed > 0
    monkeypatch.undo()
    expected = GridSearchCV(clf, grid, cv=2).fit(X, y)
    for key in ("mean_test_score", "std_test_score"):
        assert_allclose(found.cv_results_[key], expected.cv_results_[key])


def test_nets_that_leave_a_stack_take_no_recording_along(replays):
    X, y = data("mlp")
    grid = {"learning_rate_init": [1e-5, 1e-2, 1.0]}
    clf = net("mlp", early_stopping=True, max_iter=30, n_iter_no_change=2)
    search = GridSearchCV(clf, grid, cv=2, error_score="raise").fit(X, y)
    assert replays.n_recorded > 2
    assert search.best_score_ > 0.9


def test_partial_fit_goes_on_with_its_recordings(replays):
    X, y = data("mlp")
    clf = net("mlp").set_params(learning_rate="constant", learning_rate_init=0.01)
    classes = np.unique(y)
    for _ in range(5):
        clf.partial_fit(X, y, classes=classes)
    n_recorded = replays.n_recorded
    clf.partial_fit(X, y)
    assert replays.n_recorded == n_recorded > 0
    assert len(clf.loss_curve_) == 6
    assert clf.loss_curve_[-1] < clf.loss_curve_[0]


def test_only_cuda_records():
    module = mlp().fit(*data("mlp")).module_
    assert not isinstance(make_step(None, None, [module]), RecordedStep)
    assert isinstance(make_step(None, None, [_OnCuda(module)]), RecordedStep)


class _OnCuda:
    device = torch.device("cuda")

    def __init__(self, module):
        self.modules = module.modules


def test_forms_tell_batches_apart():
    x, target, weight = torch.ones(4, 2), torch.ones(4, 3), torch.ones(4)
    plain = Batch(x, target, None, 4)
    forms = {
        _graphs._form(batch)
        for batch in (
            plain,
            plain._replace(total=4.0),
            Batch(x[:3], target[:3], None, 3),
            Batch(x, target, weight, 4.0),
            Batch(x, target, 2 * weight, 8.0),
        )
    }
    assert len(forms) == 3
    padded = StackedBatch(x[None], target[None], weight[None], [3.0, 4.0], [3, 4])
    other = padded._replace(sizes=[4, 3])
    assert _graphs._form(padded) != _graphs._form(other)


def test_totals_come_from_the_weights():
    x, target, weight = torch.ones(4, 2), torch.ones(4, 3), torch.arange(4.0)
    batch = Batch(x, target, weight, None).with_totals_on_device()
    assert batch.total.item() == 6.0
    stacked = StackedBatch(x[None], target[None], weight[None], None, [4, 4])
    assert_array_equal(stacked.with_totals_on_device().totals, [6.0])
    plain = StackedBatch(x[None], target[None], None, [4, 4], [4, 4])
    assert plain.with_totals_on_device().totals.item() == 4.0


class _Graph:
    """What of a CUDA graph is called, in order."""

    def __init__(self):
        self.calls = []

    def register_generator_state(self, generator):
        self.calls.append(generator)

    def capture_begin(self, capture_error_mode):
        self.calls.append("begin")

    def capture_end(self):
        self.calls.append("end")

    def replay(self):
        self.calls.append("replay")


def test_recording_ends_whatever_happens(monkeypatch):
    graph = _Graph()
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: graph)
    replay, result = _graphs.record(lambda: graph.calls.append("run") or 1, ["dice"])
    replay()
    assert result == 1
    assert graph.calls == ["dice", "begin", "run", "end", "replay"]

    with pytest.raises(ZeroDivisionError):
        _graphs.record(lambda: 1 / 0, [])
    assert graph.calls[-2:] == ["begin", "end"]
