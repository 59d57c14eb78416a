"""The training loop and skorch's callbacks in it."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, LRScheduler

from skdeep import DeepMLPClassifier
from skdeep._threads import Team

X, Y = load_iris(return_X_y=True)


def make(*callbacks, **parameters):
    """A net whose training has a planned end, so that nothing warns."""
    parameters = {
        "hidden_layer_sizes": (5,),
        "batch_size": 50,
        "learning_rate": "cosine",
        "max_iter": 6,
        "n_iter_no_change": np.inf,
        "random_state": 0,
        **parameters,
    }
    return DeepMLPClassifier(callbacks=list(callbacks) or None, **parameters)


def weights(clf):
    return np.concatenate([w.ravel() for w in (*clf.coefs_, *clf.intercepts_)])


class Recorder(Callback):
    """Remembers which hooks were called, in their order."""

    def __init__(self):
        self.called = []

    def on_train_begin(self, net, **kwargs):
        self.called.append("train_begin")

    def on_train_end(self, net, **kwargs):
        self.called.append("train_end")

    def on_epoch_begin(self, net, **kwargs):
        self.called.append("epoch_begin")

    def on_epoch_end(self, net, **kwargs):
        self.called.append("epoch_end")


class BatchRecorder(Callback):
    """Remembers the batches."""

    def __init__(self):
        self.batches, self.losses, self.gradients = [], [], []

    def on_batch_begin(self, net, batch, training, **kwargs):
        assert training
        self.batches.append([part.clone() for part in batch])

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.gradients.append({n: p.grad.clone() for n, p in named_parameters})

    def on_batch_end(self, net, loss, **kwargs):
        self.losses.append(float(loss))


class Raise(Callback):
    """Raises in one hook of the second epoch."""

    def __init__(self, hook, error):
        self.error, self.n_epochs = error, 0
        setattr(self, hook, self.act)

    def on_epoch_begin(self, net, **kwargs):
        self.n_epochs += 1

    def on_batch_end(self, net, **kwargs):
        """Makes the net announce its batches."""

    def act(self, net, **kwargs):
        if self.n_epochs == 2:
            raise self.error


def test_hooks_come_in_skorchs_order():
    recorder = Recorder()
    make(recorder, max_iter=2).fit(X, Y)
    epoch = ["epoch_begin", "epoch_end"]
    assert recorder.called == ["train_begin", *epoch, *epoch, "train_end"]


def test_named_callbacks():
    recorder = Recorder()
    make(("recorder", recorder), max_iter=1).fit(X, Y)
    assert "epoch_end" in recorder.called


def test_callbacks_see_data_and_codes():
    seen = {}

    class Look(Callback):
        def on_epoch_end(self, net, dataset_train, dataset_valid, **kwargs):
            seen.update(train=dataset_train, valid=dataset_valid)

    names = np.array(["a", "b", "c"])[Y]
    make(Look(), max_iter=1, early_stopping=True).fit(X, names)
    x, code = seen["train"][0]
    assert code == Y[(np.asarray(x) == X).all(1)][0]
    assert len(seen["train"]) + len(seen["valid"]) == len(X)
    assert {int(seen["valid"][i][1]) for i in range(len(seen["valid"]))} == {0, 1, 2}


def test_history_holds_the_curves():
    clf = make(Recorder(), early_stopping=True).fit(X, Y)
    history = clf.net_.history
    assert history[:, "train_loss"] == clf.loss_curve_
    assert history[:, "valid_loss"] == clf.validation_loss_curve_
    assert history[:, "valid_score"] == clf.validation_scores_


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_early_stopping_of_skorch_stops(solver):
    callback = EarlyStopping(
        monitor="train_loss", patience=2, threshold=1e9, threshold_mode="abs"
    )
    clf = make(callback, solver=solver, learning_rate="constant", max_iter=50)
    clf.set_params(callbacks=[callback, recorder := Recorder()]).fit(X, Y)
    # The first epoch improves on nothing, then two don't improve enough.
    assert clf.n_iter_ == 3
    assert recorder.called[-1] == "train_end"


def test_early_stopping_of_skorch_on_the_validation_loss():
    callback = EarlyStopping(patience=1, threshold=1e9, threshold_mode="abs")
    clf = make(callback, early_stopping=True, max_iter=50).fit(X, Y)
    assert clf.n_iter_ == 2


@pytest.mark.parametrize("hook", ["on_epoch_end", "on_batch_end", "on_train_end"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("callback")])
@pytest.mark.parametrize("fitted", [False, True])
def test_errors_of_callbacks_come_through_and_change_nothing(hook, error, fitted):
    """Ctrl-C is no early stopping, even where a callback for that is present."""
    clf = make(warm_start=True, max_iter=2)
    if fitted:
        clf.fit(X, Y)
        before = clf.predict_proba(X), dict(vars(clf))
    clf.set_params(callbacks=[EarlyStopping("train_loss"), Raise(hook, error)])
    with pytest.raises(type(error)):
        clf.fit(X, Y)
    if not fitted:
        assert not [name for name in vars(clf) if name.endswith("_")]
        assert not hasattr(clf, "coefs_")
        return
    assert_array_equal(clf.predict_proba(X), before[0])
    assert clf.loss_curve_ == before[1]["loss_curve_"]
    assert clf.module_ is before[1]["module_"]
    assert not clf.module_.training


def test_interrupted_partial_fit_changes_nothing():
    clf = make(Raise("on_epoch_end", KeyboardInterrupt()))
    clf.partial_fit(X, Y, classes=[0, 1, 2])
    before, t = clf.predict_proba(X), clf.t_
    with pytest.raises(KeyboardInterrupt):
        clf.partial_fit(X, Y)
    assert_array_equal(clf.predict_proba(X), before)
    assert clf.t_ == t
    clf.partial_fit(X, Y)
    assert clf.t_ == t + len(X)


def test_scheduler_of_skorch_changes_the_rate():
    scheduler = LRScheduler("StepLR", step_size=1, gamma=0.1)
    clf = make(
        scheduler,
        solver="sgd",
        learning_rate="constant",
        learning_rate_init=0.5,
        max_iter=3,
    )
    with pytest.warns(ConvergenceWarning):
        clf.fit(X, Y)
    assert_allclose(clf.net_.history[:, "event_lr"], [0.5, 0.05, 0.005])


def frozen_after_first_epoch(callback):
    """Weights after a fit with `callback`, and after one epoch."""
    options = {"solver": "sgd", "momentum": 0.0, "learning_rate": "constant"}
    with pytest.warns(ConvergenceWarning):
        whole = make(callback, **options).fit(X, Y)
    with pytest.warns(ConvergenceWarning):
        one = make(**options, max_iter=1).fit(X, Y)
    assert whole.n_iter_ == 6
    return weights(whole), weights(one)


def test_scheduler_of_skorch_decides_how_far_steps_go():
    scheduler = LRScheduler("LambdaLR", lr_lambda=lambda epoch: float(epoch == 0))
    assert_array_equal(*frozen_after_first_epoch(scheduler))


def test_rate_set_at_the_end_of_an_epoch_counts():
    """Though nothing listens to batches."""

    class Freeze(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.optimizer_.param_groups[0]["lr"] = 0.0

    assert_array_equal(*frozen_after_first_epoch(Freeze()))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "learning_rate", ["constant", "invscaling", "adaptive", "cosine", "one_cycle"]
)
def test_listening_to_batches_changes_nothing(learning_rate):
    """Neither the schedule nor the penalty, which depends on the batch's weights."""
    options = {
        "solver": "sgd",
        "learning_rate": learning_rate,
        "learning_rate_init": 0.1,
        "max_iter": 15,
        "alpha": 0.5,
        "n_iter_no_change": 1,
        "tol": 0.1 if learning_rate == "adaptive" else 0.0,
    }
    rates = set()

    class Listen(Callback):
        def on_batch_end(self, net, **kwargs):
            rates.add(net.solver_.schedules[0].rate)

    weight = np.linspace(0.5, 2.0, len(X))
    silent = make(**options).fit(X, Y, weight)
    listening = make(Listen(), **options).fit(X, Y, weight)
    assert (len(rates) > 1) == (learning_rate != "constant")
    assert_array_equal(weights(listening), weights(silent))


