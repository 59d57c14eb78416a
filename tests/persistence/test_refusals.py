"""What can't be saved safely, and what isn't loaded."""

import io
import pickle
import zipfile

import joblib
import numpy as np
import pytest
import safetensors.numpy
import skops.io
import skorch.callbacks
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline as SamplingPipeline
from inspection.explained import case_of
from persistence.corruptions import (
    WEIGHTS,
    corrupt,
    get,
    nothing_happens,
    put,
    rewrite,
)
from persistence.models import pipeline
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from small_nets import X, Y, fitted, mlp

from skdeep import DeepMLPClassifier
from skdeep import _archive as archive
from skdeep.persistence import ArchiveError, load, save


class Doubler(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return 2 * X


class Derived(DeepMLPClassifier):
    pass


def refused_at_save(model, tmp_path, kind, message):
    path = tmp_path / "model"
    path.write_text("old")
    with pytest.raises(kind, match=message):
        save(model, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("callbacks", [skorch.callbacks.Callback()]),
        ("scoring", make_scorer(accuracy_score)),
        ("class_weight", {0: 1.0, 1: 2.0, 2: np.longdouble(3.0)}),
    ],
)
def test_parameter_that_is_no_plain_data(parameter, value, tmp_path):
    net = mlp(max_iter=1, **{parameter: value}).fit(X, Y)
    message = f"`{parameter}` of DeepMLPClassifier must be plain data .* set_params"
    refused_at_save(net, tmp_path, TypeError, message)
    net.set_params(**{parameter: None})
    save(net, tmp_path / "model")


def test_attribute_of_the_users(tmp_path):
    net = fitted("mlp")
    net.note_ = "mine"
    refused_at_save(net, tmp_path, TypeError, "Got `note_`: delete it")


def wrapped(model):
    return model.fit(X, Y)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: GridSearchCV(mlp(max_iter=1), {"alpha": [0.1]}, cv=2),
            "Got GridSearchCV; save its `best_estimator_`",
        ),
        (
            lambda: CalibratedClassifierCV(mlp(max_iter=1), cv=2),
            "Got CalibratedClassifierCV; save the net that it wraps",
        ),
        (lambda: LogisticRegression(max_iter=10_000), "Got LogisticRegression"),
        (
            lambda: make_pipeline(StandardScaler(), LogisticRegression()),
            "Pipeline that ends in one of them. Got LogisticRegression",
        ),
        (lambda: Derived((4,), max_iter=5, learning_rate="cosine"), "Got Derived"),
    ],
)
def test_models_of_other_kinds(make, message, tmp_path):
    refused_at_save(make().fit(X, Y), tmp_path, TypeError, message)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (Doubler(), r"The step 'step', Doubler, .* Got .*\.Doubler; leave"),
        (FunctionTransformer(lambda X: X), "'step', FunctionTransformer"),
        (SelectKBest(k=3), r"'step', SelectKBest, .* Got .*f_classif; leave"),
        (make_pipeline(StandardScaler(), Doubler()), "The step 'step/doubler'"),
    ],
)
def test_step_that_is_not_trusted_is_named(step, message, tmp_path):
    model = Pipeline([("step", step), ("net", mlp(max_iter=1))]).fit(X, Y)
    refused_at_save(model, tmp_path, TypeError, message)


