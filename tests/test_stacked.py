"""Nets that train together: each gets what it gets alone."""

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning

from skdeep import (
    DeepCNNClassifier,
    DeepMLPClassifier,
    DeepRNNClassifier,
    _stacked,
    _threads,
)
from skdeep._meeting import StackingBackend

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
DIGITS, DIGIT = (part[:300] for part in load_digits(return_X_y=True))
LABELS = np.column_stack([Y == 1, X[:, 0] > 5.8]).astype(int)
WEIGHT = np.random.default_rng(0).uniform(0.5, 2.0, len(X))

MLP = DeepMLPClassifier((8, 6), batch_size=32, max_iter=4, random_state=0)
CNN = DeepCNNClassifier(
    input_shape=(1, 8, 8), n_filters=(4, 6), batch_size=64, max_iter=2, random_state=0
)


def fit_together(estimators, *data, n_jobs=1, **fit_params):
    """Fit copies of all estimators on one backend."""
    with joblib.parallel_config(backend=StackingBackend(n_jobs=n_jobs)):
        return joblib.Parallel()(
            joblib.delayed(clone(estimator).fit)(*data, **fit_params)
            for estimator in estimators
        )


@pytest.fixture
def sizes(monkeypatch):
    """Sizes of the stacks that were trained."""
    sizes, train = [], _stacked.Stack.run

    def run(self, *args):
        sizes.append(len(self.trainings))
        return train(self, *args)

    monkeypatch.setattr(_stacked.Stack, "run", run)
    return sizes


def assert_same_fit(together, alone, X, rtol=1e-8):
    assert together.n_iter_ == alone.n_iter_
    assert_allclose(together.loss_curve_, alone.loss_curve_, rtol=rtol)
    assert_allclose(
        together.predict_proba(X), alone.predict_proba(X), rtol=rtol, atol=rtol
    )
    if alone.early_stopping:
        scores, expected = together.validation_scores_, alone.validation_scores_
        assert_allclose(scores, expected, rtol=rtol)
        assert together.best_validation_score_ == alone.best_validation_score_
    else:
        assert_allclose(together.best_loss_, alone.best_loss_, rtol=rtol)


def check(base, changes, data=(X, Y), n_jobs=1, rtol=1e-8, **fit_params):
    estimators = [clone(base).set_params(**change) for change in changes]
    together = fit_together(estimators, *data, n_jobs=n_jobs, **fit_params)
    for one, estimator in zip(together, estimators, strict=True):
        assert_same_fit(one, estimator.fit(*data, **fit_params), data[0], rtol)
    return together


DIFFERENCES = {
    "learning rate": [{"learning_rate_init": r} for r in (1e-3, 1e-2, 0.1)],
    "alpha": [{"alpha": a} for a in (0.0, 0.1, 10.0)],
    "l1_ratio": [{"alpha": 5.0, "l1_ratio": r} for r in (0.0, 0.5, 1.0)],
    "seed": [{"random_state": s} for s in (0, 1, 2)],
    "epochs": [{"max_iter": n} for n in (1, 5, 3)],
    "schedule": [{"learning_rate": s} for s in ("constant", "one_cycle", "adaptive")],
    "dropout": [{"dropout": p} for p in (0.0, 0.2, 0.6)],
    "class weight": [{"class_weight": w} for w in (None, {0: 2, 1: 1, 2: 0.5})],
    "smoothing": [{"label_smoothing": s} for s in (0.0, 0.2)],
    "clipping": [{"gradient_clip": c} for c in (None, 0.01)],
    "betas": [{"beta_1": 0.5, "beta_2": 0.9}, {"epsilon": 1e-2}],
    "order": [{"shuffle": s} for s in (True, False)],
    "sampler": [{"batch_sampler": s} for s in (None, "balanced")],
    "standardize": [{"standardize": s} for s in (True, False, "robust")],
    "stopping": [{"tol": t, "n_iter_no_change": n} for t, n in ((1e-4, 9), (9.0, 1))],
    "momentum": [{"solver": "sgd", "momentum": m} for m in (0.0, 0.9)],
}


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_nets_of_a_stack_may_differ_in(difference, sizes):
    changes = DIFFERENCES[difference]
    together = check(MLP, changes)
    assert sizes == [len(changes)]
    if difference != "stopping":
        # It does make a difference.
        first, second = (net.predict_proba(X) for net in together[:2])
        assert np.abs(first - second).max() > 1e-6


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu", "gelu"])
@pytest.mark.parametrize("y", [Y, LABELS], ids=["classes", "labels"])
def test_any_activation_and_target(activation, y, sizes):
    base = clone(MLP).set_params(activation=activation)
    check(base, DIFFERENCES["seed"], data=(X, y))
    assert sizes == [3]


