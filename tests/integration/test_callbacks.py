"""Callbacks of scikit-learn and of skorch in whole workflows."""

import copy
import pickle
import re

import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline as SamplingPipeline
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler
from skorch.callbacks import EarlyStopping, EpochScoring, LRScheduler

N_EPOCHS = 8


class Watch:
    """Keeps what a hook gets, and may ask to stop."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.models, self.calls, self.arguments = [], [], []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self.calls.append(f"end {context.task_name}")
        self.arguments.append((X, y, metadata))
        if context.task_name == "epoch":
            self.models.append(fitted_estimator)
        return len(self.models) == self.stop_after


def epochs(monitor, **options):
    """Scores of the epochs in the last run."""
    data = monitor.get_logs(**options).data
    return [row for row in data if row["task_name"] == "epoch"]


def test_hooks_come_in_order_with_what_the_user_passed(net):
    watch, weight = Watch(), np.linspace(0.5, 1, len(net.X))
    X, y = net.X.tolist(), net.y.tolist()
    net.make(max_iter=2).set_callbacks(watch).fit(X, y, sample_weight=weight)
    epoch = ["begin epoch", "end epoch"]
    assert watch.calls == [
        *("setup", "begin fit", *epoch, *epoch, "end fit", "teardown")
    ]
    for given_X, given_y, metadata in watch.arguments:
        assert given_X is X
        assert given_y is y
        assert metadata["sample_weight"] is weight


def test_net_of_each_epoch_predicts(net):
    """As the net of a fit that ends there, and it stays so."""
    watch = Watch()
    clf = net.make(dropout=0.2).set_callbacks(watch).fit(net.X, net.y)
    assert len(watch.models) == N_EPOCHS
    scores = [model.score(net.X_test, net.y_test) for model in watch.models]
    assert_array_equal(
        watch.models[-1].predict_proba(net.X_test), clf.predict_proba(net.X_test)
    )
    assert scores[-1] == clf.score(net.X_test, net.y_test) > scores[0]
    assert len({m.predict_proba(net.X_test).tobytes() for m in watch.models}) == 8
    assert not any(model.module_.training for model in watch.models)


def test_looking_on_changes_no_bit(net):
    watched = net.make(dropout=0.2).set_callbacks(Watch()).fit(net.X, net.y)
    alone = net.make(dropout=0.2).fit(net.X, net.y)
    assert_array_equal(
        watched.predict_proba(net.X_test), alone.predict_proba(net.X_test)
    )


@pytest.mark.parametrize("stop_after", [1, 3])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_hook_that_returns_true_stops_training(net, stop_after, solver):
    clf = net.make(solver=solver, learning_rate="constant", max_iter=50)
    # A fit that was asked to stop is complete: it doesn't warn.
    clf.set_callbacks(watch := Watch(stop_after)).fit(net.X, net.y)
    assert clf.n_iter_ == len(clf.loss_curve_) == stop_after
    assert_array_equal(
        clf.predict_proba(net.X_test), watch.models[-1].predict_proba(net.X_test)
    )
    assert watch.calls[-2:] == ["end fit", "teardown"]


def test_stopped_net_still_returns_to_its_best_epoch(net):
    watch = Watch(stop_after=5)
    clf = net.make(early_stopping=True, validation_fraction=0.3, max_iter=20)
    clf.set_callbacks(watch).fit(net.X, net.y)
    assert clf.n_iter_ == 5
    assert any(
        np.array_equal(model.predict_proba(net.X), clf.predict_proba(net.X))
        for model in watch.models
    )
    best = max(clf.validation_scores_)
    assert clf.best_validation_score_ == best


def test_monitor_logs_the_score_of_every_epoch(net):
    monitor, watch = ScoringMonitor(scoring="accuracy"), Watch()
    clf = net.make().set_callbacks(monitor, watch).fit(net.X, net.y)
    logged = [row["accuracy"] for row in epochs(monitor)]
    assert logged == [accuracy_score(net.y, m.predict(net.X)) for m in watch.models]
    assert logged[-1] == clf.score(net.X, net.y) > 0.8
    assert monitor.get_logs().estimator_name == type(clf).__name__


def test_monitor_weighs_as_fit_does(net):
    monitor, weight = ScoringMonitor(scoring="accuracy"), np.where(net.y == 0, 50.0, 1)
    clf = net.make(max_iter=2).set_callbacks(monitor).fit(net.X, net.y, weight)
    assert epochs(monitor)[-1]["accuracy"] == clf.score(net.X, net.y, weight)


def test_monitor_of_several_scores_and_runs(net):
    monitor = ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    clf = net.make(max_iter=3).set_callbacks(monitor)
    for _ in range(2):
        clf.fit(net.X, net.y)
    runs = monitor.get_logs(select="all")
    assert len(runs) == 2
    first, second = (
        [(r["accuracy"], r["neg_log_loss"]) for r in run.data if "accuracy" in r]
        for run in runs
    )
    # The same seed makes the same run.
    assert first == second
    assert len(first) >= 3


def test_monitor_inside_a_pipeline(net):
    monitor = ScoringMonitor(scoring="accuracy")
    pipeline = Pipeline(
        [("scale", MinMaxScaler()), ("net", net.make().set_callbacks(monitor))]
    ).fit(net.X, net.y)
    logged = [row["accuracy"] for row in epochs(monitor)]
    assert len(logged) == N_EPOCHS
    assert logged[-1] == pipeline.score(net.X, net.y) > 0.8


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_monitor_inside_a_search(net, backend):
    monitor = ScoringMonitor(scoring="accuracy")
    search = GridSearchCV(
        net.make(max_iter=3).set_callbacks(monitor),
        {"alpha": [1e-4, 0.1]},
        cv=2,
        n_jobs=2,
        error_score="raise",
    )
    with parallel_config(backend):
        search.fit(net.X, net.y)
    rows = epochs(monitor)
    # Two candidates in two folds, and the refit.
    assert len(rows) == 3 * (2 * 2 + 1)
    runs = {row["parent_task_id_path"] for row in rows}
    assert len(runs) == 5
    folds = StratifiedKFold(2).split(net.X, net.y)
    fits = [(net.X[train], net.y[train]) for train, _ in folds] + [(net.X, net.y)]
    expected = {
        net.make(max_iter=3, alpha=alpha).fit(X, y).score(X, y)
        for X, y in fits
        for alpha in (1e-4, 0.1)
    }
    last = {
        run: row["accuracy"]
        for run in runs
        for row in rows
        if row["parent_task_id_path"] == run
    }
    assert set(last.values()) <= expected


def shown(text):
    """Lines of a progress bar as (description, percentage)."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return re.findall(r"(\w+ - [-\w]+(?: \| \w+ - fit)?).*?(\d+)%", plain)


