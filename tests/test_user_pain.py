"""What users of deep nets in scikit-learn suffered from, one test for each complaint.

The threads named are those in which people reported the symptom about other packages,
which must be impossible here. Where more is to be tested, another file does.
"""

import copy
import json
import os
import pickle
import pickletools
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import AdaBoostClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from skorch.callbacks import Callback
from small_nets import EACH_NET, NETS, X, Y, data, fitted, mlp

import skdeep


def run(code):
    """Run `code` in a fresh Python; what it prints last is JSON."""
    process = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def test_01_input_size_follows_the_data():
    """skorch #584 #670 #731: typed by hand, it breaks behind PCA in a search."""
    search = GridSearchCV(
        make_pipeline(PCA(), mlp(numerical_embedding=None)),
        {"pca__n_components": [2, 5, 9]},
        cv=2,
    )
    search.fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    n_components = search.best_params_["pca__n_components"]
    assert search.best_estimator_[-1].coefs_[0].shape == (n_components, 8)


@pytest.mark.parametrize("x_type", [np.float64, np.float32, np.int32, np.uint8, bool])
@pytest.mark.parametrize("y_type", [np.int32, np.int64, np.uint8, np.float64])
def test_02_any_number_type_is_taken(x_type, y_type):
    """skorch #758 #813, pytorch #15436: expected Double but got Float."""
    net = mlp().fit(X.astype(x_type), Y.astype(y_type))
    assert net.predict(X.astype(x_type)).dtype == y_type
    assert_allclose(net.predict_proba(X.astype(x_type)).sum(1), 1.0)


def test_03_data_frames_are_tables():
    """skorch #494 #853 #885 #1043: forward() got an unexpected keyword argument 'a'."""
    frame = pd.DataFrame(X, columns=list("abcdefghijklm"))
    net = mlp().fit(frame, pd.Series(Y))
    assert list(net.feature_names_in_) == list("abcdefghijklm")
    assert_array_equal(net.predict_proba(frame), mlp().fit(X, Y).predict_proba(X))


@pytest.mark.parametrize(
    "labels", [[1, 2, 5], ["no", "maybe", "yes"], [-1.0, 0.0, 1.0]], ids=str
)
def test_04_labels_of_any_kind_come_back(labels):
    """auto-sklearn #46, Deep-Forest #13: Target 2 is out of bounds."""
    labels = np.array(labels)
    net = mlp(max_iter=15).fit(X, labels[Y])
    assert net.score(X, labels[Y]) > 0.95
    assert set(net.predict(X)) == set(labels)


@EACH_NET
def test_05_sample_weight_is_taken(kind):
    """skorch #203 #601 #630 #801: a TypeError, so no AdaBoost either."""
    X, y = data(kind)
    weight = (y != 2).astype(float)
    net = clone(NETS[kind]).fit(X, y, sample_weight=weight)
    plain = fitted(kind).predict_proba(X)
    assert net.predict_proba(X)[:, 2].mean() < 0.6 * plain[:, 2].mean()
    boosted = AdaBoostClassifier(clone(NETS[kind]), n_estimators=2, random_state=0)
    assert boosted.fit(X, y).score(X, y) > 0.6


@EACH_NET
def test_06_class_weight_counts(kind):
    """scikit-learn #9113 #11723 #25326, DeepTab #385: none, or on another device."""
    X, y = data(kind)
    by_class = fitted(kind, class_weight={0: 1.0, 1: 4.0, 2: 1.0})
    by_row = clone(NETS[kind]).fit(X, y, sample_weight=np.where(y == 1, 4.0, 1.0))
    assert_array_equal(by_class.predict_proba(X), by_row.predict_proba(X))
    plain = fitted(kind).predict_proba(X)
    assert by_class.predict_proba(X)[:, 1].mean() > plain[:, 1].mean()


@EACH_NET
def test_07_what_goes_to_workers_is_small(kind):
    """skorch #714, scikit-learn #15048: memory blows up with n_jobs > 1."""
    X, y = data(kind)
    large, many = np.tile(X, (20, 1)), np.tile(y, 20)
    assert len(pickle.dumps(NETS[kind])) < 2500
    net = clone(NETS[kind]).set_params(max_iter=1).fit(large, many)
    raw = sum(w.nbytes for w in net.to_module().state_dict().values())
    assert len(pickle.dumps(net)) < raw + 8000 < large.nbytes