@pytest.mark.parametrize(
    "change",
    [
        {"loss": "focal"},
        {"normalization": "batch"},
        {"normalization": "layer", "dropout": 0.3},
        {"hidden_layer_sizes": ()},
        {"dtype": "float32"},
        {"solver": "rmsprop"},
        {"solver": "adamw", "alpha": 0.1},
        {"batch_size": 149},
        {"early_stopping": True},
        {"early_stopping": True, "scoring": "neg_log_loss"},
        {"numerical_embedding": "periodic"},
        {"numerical_embedding": "periodic", "standardize": "robust"},
    ],
    ids=str,
)
def test_any_setting(change, sizes):
    base = clone(MLP).set_params(**change)
    rtol = 1e-4 if base.dtype == "float32" else 1e-8
    changes = [{"random_state": 0}, {"random_state": 1}, {"alpha": 1.0}]
    check(base, changes, rtol=rtol)
    assert sizes == [3]


@pytest.mark.parametrize(
    "change",
    [
        {"normalization": "layer"},
        {"architecture": "residual"},
        {"activation": "tanh"},
        {"dropout": 0.4},
    ],
    ids=str,
)
def test_convolutional_nets(change, sizes):
    base = clone(CNN).set_params(**change)
    changes = [{"random_state": 0}, {"learning_rate_init": 0.01}, {"random_state": 5}]
    check(base, changes, data=(DIGITS, DIGIT))
    assert sizes == [3]


def test_nets_that_are_faster_alone_train_alone(sizes):
    changes = [{"random_state": 0}, {"learning_rate_init": 0.01}]
    check(CNN, changes, data=(DIGITS, DIGIT), rtol=1e-12)
    assert sizes == []


def test_sample_weights_and_folds_of_other_sizes(sizes):
    """Last batches of other lengths are padded."""
    estimators = [MLP, clone(MLP).set_params(random_state=1)]
    rows = [np.arange(len(X)) % 5 != 0, np.arange(len(X)) % 7 != 0]
    rows[1][np.flatnonzero(rows[1])[:7]] = False
    with joblib.parallel_config(backend=StackingBackend()):
        together = joblib.Parallel()(
            joblib.delayed(clone(e).fit)(X[r], Y[r], sample_weight=WEIGHT[r])
            for e, r in zip(estimators, rows, strict=True)
        )
    assert sizes == [2]
    assert sum(rows[0]) % 32 != sum(rows[1]) % 32
    for one, estimator, r in zip(together, estimators, rows, strict=True):
        alone = clone(estimator).fit(X[r], Y[r], sample_weight=WEIGHT[r])
        assert_same_fit(one, alone, X)


def test_nets_that_stop_early_leave_the_others_alone(sizes):
    base = clone(MLP).set_params(
        max_iter=60, early_stopping=True, n_iter_no_change=3, validation_fraction=0.3
    )
    rates = [{"learning_rate_init": r} for r in (1e-5, 1e-3, 0.02, 0.1, 0.3)]
    together = check(base, rates, rtol=1e-6)
    assert sizes == [5]
    assert len({net.n_iter_ for net in together}) > 2