def test_progress_bar_of_a_net(net, capsys):
    clf = net.make().set_callbacks(ProgressBar()).fit(net.X, net.y)
    assert (f"{type(clf).__name__} - fit", "100") in shown(capsys.readouterr().out)


def test_progress_bar_ends_full_when_training_stops_early(net, capsys):
    clf = net.make(learning_rate="constant", max_iter=500)
    clf.set_callbacks(ProgressBar(), Watch(stop_after=2)).fit(net.X, net.y)
    assert clf.n_iter_ == 2
    assert (f"{type(clf).__name__} - fit", "100") in shown(capsys.readouterr().out)


@pytest.mark.filterwarnings("ignore:The estimator MinMaxScaler does not support")
def test_progress_bar_of_a_pipeline_reaches_the_net(net, capsys):
    pipeline = Pipeline([("scale", MinMaxScaler()), ("net", net.make())])
    pipeline.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(net.X, net.y)
    lines = shown(capsys.readouterr().out)
    name = type(net.estimator).__name__
    assert ("Pipeline - fit", "100") in lines
    assert any(f"{name} - fit" in text and done == "100" for text, done in lines)


def test_progress_bar_of_a_search_reaches_every_net(net, capsys):
    search = GridSearchCV(net.make(max_iter=2), {"alpha": [0.0, 0.1]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(net.X, net.y)
    lines = shown(capsys.readouterr().out)
    name = type(net.estimator).__name__
    assert ("GridSearchCV - fit", "100") in lines
    nets = [done for text, done in lines if f"{name} - fit" in text]
    assert nets.count("100") >= 5
    assert not hasattr(search.best_estimator_, "_parent_callback_ctx")


def test_failed_fit_tears_callbacks_down(net):
    watch = Watch()
    clf = net.make().set_callbacks(watch)
    with pytest.raises(ValueError, match="inconsistent"):
        clf.fit(net.X, net.y[1:])
    assert watch.calls == ["setup", "begin fit", "teardown"]
    clf.fit(net.X, net.y)
    assert watch.calls[3:5] == ["setup", "begin fit"]


def test_set_callbacks_takes_callbacks_only_and_none_takes_them_off(net):
    with pytest.raises(TypeError, match="FitCallback protocol"):
        net.make().set_callbacks(print)
    clf = net.make(max_iter=1).set_callbacks(watch := Watch())
    clf.set_callbacks().fit(net.X, net.y)
    assert watch.calls == []


@pytest.mark.parametrize(
    "store", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy]
)
def test_stored_nets_carry_no_callbacks(net, store):
    class Unstorable(Watch):
        def __reduce__(self):
            raise pickle.PicklingError("callbacks must stay at home")

    monitor = ScoringMonitor(scoring="accuracy")
    clf = net.make(max_iter=2).set_callbacks(Unstorable(), monitor).fit(net.X, net.y)
    n_logged = len(epochs(monitor))
    stored = store(clf)
    assert_array_equal(stored.predict_proba(net.X_test), clf.predict_proba(net.X_test))
    stored.fit(net.X, net.y)
    assert len(epochs(monitor)) == n_logged
    # The estimator itself goes on being watched.
    clf.fit(net.X, net.y)
    assert len(monitor.get_logs(select="all")) == 2


def test_clones_share_callbacks_as_in_scikit_learn(net):
    monitor = ScoringMonitor(scoring="accuracy")
    clone(net.make(max_iter=2).set_callbacks(monitor)).fit(net.X, net.y)
    assert len(epochs(monitor)) == 2


def test_final_step_of_a_sampling_pipeline_is_watched(net):
    """imbalanced-learn's Pipeline takes callbacks and calls none: set them here."""
    monitor, watch = ScoringMonitor(scoring="accuracy"), Watch()
    rare = np.flatnonzero(net.y == 0)[:8]
    rows = np.concatenate([rare, np.flatnonzero(net.y != 0)])
    X, y = net.X[rows], net.y[rows]
    steps = [
        ("sample", RandomOverSampler(random_state=0)),
        ("net", net.make().set_callbacks(monitor, watch)),
    ]
    pipeline = SamplingPipeline(steps).fit(X, y)
    assert len(epochs(monitor)) == N_EPOCHS
    resampled, labels = RandomOverSampler(random_state=0).fit_resample(X, y)
    assert epochs(monitor)[-1]["accuracy"] == pipeline[-1].score(resampled, labels)
    assert len(watch.arguments[0][0]) == len(resampled) > len(X)
    stopped = SamplingPipeline(steps).set_params(net=net.make())
    stopped["net"].set_callbacks(Watch(stop_after=2))
    assert stopped.fit(X, y)[-1].n_iter_ == 2


def test_epoch_scoring_of_skorch_in_a_pipeline(net):
    scoring = EpochScoring(
        "accuracy", on_train=True, name="train_accuracy", lower_is_better=False
    )
    pipeline = Pipeline(
        [("scale", MinMaxScaler()), ("net", net.make(callbacks=[scoring]))]
    ).fit(net.X, net.y)
    history = pipeline[-1].net_.history[:, "train_accuracy"]
    assert len(history) == N_EPOCHS
    assert history[-1] == pytest.approx(pipeline.score(net.X, net.y))
    assert history[-1] > max(0.8, history[0])


def test_scheduler_of_skorch_in_a_pipeline(net):
    scheduler = LRScheduler("StepLR", step_size=2, gamma=0.5)
    clf = net.make(learning_rate="constant", max_iter=5, tol=0.0, callbacks=[scheduler])
    with pytest.warns(match="Maximum iterations"):
        pipeline = Pipeline([("scale", MinMaxScaler()), ("net", clf)]).fit(net.X, net.y)
    rates = pipeline[-1].net_.history[:, "event_lr"]
    assert_allclose(rates, 0.03 * 0.5 ** np.array([0, 0, 1, 1, 2]))
    with pytest.warns(match="Maximum iterations"):
        constant = clone(pipeline).set_params(net__callbacks=None).fit(net.X, net.y)
    assert_array_equal(constant[-1].loss_curve_[:2], pipeline[-1].loss_curve_[:2])
    assert constant[-1].loss_curve_[3] != pipeline[-1].loss_curve_[3]


def stopper():
    """Stops in the third epoch, as nothing improves by so much."""
    return EarlyStopping(
        "train_loss", patience=2, threshold=1e9, threshold_mode="abs", sink=str
    )


def test_early_stopping_of_skorch_in_every_fold(net):
    """Its count of misses and its best value do not survive a fold."""
    clf = net.make(callbacks=[stopper()], learning_rate="constant", max_iter=40)
    result = cross_validate(
        clf, net.X, net.y, cv=3, return_estimator=True, error_score="raise"
    )
    assert [fold.n_iter_ for fold in result["estimator"]] == [3, 3, 3]
    by_hand = []
    for train, test in StratifiedKFold(3).split(net.X, net.y):
        fresh = net.make(callbacks=[stopper()], learning_rate="constant", max_iter=40)
        fresh.fit(net.X[train], net.y[train])
        by_hand.append(fresh.score(net.X[test], net.y[test]))
    assert_array_equal(result["test_score"], by_hand)


def test_state_of_callbacks_does_not_survive_a_fit(net):
    """Even the very same objects start afresh, in whatever order fits come."""
    scheduler = LRScheduler("StepLR", step_size=1, gamma=0.5)
    # The stopper comes last: like skorch's, its stop leaves later callbacks out.
    shared = [scheduler, EpochScoring("accuracy", on_train=True), stopper()]
    clf = net.make(callbacks=shared, learning_rate="constant", max_iter=40)
    losses = [clf.fit(net.X, net.y).loss_curve_ for _ in range(3)]
    assert len(losses[0]) == 3
    assert losses[0] == losses[1] == losses[2]
    assert_allclose(clf.net_.history[:, "event_lr"], [0.03, 0.015, 0.0075])


def test_search_over_callbacks_and_in_parallel(net):
    search = GridSearchCV(
        net.make(learning_rate="constant", max_iter=12, n_iter_no_change=1, tol=1e9),
        {"callbacks": [None, [stopper()]]},
        cv=2,
        n_jobs=2,
        error_score="raise",
    )
    search.fit(net.X, net.y)
    assert search.cv_results_["mean_test_score"].shape == (2,)
    scores = cross_val_score(search.best_estimator_, net.X, net.y, cv=2)
    assert_array_equal(
        scores.mean(), search.cv_results_["mean_test_score"][search.best_index_]
    )


def test_nets_with_callbacks_of_skorch_can_be_stored(net):
    clf = net.make(
        callbacks=[stopper(), EpochScoring("accuracy", on_train=True)],
        learning_rate="constant",
    ).fit(net.X, net.y)
    stored = pickle.loads(pickle.dumps(clf))
    assert_array_equal(stored.predict_proba(net.X_test), clf.predict_proba(net.X_test))
    stored.fit(net.X, net.y)
    assert stored.loss_curve_ == clf.loss_curve_
