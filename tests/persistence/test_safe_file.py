"""A loaded model is the one that was saved."""

import json
import os
import subprocess
import sys
import zipfile

import joblib
import numpy as np
import pytest
import sklearn
from inspection.explained import case_of, each_case
from numpy.testing import assert_array_equal
from persistence.corruptions import nothing_happens
from persistence.models import PIPELINES, pipeline
from sklearn.base import clone
from small_nets import DIGIT, DIGITS, EACH_NET, NETS, X, Y, fitted, mlp

from skdeep import DeepMLPClassifier
from skdeep._module_state import pack
from skdeep.persistence import load, save


def saved(model, tmp_path, **options):
    """The model as it comes back."""
    save(model, tmp_path / "model.skdeep", **options)
    with nothing_happens():
        return load(tmp_path / "model.skdeep")


def assert_same(value, other):
    assert type(value) is type(other)
    if isinstance(value, np.ndarray):
        assert value.dtype == other.dtype
        assert_array_equal(value, other)
    elif isinstance(value, dict):
        assert list(value) == list(other)
        for key in value:
            assert_same(value[key], other[key])
    elif isinstance(value, (list, tuple)):
        assert len(value) == len(other)
        for pair in zip(value, other, strict=True):
            assert_same(*pair)
    else:
        assert value == other


def assert_same_state(loaded, model):
    assert_same(loaded.__getstate__(), model.__getstate__())


@each_case
def test_net_comes_back_bit_by_bit(case, tmp_path):
    net, rows, others = case_of(case)
    loaded = saved(net, tmp_path, onnx=False)
    assert type(loaded) is type(net)
    assert_same_state(loaded, net)
    for some in (rows, others):
        assert_array_equal(loaded.predict_proba(some), net.predict_proba(some))
        assert_array_equal(loaded.predict(some), net.predict(some))
    assert loaded.get_params() == net.get_params()
    assert not loaded.module_.training
    clone(loaded)


@pytest.mark.parametrize("name", PIPELINES)
def test_pipeline_comes_back_bit_by_bit(name, tmp_path):
    model, rows = pipeline(name)
    loaded = saved(model, tmp_path, onnx=False)
    assert list(loaded.named_steps) == list(model.named_steps)
    assert_array_equal(loaded.predict_proba(rows), model.predict_proba(rows))
    clone(loaded)


PARAMETERS = {
    "random_state": np.random.RandomState(5),
    "class_weight": {0: 1, 1: np.float64(2.5), 2: 0.5},
    "hidden_layer_sizes": np.array([6, 5]),
    "n_iter_no_change": np.inf,
    "learning_rate_init": np.float32(0.02),
    "categorical_features": [True] + [False] * 12,
    "early_stopping": True,
    "scoring": "balanced_accuracy",
    "n_members": 2,
    "shared_weights": True,
    "normalization": "layer",
    "max_iter": 2,
}


def test_parameters_of_every_plain_kind(tmp_path):
    net = mlp(**PARAMETERS).fit(np.round(X), Y)
    loaded = saved(net, tmp_path, onnx=False)
    state, before = loaded.__getstate__(), net.__getstate__()
    streams = [s.pop("random_state").get_state() for s in (state, before)]
    assert_same(*streams)
    assert_same(state, before)
    assert_array_equal(loaded.validation_scores_, net.validation_scores_)


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b", "longer"],
        [-1, 5, 2**40],
        [1.0, 2.0, 5.0],
        [np.int8(1), np.int8(2), np.int8(3)],
    ],
)
def test_labels_of_every_kind(labels, tmp_path):
    y = np.array(labels)[Y]
    net = mlp(max_iter=1).fit(X, y)
    loaded = saved(net, tmp_path, onnx=False)
    assert_same(loaded.classes_, net.classes_)
    assert loaded.predict(X).dtype == y.dtype
    assert loaded.output_names == net.output_names


def test_boolean_labels_and_objects(tmp_path):
    for y in (Y == 0, np.array(["a", "b", "c"], dtype=object)[Y]):
        net = mlp(max_iter=1).fit(X, y)
        assert_same(saved(net, tmp_path, onnx=False).classes_, net.classes_)


