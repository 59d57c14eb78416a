"""Saved, loaded elsewhere, shared by threads and forked: the same answers."""

import copy
import io
import json
import os
import pickle
import pickletools
import subprocess
import sys
import threading
from functools import cache

import cloudpickle
import joblib
import numpy as np
import pytest
import skops.io
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdeep
from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier

SCHEDULE = {
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.02,
    "max_iter": 2,
    "random_state": 0,
}
NETS = {
    "mlp": DeepMLPClassifier((32, 16), normalization="batch", **SCHEDULE),
    "cnn": DeepCNNClassifier(input_shape=(1, 8, 8), n_filters=(8, 8), **SCHEDULE),
    "rnn": DeepRNNClassifier(
        architecture="recurrent", input_shape=(8, 8), hidden_size=16, **SCHEDULE
    ),
}
EACH_NET = pytest.mark.parametrize("kind", NETS)
X, DIGIT = load_digits(return_X_y=True)
Y = np.array([f"digit {i}" for i in range(10)])[DIGIT]


@cache
def fitted(kind):
    return clone(NETS[kind]).fit(X[:1000], Y[:1000])


def by_joblib(model):
    stream = io.BytesIO()
    joblib.dump(model, stream)
    stream.seek(0)
    return joblib.load(stream)


def by_skops(model):
    data = skops.io.dumps(model)
    return skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))