def test_08_no_gpu_call_before_fit():
    """keras #7553, skorch #95 #241, pytorch #40403: CUDA in a forked process."""
    calls = run(
        """
import json, pickle, torch
calls = []
for name in ("is_available", "device_count", "current_device", "init", "_lazy_init"):
    def tell(*args, name=name):
        calls.append(name)
        return 0
    setattr(torch.cuda, name, tell)
import skdeep
from sklearn.base import clone
for kind in ("MLP", "CNN", "RNN"):
    net = getattr(skdeep, f"Deep{kind}Classifier")(device="cuda", random_state=0)
    repr(pickle.loads(pickle.dumps(clone(net).set_params(max_iter=2))))
import numpy as np
net = skdeep.DeepMLPClassifier(device="cpu", learning_rate="cosine", max_iter=1)
net.fit(np.eye(4), [0, 1, 0, 1]).predict(np.eye(4))
print(json.dumps(calls))
"""
    )
    assert calls == []


def test_08_workers_that_share_a_gpu_are_warned():
    """keras #7553, skorch #95: all workers on GPU 0."""
    warned = run(
        """
import json
import joblib

def fit():
    import contextlib, warnings, numpy as np, torch
    from skdeep import DeepMLPClassifier
    torch.cuda.is_available, torch.cuda.device_count = lambda: True, lambda: 1
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        # There is no GPU to go on with.
        with contextlib.suppress(Exception):
            DeepMLPClassifier(device="cuda").fit(np.eye(4), [0, 1, 0, 1])
    return [str(warning.message) for warning in record]

print(json.dumps(joblib.Parallel(n_jobs=2)(joblib.delayed(fit)() for _ in range(2))))
"""
    )
    assert all(any("n_jobs" in message for message in of_one) for of_one in warned)


def test_09_threads_are_not_oversubscribed():
    """joblib #834 #1420, scikit-learn #34070: torch's threads fight for the cores."""
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(torch.get_num_threads())

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        net = mlp(hidden_layer_sizes=(200,), callbacks=[Watch()]).fit(X, Y)
        net.predict_proba(np.tile(X, (50, 1)))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {1}


def test_11_arrays_go_through_no_loader(monkeypatch):
    """skorch #1100 #433, pytorch-forecasting #1846: rows collected one by one."""

    def forbidden(*args, **kwargs):
        raise AssertionError("a loader was made")

    for cls in (torch.utils.data.DataLoader, torch.utils.data.Dataset):
        monkeypatch.setattr(cls, "__init__", forbidden)
    monkeypatch.setattr("skorch.dataset.Dataset.__init__", forbidden)
    monkeypatch.setattr("skorch.dataset.Dataset.__getitem__", forbidden)
    for kind in NETS:
        fitted(kind, early_stopping=True).predict(data(kind)[0])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_12_fit_writes_no_file(n_jobs, tmp_path, monkeypatch):
    """skorch #819 #848, aeon #3470 #3595 #3600 #3603: checkpoints collide."""
    monkeypatch.chdir(tmp_path)
    search = GridSearchCV(
        mlp(early_stopping=True, max_iter=8), {"alpha": [0.1, 1]}, cv=2, n_jobs=n_jobs
    )
    search.fit(X, Y)
    assert not list(tmp_path.rglob("*"))


@EACH_NET
@pytest.mark.parametrize("normalization", [None, "batch"])
def test_13_early_stopping_keeps_the_best_epoch(kind, normalization):
    """skorch #449 #808, tabnet #317: it stops early and keeps the last weights."""
    scores = [0.1, 0.5, 0.9, 0.2, 0.7, 0.4]
    answers, remaining = [], list(scores)

    def score(estimator, X, y):
        answers.append((X, estimator.predict_proba(X)))
        return remaining.pop(0)

    net = fitted(
        kind,
        early_stopping=True,
        scoring=score,
        max_iter=len(scores),
        normalization=normalization,
    )
    assert net.validation_scores_ == scores
    assert net.best_validation_score_ == 0.9
    held_out, best = answers[2]
    assert_array_equal(net.predict_proba(held_out), best)
    assert (answers[-1][1] != best).any()


def test_14_no_hidden_second_split():
    """skorch #544 #599 #709 #978, scikeras #131 #289: rows vanish, or folds leak."""
    net = mlp().fit(X, Y)
    assert net.t_ == len(X) * net.n_iter_
    assert net.validation_scores_ is None

    seen = []

    def score(estimator, X, y):
        seen.append((X, y))
        return 0.0

    net = mlp(early_stopping=True, validation_fraction=0.2, scoring=score).fit(X, Y)
    held_out, y = seen[0]
    assert net.t_ == (len(X) - len(held_out)) * net.n_iter_
    assert_allclose(np.bincount(y) / len(y), np.bincount(Y) / len(Y), atol=0.02)