@EACH_NET
def test_partial_fit_goes_on_as_after_unpickling(kind, tmp_path):
    features, y = (X, Y) if kind == "mlp" else (DIGITS, DIGIT)
    net = clone(NETS[kind]).partial_fit(features, y, classes=np.unique(y))
    joblib.dump(net, tmp_path / "net.joblib")
    unpickled = joblib.load(tmp_path / "net.joblib")
    loaded = saved(net, tmp_path, onnx=False)
    for model in (unpickled, loaded):
        model.partial_fit(features, y)
    assert_same_state(loaded, unpickled)
    assert loaded.t_ == 2 * len(y)


def test_warm_start_goes_on(tmp_path):
    net = fitted("mlp", warm_start=True)
    loaded = saved(net, tmp_path, onnx=False)
    assert_same_state(loaded.fit(X, Y), net.fit(X, Y))
    assert len(loaded.loss_curve_) > loaded.max_iter


def test_requests_for_metadata_come_back(tmp_path):
    net = fitted("mlp")
    with sklearn.config_context(enable_metadata_routing=True):
        net.set_fit_request(sample_weight="w").set_score_request(sample_weight=True)
    loaded = saved(net, tmp_path, onnx=False)
    asked = loaded.get_metadata_routing()
    assert asked.fit.requests == {"sample_weight": "w"}
    assert asked.score.requests == {"sample_weight": True}
    assert not hasattr(saved(fitted("mlp"), tmp_path), "_metadata_request")


def test_transformer_keeps_what_it_returns(tmp_path):
    model, texts = pipeline("texts")
    model = clone(model).set_output(transform="default").fit(texts, [0, 1] * 25)
    loaded = saved(model, tmp_path, onnx=False)
    assert_same_state(loaded[0], model[0])


def test_callbacks_of_scikit_learn_do_not_matter(tmp_path):
    net = mlp(max_iter=1)
    net.set_callbacks(sklearn.callback.ProgressBar(max_propagation_depth=0))
    net.fit(X, Y)
    assert saved(net, tmp_path, onnx=False).predict(X).shape == Y.shape


def test_other_version_gives_a_warning_that_names_both(tmp_path, monkeypatch):
    monkeypatch.setattr("skdeep._pickling.__version__", "0.0.7")
    save(fitted("mlp"), tmp_path / "model", onnx=False)
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=r"saved by skdeep 0\.0\.7 and is loaded by"):
        load(tmp_path / "model")


def test_nothing_is_left_in_the_model(tmp_path):
    net = fitted("mlp")
    before = pack(net.module_)
    keys = list(vars(net))
    save(net, tmp_path / "model")
    assert_same(pack(net.module_), before)
    assert list(vars(net)) == keys


def test_config_tells_people_what_it_is(tmp_path):
    save(pipeline("columns")[0], tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model") as file:
        config = json.loads(file.read("config.json"))
        assert file.namelist()[1:] == [
            "weights.safetensors",
            "model.onnx",
            "steps/00.skops",
        ]
    assert config["model"] == "Pipeline"
    assert config["versions"]["scikit-learn"] == sklearn.__version__
    assert config["versions"].keys() == {"python", "numpy", "scikit-learn", "torch"}
    net = config["estimator"]["steps"][-1][1]
    assert net["class"] == "DeepMLPClassifier"
    assert net["state"]["hidden_layer_sizes"] == {"$tuple": [8]}


FRESH = """
import sys
import numpy as np
from skdeep.persistence import load
model = load(sys.argv[1])
np.save(sys.argv[3], model.predict_proba(np.load(sys.argv[2])))
heavy = {"skorch", "onnx", "onnxruntime", "skops", "matplotlib"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""


def test_fresh_process_imports_little_and_answers_alike(tmp_path):
    net = fitted("mlp")
    save(net, tmp_path / "model")
    np.save(tmp_path / "X.npy", X)
    files = [tmp_path / name for name in ("model", "X.npy", "answer.npy")]
    subprocess.run(
        [sys.executable, "-W", "error", "-c", FRESH, *files],
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=120,
    )
    assert_array_equal(np.load(files[2]), net.predict_proba(X))


def test_unfitted_net_is_refused(tmp_path):
    with pytest.raises(sklearn.exceptions.NotFittedError):
        save(DeepMLPClassifier(), tmp_path / "model")
    assert not list(tmp_path.iterdir())