def test_batches_are_announced_to_those_who_listen():
    recorder = BatchRecorder()
    plain = {"shuffle": False, "alpha": 0.0, "numerical_embedding": None}
    clf = make(recorder, max_iter=2, **plain).fit(X, Y)
    assert [len(x) for x, _ in recorder.batches] == [50] * 6
    x, target = recorder.batches[4]
    assert_allclose(x, (X[50:100] - X.mean(0)) / X.std(0), atol=1e-12)
    assert_array_equal(target.argmax(1), Y[50:100])
    assert np.mean(recorder.losses[:3]) == pytest.approx(clf.loss_curve_[0])
    assert np.mean(recorder.losses[3:]) == pytest.approx(clf.loss_curve_[1])
    assert all(g["output.weight"].abs().sum() > 0 for g in recorder.gradients)
    history = clf.net_.history
    assert history[0, "batches", :, "train_batch_size"] == [50, 50, 50]
    assert_allclose(history[0, "batches", :, "train_loss"], recorder.losses[:3])


def test_batches_are_not_announced_otherwise(monkeypatch):
    called = []
    for hook in ("on_batch_begin", "on_grad_computed", "on_batch_end"):
        monkeypatch.setattr(Callback, hook, lambda *a, **k: called.append(1))
    clf = make(Recorder()).fit(X, Y)
    assert not called
    assert not clf.net_.history[-1]["batches"]