def test_in_several_threads(sizes, monkeypatch):
    monkeypatch.setattr(_threads, "_WORTH_STACKS", 0)
    changes = [{"random_state": s, "alpha": a} for s in range(5) for a in (0.1, 1.0)]
    check(MLP, changes, n_jobs=2)
    assert sum(sizes) == 10
    assert len(sizes) > 1


@pytest.mark.parametrize(("n_bytes", "expected"), [(None, [32, 8]), (0, [8] * 5)])
def test_as_many_as_the_cache_takes_train_together(
    n_bytes, expected, sizes, monkeypatch
):
    if n_bytes is not None:
        monkeypatch.setattr(_stacked, "_STACK_BYTES", n_bytes)
    nets = [clone(MLP).set_params(random_state=i, max_iter=1) for i in range(40)]
    fitted = fit_together(nets, X, Y)
    assert sizes == expected
    assert_same_fit(fitted[-1], nets[-1].fit(X, Y), X)


def test_other_architectures_train_apart(sizes):
    changes = [{"hidden_layer_sizes": s} for s in ((4,), (5,), (4,), (4, 4), (5,))]
    check(MLP, changes)
    assert sorted(sizes) == [2, 2]


@pytest.mark.parametrize(
    "change", [{"solver": "lbfgs"}, {"callbacks": []}, {"warm_start": True}], ids=str
)
def test_fits_that_can_hardly_be_stacked(change):
    check(clone(MLP).set_params(**change), [{"alpha": 0.1}, {"alpha": 1.0}])


def test_recurrent_nets_train_one_by_one(sizes):
    base = DeepRNNClassifier(
        architecture="recurrent",
        input_shape=(8, 8),
        hidden_size=6,
        batch_size=64,
        max_iter=2,
        random_state=0,
    )
    check(base, DIFFERENCES["seed"], data=(DIGITS, DIGIT))
    assert sizes == []


def test_a_net_that_diverges_fails_alone():
    bad = clone(MLP).set_params(solver="sgd", learning_rate_init=1e200)
    good = clone(MLP).set_params(solver="sgd")

    def fit(estimator):
        try:
            return clone(estimator).fit(X, Y)
        except ValueError as error:
            return error

    with joblib.parallel_config(backend=StackingBackend()):
        results = joblib.Parallel()(map(joblib.delayed(fit), [good, bad, good]))
    assert "loss must stay finite" in str(results[1])
    assert_same_fit(results[0], good.fit(X, Y), X)
    assert_array_equal(results[2].predict(X), results[0].predict(X))


def test_trained_nets_share_no_memory():
    base = clone(MLP).set_params(normalization="batch")
    first, second = fit_together([base, clone(base).set_params(alpha=1.0)], X, Y)
    before = second.predict_proba(X)
    tensors = first.module_.state_dict().values()
    n_bytes = 8 * sum(tensor.numel() for tensor in tensors)
    for tensor in tensors:
        assert tensor.untyped_storage().nbytes() <= n_bytes
        tensor.zero_()
    assert_array_equal(second.predict_proba(X), before)


def test_warnings_are_those_of_lone_fits():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(4\)"):
        fit_together([clone(MLP).set_params(learning_rate="constant")] * 2, X, Y)


def test_callbacks_of_scikit_learn_see_each_net():
    from sklearn.callback import ScoringMonitor

    estimators = [clone(MLP).set_params(alpha=a) for a in (0.1, 1.0)]
    monitors = [ScoringMonitor(scoring="accuracy") for _ in estimators]
    with joblib.parallel_config(backend=StackingBackend()):
        joblib.Parallel()(
            joblib.delayed(e.set_callbacks(m).fit)(X, Y)
            for e, m in zip(estimators, monitors, strict=True)
        )
    for estimator, monitor in zip(estimators, monitors, strict=True):
        alone = ScoringMonitor(scoring="accuracy")
        clone(estimator).set_callbacks(alone).fit(X, Y)
        assert len(monitor.get_logs().data) == 5
        assert monitor.get_logs().data == alone.get_logs().data