def test_15_what_stops_can_be_chosen_and_seen():
    """scikit-learn #24411 #18507: only accuracy, and no validation loss."""
    net = mlp(early_stopping=True, scoring="neg_log_loss", max_iter=6).fit(X, Y)
    assert len(net.validation_loss_curve_) == len(net.validation_scores_) == net.n_iter_
    assert_allclose(net.validation_scores_, -np.array(net.validation_loss_curve_))
    by_accuracy = mlp(early_stopping=True, max_iter=6).fit(X, Y)
    assert by_accuracy.validation_loss_curve_ == net.validation_loss_curve_
    assert set(by_accuracy.validation_scores_) <= {i / 18 for i in range(19)}


def test_16_ctrl_c_gets_through_a_search():
    """scikit-learn #17069: the half-trained net is scored as if nothing was."""

    class CtrlC(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    for fit in (
        GridSearchCV(mlp(callbacks=[CtrlC()]), {"alpha": [1]}, error_score=0.0).fit,
        lambda X, y: mlp(callbacks=[CtrlC()]).partial_fit(X, y, classes=[0, 1, 2]),
    ):
        with pytest.raises(KeyboardInterrupt):
            fit(X, Y)


@EACH_NET
def test_17_a_pickle_names_no_device(kind):
    """skorch #70 #426 #1096: a GPU's pickle fails on a machine without one."""
    net = fitted(kind).set_params(device="cuda")
    weights = net.__getstate__()["module_"]["weights"]
    assert all(type(weight) is np.ndarray for weight in weights.values())
    loaded = pickle.loads(pickle.dumps(net))
    assert loaded.module_.device.type == "cpu"
    assert_array_equal(
        loaded.predict_proba(data(kind)[0]), net.predict_proba(data(kind)[0])
    )


@EACH_NET
def test_18_loading_never_calls_torch_load(kind, monkeypatch):
    """skorch #1090 #1091: a flip of weights_only broke loading."""

    def forbidden(*args, **kwargs):
        raise AssertionError("torch.load was called")

    stored = pickle.dumps(fitted(kind))
    monkeypatch.setattr(torch, "load", forbidden)
    assert hasattr(pickle.loads(stored), "module_")
    modules = {
        str(argument).split(".")[0] for _, argument, _ in pickletools.genops(stored)
    }
    assert "torch" not in modules


def test_19_a_model_of_another_version_warns_and_names_both(monkeypatch):
    """scikit-learn #25297."""
    monkeypatch.setattr("skdeep._pickling.__version__", "99.1")
    stored = pickle.dumps(mlp().fit(X, Y))
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=rf"99\.1 .*{skdeep.__version__}"):
        pickle.loads(stored)


@EACH_NET
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_20_a_stored_model_is_its_weights(kind, method, tmp_path):
    """pytabkit #33 #19, DeepTab #424: data and optimizer in the file."""
    net = clone(NETS[kind]).set_params(max_iter=2)
    net.set_params(**{"n_filters" if kind == "cnn" else "hidden_layer_sizes": (500,)})
    options = {} if method == "fit" else {"classes": [0, 1, 2]}
    getattr(net, method)(*data(kind), **options)
    joblib.dump(net, tmp_path / "net.joblib")
    raw = sum(w.nbytes for w in net.to_module().state_dict().values())
    assert (tmp_path / "net.joblib").stat().st_size < 1.2 * raw + 8000


@EACH_NET
def test_21_a_compiled_module_is_no_obstacle(kind):
    """pytorch #101107, skorch #1058: a compiled module can't be pickled."""
    net = fitted(kind)
    expected = net.predict_proba(data(kind)[0])
    net.module_.compile(backend="eager")
    for copied in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert_array_equal(copied.predict_proba(data(kind)[0]), expected)


@EACH_NET
def test_22_tags_are_scikit_learns(kind):
    """skorch #1079, scikeras #332 #337, pytabkit #7: scikit-learn 1.6 broke all."""
    order = [cls.__name__ for cls in type(NETS[kind]).__mro__]
    assert order.index("ClassifierMixin") < order.index("BaseEstimator")
    tags = get_tags(NETS[kind])
    assert tags.estimator_type == "classifier"
    assert tags.classifier_tags.multi_class
    assert tags.target_tags.required
    assert tags.input_tags.sparse == (kind == "mlp")


@EACH_NET
def test_23_unfitted_is_unfitted(kind):
    """skorch #1118: an unfitted net looks fitted."""
    net = clone(NETS[kind])

    def attributes():
        return [name for name in vars(net) if name.endswith("_") and name[:2] != "__"]

    assert attributes() == []
    with pytest.raises(NotFittedError):
        net.predict(data(kind)[0])
    with pytest.raises(ValueError, match="infinity"):
        net.fit(np.full((4, 64), np.inf), [0, 1, 0, 1])
    assert "module_" not in attributes()
    with pytest.raises(NotFittedError):
        net.predict(data(kind)[0])