def test_gradients_can_be_changed_before_the_step():
    class Still(Callback):
        def on_grad_computed(self, net, named_parameters, **kwargs):
            for _, parameter in named_parameters:
                parameter.grad.zero_()

    options = {"alpha": 0.0, "solver": "sgd", "max_iter": 1}
    still = weights(make(Still(), **options).fit(X, Y))
    start = make(**options, learning_rate_init=1e-300).fit(X, Y)
    assert_array_equal(still, weights(start))


def test_scoring_of_skorch_on_held_out_rows():
    scoring = EpochScoring("accuracy", lower_is_better=False)
    plain = {"learning_rate_init": 0.1, "numerical_embedding": None}
    clf = make(scoring, early_stopping=True, **plain).fit(X, Y)
    assert_allclose(clf.net_.history[:, "accuracy"], clf.validation_scores_)
    assert len(set(clf.validation_scores_)) > 1


def test_scoring_of_skorch_on_training_rows():
    scoring = EpochScoring(
        "accuracy", on_train=True, name="train_accuracy", lower_is_better=False
    )
    clf = make(scoring, learning_rate_init=0.1).fit(X, Y)
    assert clf.net_.history[-1, "train_accuracy"] == pytest.approx(clf.score(X, Y))


def test_scoring_of_skorch_takes_scores_that_need_probabilities():
    scoring = EpochScoring("neg_log_loss", lower_is_better=False)
    clf = make(scoring, early_stopping=True).fit(X, Y)
    scores = clf.net_.history[:, "neg_log_loss"]
    assert_allclose(scores, -np.array(clf.validation_loss_curve_), rtol=1e-5)


def test_lbfgs_reports_its_iterations():
    recorder = Recorder()
    clf = make(recorder, solver="lbfgs", max_iter=500, alpha=1.0).fit(X, Y)
    assert recorder.called.count("epoch_end") == clf.n_iter_ > 3
    assert len(clf.loss_curve_) == clf.n_iter_
    assert (np.diff(clf.loss_curve_) <= 1e-12).all()