def test_sampler_is_refused_and_the_advice_works(tmp_path):
    model = SamplingPipeline(
        [
            ("scale", StandardScaler()),
            ("sample", RandomOverSampler(random_state=0)),
            ("net", mlp(max_iter=1)),
        ]
    ).fit(X, Y)
    refused_at_save(model, tmp_path, TypeError, "samplers have no part in predictions")
    model.steps = [s for s in model.steps if not hasattr(s[1], "fit_resample")]
    save(model, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert type(loaded) is SamplingPipeline
    assert (loaded.predict_proba(X) == model.predict_proba(X)).all()


def test_memory_of_a_pipeline_must_be_a_name(tmp_path):
    memory = joblib.Memory(tmp_path / "cache", verbose=0)
    model = make_pipeline(StandardScaler(), mlp(max_iter=1), memory=memory)
    (tmp_path / "file").mkdir()
    with pytest.raises(TypeError, match="`memory` of a Pipeline must be plain data"):
        save(model.fit(X, Y), tmp_path / "file" / "model")
    model.set_params(memory=str(tmp_path / "cache"))
    save(model, tmp_path / "model")
    assert load(tmp_path / "model").memory == model.memory


def test_onnx_must_be_auto_or_a_boolean(tmp_path):
    with pytest.raises(ValueError, match="`onnx` must be 'auto' or True or False"):
        save(fitted("mlp"), tmp_path / "model", onnx="yes")


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    save(case_of("categories")[0], folder / "net")
    save(case_of("padded_steps")[0], folder / "steps", onnx=False)
    save(case_of("members")[0], folder / "members", onnx=False)
    save(pipeline("columns")[0], folder / "pipeline")
    save(pipeline("texts")[0], folder / "texts")
    return folder


def refused_at_load(path, message):
    with nothing_happens(), pytest.raises(ArchiveError, match=message):
        load(path)


def test_a_pickle_is_no_archive_and_is_not_run(tmp_path):
    for dump in (pickle.dumps, skops.io.dumps):
        data = dump(fitted("mlp"))
        (tmp_path / "model").write_bytes(data)
        refused_at_load(tmp_path / "model", "was refused|must be a file that")
    data = pickle.dumps(Payload(str(tmp_path / "harm")))
    (tmp_path / "model").write_bytes(data)
    refused_at_load(
        tmp_path / "model", r"must be a file that skdeep\.persistence\.save"
    )
    assert not (tmp_path / "harm").exists()


CHANGES = {
    "unknown class": (
        "net",
        ("class",),
        "os",
        "class must be one of skdeep's. Got 'os",
    ),
    "class of no net": ("net", ("class",), "SequenceTokenizer", "has no|is missing"),
    "no class": ("net", ("class",), [1], "class must be one of skdeep's"),
    "no kind": ("net", ("kind",), "pickle", "it holds no step"),
    "no state": ("net", ("state",), [], "no state of an estimator"),
    "unknown attribute": ("net", ("state", "predict"), 3, "has no 'predict'"),
    "bad parameter": ("net", ("state", "activation"), "os", "`activation` must be"),
    "bad device": ("net", ("state", "device"), "os", "`device` must be"),
    "bad count": ("net", ("state", "n_iter_"), -1, "`n_iter_` must be an integer"),
    "bad curve": ("net", ("state", "loss_curve_"), ["a"], "`loss_curve_` must be"),
    "bad classes": (
        "net",
        ("state", "classes_"),
        {"$values": ["<U1", [2], ["a", "b"]]},
        "its classes don't fit",
    ),
    "bad features": ("net", ("state", "n_features_in_"), 7, "must be those of its fea"),
    "bad codes": (
        "net",
        ("state", "_columns", "$tuple", 0, "$tuple", 4, "x"),
        7,
        "must have the codes",
    ),
    "bad requests": ("net", ("requests",), {"os": {"a": True}}, "no metadata can be"),
    "unknown net": (
        "net",
        ("state", "module_", "class"),
        "Linear",
        "must be one of MLP",
    ),
    "other net": ("net", ("state", "module_", "class"), "CNN", "can't be built"),
    "unknown part": ("net", ("state", "module_", "config", "x"), 1, "has no parameter"),
    "wide net": (
        "net",
        ("state", "module_", "config", "hidden_layer_sizes"),
        {"$tuple": [9]},
        r"weights don't fit its net: 'hidden.0.weight' must have shape \(9, ",
    ),
    "deep net": (
        "steps",
        ("state", "module_", "config", "n_layers"),
        10**9,
        "fewer weights than layers",
    ),
    "huge net": (
        "net",
        ("state", "module_", "config", "n_bins", "$tuple", 0),
        10**12,
        "fewer weights than categories",
    ),
    "no members": (
        "members",
        ("state", "module_", "members"),
        [],
        "must have members",
    ),
    "nested members": (
        "members",
        ("state", "module_", "members", 0),
        {"class": "Ensemble", "members": [], "multilabel": False},
        "must consist of nets",
    ),
    "unknown pipeline": ("pipeline", ("class",), "os.system", "it holds no pipeline"),
    "unknown step": (
        "pipeline",
        ("steps", 0, 1),
        {"kind": "constant", "value": "drop"},
        "it holds no step",
    ),
    "missing step": (
        "pipeline",
        ("steps", 0, 1, "part"),
        "steps/07.skops",
        r"the step 'steps/07\.skops' is missing",
    ),
    "unnamed step": ("pipeline", ("steps", 0), [1, {}], "must have names"),
    "step left out": (
        "pipeline",
        ("steps", 0, 1),
        {"kind": "constant", "value": "passthrough"},
        r"'steps/00\.skops' belongs to no step",
    ),
    "no net": ("pipeline", ("steps",), [], "belongs to no step"),
    "pipeline parameter": ("pipeline", ("parameters", "steps"), [], "no parameters"),
    "bad tokenizer": (
        "texts",
        ("steps", 0, 1, "state", "analyzer"),
        "os",
        "`analyzer` must be",
    ),
    "bad code": (
        "texts",
        ("steps", 0, 1, "state", "vocabulary_", "the"),
        2**70,
        "`vocabulary_` must be a dict of texts and integers",
    ),
    "long rows": (
        "texts",
        ("steps", 0, 1, "state", "n_features_out_"),
        10**12,
        "its tokens don't fit its net",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_description_that_fits_nothing(case, folder, tmp_path):
    model, place, value, message = CHANGES[case]
    config, parts = archive.read(folder / model)
    put(config["estimator"], place, value)
    rewrite(tmp_path / "model", config, parts)
    refused_at_load(tmp_path / "model", message)


def test_model_of_another_name(folder, tmp_path):
    config, parts = archive.read(folder / "net")
    rewrite(tmp_path / "model", {**config, "model": "Pipeline"}, parts)
    refused_at_load(tmp_path / "model", "not the 'Pipeline' that it says it is")


def other_shape(arrays, name):
    arrays[name] = arrays[name].ravel()


def other_type(arrays, name):
    arrays[name] = arrays[name].astype(np.float16)


def mixed_type(arrays, name):
    arrays[name] = arrays[name].astype(np.float32)


def missing(arrays, name):
    del arrays[name]


def one_more(arrays, name):
    arrays["more"] = np.zeros(3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_shape, r"weights don't fit its net: 'output.weight' must have shape"),
        (other_type, "must all be float32, or all float64"),
        (mixed_type, "must all be float32, or all float64"),
        (missing, "it holds no value"),
        (one_more, "'more' belongs to no step"),
    ],
)
def test_weights_that_do_not_fit(change, message, folder, tmp_path):
    config, parts = archive.read(folder / "net")
    arrays = safetensors.numpy.load(parts[WEIGHTS])
    change(arrays, "module_/weights/output.weight")
    parts[WEIGHTS] = safetensors.numpy.save(arrays)
    rewrite(tmp_path / "model", config, parts)
    refused_at_load(tmp_path / "model", message)


def test_weights_that_are_left_out_of_the_net(folder, tmp_path):
    config, parts = archive.read(folder / "net")
    del get(config["estimator"], ("state", "module_", "weights"))["output.bias"]
    rewrite(tmp_path / "model", config, parts)
    refused_at_load(tmp_path / "model", "'output.bias' is missing")


@pytest.mark.parametrize("name", ["offsets", "coded", "numbers", "bins.features"])
def test_positions_that_point_elsewhere(name, folder, tmp_path):
    config, parts = archive.read(folder / "net")
    arrays = safetensors.numpy.load(parts[WEIGHTS])
    (key,) = [key for key in arrays if key.endswith(f".{name}")]
    arrays[key] = arrays[key] + 10**6
    parts[WEIGHTS] = safetensors.numpy.save(arrays)
    rewrite(tmp_path / "model", config, parts)
    refused_at_load(tmp_path / "model", f"{name} doesn't fit its net")


@pytest.mark.parametrize("data", [b"", bytes(8), b"\xff" * 100])
def test_weights_that_cannot_be_read(data, folder, tmp_path):
    config, parts = archive.read(folder / "net")
    parts[WEIGHTS] = data
    rewrite(tmp_path / "model", config, parts)
    refused_at_load(tmp_path / "model", "weights can't be read")


def replace_step(folder, path, data):
    config, parts = archive.read(folder / "pipeline")
    parts["steps/00.skops"] = data
    rewrite(path, config, parts)


def test_step_of_an_untrusted_type_is_not_built(folder, tmp_path):
    replace_step(folder, tmp_path / "model", skops.io.dumps(Doubler()))
    refused_at_load(tmp_path / "model", r"refused by skops: .*Doubler")


def test_step_that_is_no_estimator(folder, tmp_path):
    replace_step(folder, tmp_path / "model", skops.io.dumps({"a": 1}))
    refused_at_load(tmp_path / "model", "is no estimator")


def test_step_that_is_a_bomb(folder, tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("schema.json", "[" + " " * 10**7 + "]")
    replace_step(folder, tmp_path / "model", stream.getvalue())
    refused_at_load(tmp_path / "model", "without compression")


def test_step_that_is_a_bomb_inside(folder, tmp_path, monkeypatch):
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data.npy", bytes(10**6))
    with zipfile.ZipFile(outer, "w") as file:
        file.writestr("1.npz", inner.getvalue())
    replace_step(folder, tmp_path / "model", outer.getvalue())
    monkeypatch.setattr("skdeep.persistence._steps._LARGEST", 10**5)
    refused_at_load(tmp_path / "model", "far larger than its file")


def test_deep_nesting(folder, tmp_path):
    config, parts = archive.read(folder / "net")
    deep = []
    for _ in range(500):
        deep = [deep]
    put(config["estimator"], ("state", "alpha"), deep)
    rewrite(tmp_path / "model", config, parts)
    refused_at_load(tmp_path / "model", "`alpha` must be|nested too deeply")


@pytest.mark.parametrize("model", ["net", "steps", "members", "pipeline", "texts"])
def test_corrupted_archives_are_refused_or_harmless(model, folder, tmp_path):
    n_refused = 0
    for seed in range(60):
        target = tmp_path / "model"
        done = corrupt(folder / model, target, np.random.default_rng(seed))
        with nothing_happens():
            try:
                loaded = load(target)
            except ArchiveError as error:
                n_refused += 1
                names_file = str(target) in str(error)
            else:
                names_file = clone(loaded) is not None
        assert names_file, done
    # What is left is damage to what no net is made of, such as the graph.
    assert n_refused > 30