WAYS = {
    **{
        f"pickle {protocol}": lambda model, protocol=protocol: pickle.loads(
            pickle.dumps(model, protocol)
        )
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
    "joblib": by_joblib,
    "cloudpickle": lambda model: cloudpickle.loads(cloudpickle.dumps(model)),
    "deepcopy": copy.deepcopy,
    "skops": by_skops,
}


def run(code, *arguments, timeout=120):
    """Run `code` in a fresh Python; what it prints last is JSON."""
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def weight_bytes(model):
    return sum(w.nbytes for w in model.to_module().state_dict().values())


@EACH_NET
@pytest.mark.parametrize("way", WAYS)
def test_copy_answers_bit_by_bit_alike(way, kind):
    model = fitted(kind)
    loaded = WAYS[way](model)
    assert loaded.get_params() == model.get_params()
    assert_array_equal(loaded.predict(X), model.predict(X))
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert_array_equal(loaded.decision_function(X), model.decision_function(X))
    assert loaded.loss_curve_ == model.loss_curve_
    assert loaded.n_iter_ == model.n_iter_
    assert loaded.output_names == model.output_names
    # Nothing is shared.
    before = model.predict_proba(X[:9])
    for parameter in loaded.module_.parameters():
        parameter.data.zero_()
    assert_array_equal(model.predict_proba(X[:9]), before)


@pytest.mark.parametrize("way", WAYS)
def test_unfitted_copy_can_be_fitted(way):
    loaded = WAYS[way](NETS["mlp"])
    assert not hasattr(loaded, "classes_")
    loaded.fit(X[:1000], Y[:1000])
    assert_array_equal(loaded.predict_proba(X), fitted("mlp").predict_proba(X))


@EACH_NET
def test_skops_needs_no_more_than_the_estimator_trusted(kind):
    net = fitted(kind)
    untrusted = skops.io.get_untrusted_types(data=skops.io.dumps(net))
    assert untrusted == [f"{type(net).__module__}.{type(net).__name__}"]


FRESH = """
import json, sys
import joblib
import numpy as np
import torch
torch.set_num_threads(int(sys.argv[4]))
model = joblib.load(sys.argv[1])
np.save(sys.argv[3], model.predict_proba(np.load(sys.argv[2])))
print(json.dumps({
    "threads": torch.get_num_threads(),
    "cuda": torch.cuda.is_initialized(),
    "modules": sorted({name.split(".")[0] for name in sys.modules}),
}))
"""


@EACH_NET
@pytest.mark.parametrize("threads", [1, 3])
def test_fresh_process_gives_the_same_probabilities(kind, threads, tmp_path):
    model = fitted(kind)
    joblib.dump(model, tmp_path / "model.joblib")
    np.save(tmp_path / "X.npy", X)
    files = [tmp_path / name for name in ("model.joblib", "X.npy", "answer.npy")]
    seen = run(FRESH, *files, threads)
    assert seen["threads"] == threads
    assert not seen["cuda"]
    unwanted = {"skorch", "imblearn", "shap", "lime", "captum", "matplotlib"}
    assert not unwanted & set(seen["modules"])
    answer = np.load(tmp_path / "answer.npy")
    # Other threads add up in another order at most.
    assert_allclose(answer, model.predict_proba(X), rtol=1e-10, atol=1e-14)
    if threads == torch.get_num_threads():
        assert_array_equal(answer, model.predict_proba(X))


SERVICE = """
import json, sys
import joblib
model = joblib.load(sys.argv[1])
rows = json.loads(sys.argv[2])
print(json.dumps({
    "label": model.predict(rows).tolist(),
    "probability": model.predict_proba(rows).tolist(),
    "classes": model.classes_.tolist(),
}))
"""


@EACH_NET
def test_service_that_loads_a_pipeline(kind, tmp_path):
    pipeline = make_pipeline(StandardScaler(), clone(NETS[kind])).fit(X, Y)
    joblib.dump(pipeline, tmp_path / "pipeline.joblib", compress=3)
    rows = X[:3].tolist()
    answer = run(SERVICE, tmp_path / "pipeline.joblib", json.dumps(rows))
    assert answer["classes"] == sorted(set(Y))
    assert answer["label"] == pipeline.predict(X[:3]).tolist()
    assert_allclose(answer["probability"], pipeline.predict_proba(X[:3]), rtol=1e-12)


def after_fit(net):
    return net.fit(X, Y)


def after_partial_fit(net):
    for rows in np.array_split(np.arange(len(X)), 5):
        net.partial_fit(X[rows], Y[rows], classes=np.unique(Y))
    return net


def after_warm_start(net):
    net.set_params(warm_start=True)
    return net.fit(X, Y).fit(X, Y)


def after_early_stopping(net):
    return net.set_params(early_stopping=True).fit(X, Y)


def in_a_pipeline(net):
    return make_pipeline(StandardScaler(), net).fit(X, Y)


def best_of_a_search(net):
    grid = {"learning_rate_init": [0.01, 0.02]}
    return GridSearchCV(net, grid, cv=2).fit(X, Y).best_estimator_


@EACH_NET
@pytest.mark.parametrize(
    ("origin", "size"),
    [
        (after_fit, "large"),
        (after_partial_fit, "large"),
        (after_fit, "small"),
        (after_partial_fit, "small"),
        (after_warm_start, "small"),
        (after_early_stopping, "small"),
        (in_a_pipeline, "small"),
        (best_of_a_search, "small"),
    ],
)
def test_file_is_hardly_larger_than_the_weights(origin, size, kind, tmp_path):
    net = clone(NETS[kind]).set_params(max_iter=1)
    if size == "large":
        large = {"mlp": {"hidden_layer_sizes": (300, 300)}, "rnn": {"hidden_size": 150}}
        net.set_params(**large.get(kind, {"n_filters": (60, 120)}), batch_size=1000)
    model = origin(net)
    joblib.dump(model, tmp_path / "model.joblib")
    final = model[-1] if hasattr(model, "steps") else model
    raw = weight_bytes(final)
    assert size == "small" or raw > 200_000
    assert (tmp_path / "model.joblib").stat().st_size < 1.2 * raw + 50_000
    assert len(pickle.dumps(model)) < 1.2 * raw + 50_000


def test_file_does_not_grow_with_the_data():
    # Values that are few make fewer bins.
    net = clone(NETS["mlp"]).set_params(max_iter=1, numerical_embedding=None)
    net.set_params(dtype="float32")
    few, many = (len(pickle.dumps(clone(net).fit(X[:n], Y[:n]))) for n in (300, len(X)))
    assert abs(many - few) < 200


@EACH_NET
def test_state_holds_arrays_and_nothing_of_torch(kind):
    data = pickle.dumps(fitted(kind))
    words = {str(argument) for _, argument, _ in pickletools.genops(data) if argument}
    assert any(word.startswith("numpy") for word in words)
    # Names of our own layers may hold the word; modules to import may not.
    assert not [word for word in words if word.split(".")[0] in ("torch", "skorch")]


def test_model_that_asks_for_a_gpu_loads_without_one():
    """As one does that was fitted on another machine."""
    model = copy.deepcopy(fitted("cnn")).set_params(device="cuda:7")
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.module_.device == torch.device("cpu")
    assert_array_equal(loaded.predict_proba(X), fitted("cnn").predict_proba(X))
    with pytest.raises(ValueError, match="`device` must be available on this machine"):
        loaded.fit(X, Y)
    assert_array_equal(loaded.predict_proba(X), fitted("cnn").predict_proba(X))


@EACH_NET
def test_eight_threads_predict_at_once_on_one_model(kind):
    model = fitted(kind)
    parts = np.array_split(np.arange(len(X)), 8)
    expected = [model.predict_proba(X[rows]) for rows in parts]
    threads_before = torch.get_num_threads()
    together = threading.Barrier(8)
    wrong = []

    def predict(rows, right):
        together.wait()
        for _ in range(10):
            if not np.array_equal(model.predict_proba(X[rows]), right):
                wrong.append(rows)

    threads = [
        threading.Thread(target=predict, args=pair)
        for pair in zip(parts, expected, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong
    assert torch.get_num_threads() == threads_before


FORK = """
import json, os, signal, sys, warnings
import numpy as np
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier

# From 3.12 on, Python warns of every fork of a process that has threads.
warnings.filterwarnings("ignore", "This process.*is multi-threaded", DeprecationWarning)
torch.set_num_threads(4)
X, y = load_digits(return_X_y=True)
schedule = {"learning_rate": "one_cycle", "max_iter": 2, "random_state": 0}
net = {
    "mlp": DeepMLPClassifier((600, 600), batch_size=600, **schedule),
    "cnn": DeepCNNClassifier(input_shape=(1, 8, 8), n_filters=(16, 16), **schedule),
    "rnn": DeepRNNClassifier(architecture="recurrent", input_shape=(8, 8), **schedule),
}[sys.argv[1]]
net.fit(X, y)
# Large enough for all threads of the pool, which the child inherits as a ruin.
torch.mm(torch.ones(1500, 1500), torch.ones(1500, 1500))
expected = net.predict_proba(X)

child = os.fork()
if child == 0:
    # A child that waits for threads that are gone would wait for ever.
    signal.alarm(40)
    again = clone(net).fit(X, y)
    right = np.allclose(net.predict_proba(X), expected, rtol=1e-8, atol=1e-10)
    fitted = np.allclose(again.predict_proba(X), expected, rtol=1e-2, atol=1e-3)
    os._exit(0 if right and fitted else 3)
_, status = os.waitpid(child, 0)
print(json.dumps({
    "exit": os.waitstatus_to_exitcode(status),
    "threads": torch.get_num_threads(),
}))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@EACH_NET
def test_forked_child_fits_and_predicts_after_its_parent(kind):
    assert run(FORK, kind) == {"exit": 0, "threads": 4}


@EACH_NET
@pytest.mark.parametrize("mode", ["r", "c"])
def test_memory_mapped_model(kind, mode, tmp_path):
    joblib.dump(fitted(kind), tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib", mmap_mode=mode)
    assert_array_equal(loaded.predict_proba(X), fitted(kind).predict_proba(X))
    written = (tmp_path / "model.joblib").read_bytes()
    loaded.set_params(warm_start=True).fit(X, Y)
    assert (loaded.predict_proba(X) != fitted(kind).predict_proba(X)).any()
    assert (tmp_path / "model.joblib").read_bytes() == written


@EACH_NET
def test_another_version_gives_a_warning_that_names_both(kind, monkeypatch):
    monkeypatch.setattr("skdeep._pickling.__version__", "0.0.7")
    data = pickle.dumps(fitted(kind))
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=r"0\.0\.7") as record:
        loaded = pickle.loads(data)
    assert skdeep.__version__ in str(record[0].message)
    assert type(loaded).__name__ in str(record[0].message)
    assert_array_equal(loaded.predict(X), fitted(kind).predict(X))


@EACH_NET
def test_training_goes_on_after_loading(kind):
    """Warm starts and first partial fits begin a solver of their own anyway."""
    model = copy.deepcopy(fitted(kind)).set_params(warm_start=True)
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.fit(X, Y).t_ == model.t_ + 2 * len(X)
    assert_array_equal(loaded.predict_proba(X), model.fit(X, Y).predict_proba(X))

    score = fitted(kind).score(X, Y)
    loaded = pickle.loads(pickle.dumps(fitted(kind))).set_params(
        learning_rate="constant", learning_rate_init=0.005
    )
    for _ in range(3):
        loaded.partial_fit(X, Y)
    assert loaded.t_ == fitted(kind).t_ + 3 * len(X)
    assert loaded.loss_curve_[-1] < fitted(kind).loss_
    assert loaded.score(X, Y) > score
    with pytest.raises(ValueError, match="classes"):
        loaded.partial_fit(X, Y, classes=["other", "labels"])


def test_clone_of_a_loaded_model_is_unfitted():
    loaded = pickle.loads(pickle.dumps(fitted("mlp")))
    assert not hasattr(clone(loaded), "classes_")
    assert_array_equal(
        clone(loaded).fit(X[:1000], Y[:1000]).predict_proba(X),
        fitted("mlp").predict_proba(X),
    )