def test_lbfgs_that_starts_at_the_solution():
    clf = make(solver="lbfgs", tol=1e9).fit(X, Y)
    assert clf.n_iter_ == 1
    assert len(clf.loss_curve_) == 1
    assert np.isfinite(clf.loss_)


@pytest.mark.parametrize(
    ("solver", "message"),
    [
        ("adam", r"Maximum iterations \(2\) reached"),
        ("lbfgs", r"(?s)lbfgs failed to converge after 2 iteration.*`max_iter`"),
    ],
)
def test_unfinished_training_warns(solver, message):
    clf = make(solver=solver, learning_rate="constant", max_iter=2)
    with pytest.warns(ConvergenceWarning, match=message) as record:
        clf.fit(X, Y)
    assert record[0].filename == __file__


def test_lbfgs_counts_max_fun():
    clf = make(solver="lbfgs", max_fun=3, max_iter=500)
    with pytest.warns(ConvergenceWarning, match="max_fun"):
        clf.fit(X, Y)
    assert clf.n_iter_ <= 3


def test_training_leaves_only_the_net_behind():
    clf = make().fit(X, Y)
    assert clf.net_.flat_ is clf.net_.solver_ is clf.net_.gradient_ is None
    assert all(p.grad is None for p in clf.module_.parameters())
    assert not clf.module_.training
    assert clf.net_.module_ is clf.module_


def test_failed_warm_start_leaves_only_the_net_behind():
    clf = make(warm_start=True).fit(X, Y)
    clf.set_params(callbacks=[Raise("on_epoch_end", RuntimeError())])
    with pytest.raises(RuntimeError):
        clf.fit(X, Y)
    assert all(p.grad is None for p in clf.module_.parameters())


def test_training_loss_is_the_weighted_mean_plus_penalty():
    """Of the net at each batch: with steps of no length, of the first net."""
    weight = np.linspace(0.1, 3.0, len(X))
    options = {"learning_rate_init": 1e-300, "max_iter": 1, "shuffle": False}
    clf = make(**options, alpha=2.0, l1_ratio=0.25, solver="sgd").fit(X, Y, weight)
    losses = -np.log(clf.predict_proba(X)[np.arange(len(X)), Y])
    w = np.concatenate([coef.ravel() for coef in clf.coefs_])
    penalty = 2.0 * (0.25 * np.abs(w).sum() + 0.75 / 2 * (w**2).sum())
    expected = np.average(losses, weights=weight) + penalty / (weight.sum() / 3)
    assert clf.loss_ == pytest.approx(expected, rel=1e-9)


def test_default_dtype_and_gradient_mode_are_left_alone():
    make(early_stopping=True).fit(X, Y)
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_number_of_threads_changes_no_bit(solver, monkeypatch):
    """Large steps are cut into shards, however many threads share them."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 300))
    y = (X[:, 0] > 0).astype(int)
    fitted, shared = [], []
    share = Team.share

    def record(self, function, parts):
        shared.append((self.n_threads, len(parts)))
        return share(self, function, parts)

    monkeypatch.setattr(Team, "share", record)
    before = torch.get_num_threads()
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        try:
            clf = make(hidden_layer_sizes=(700, 200), batch_size=600, max_iter=2)
            fitted.append(clf.set_params(solver=solver).fit(X, y))
            assert torch.get_num_threads() == n_threads
        finally:
            torch.set_num_threads(before)
    assert_array_equal(*map(weights, fitted))
    # One thread and two take the same shards, and the same blocks when they add up
    # gradients; the two share the update as well.
    (n_blocks,) = {n_parts for _, n_parts in shared if n_parts > 4}
    shards_and_blocks = {(n, k) for n in (1, 2) for k in (4, n_blocks)}
    assert set(shared) == {(1, 1), (2, 2), *shards_and_blocks}
