"""A signature of another model, with hashes that are right, isn't believed."""

import pytest
import skops.io
from inspection.explained import case_of, table_of_categories
from persistence.corruptions import put, rewrite
from persistence.models import pipeline
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from small_nets import X, Y, fitted, mlp

from skdeep import _archive as archive
from skdeep.persistence import ArchiveError, load, save
from skdeep.serving import ServedModel
from skdeep.serving.errors import ModelError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    save(fitted("mlp"), folder / "numbers")
    save(case_of("categories")[0], folder / "frame")
    save(case_of("images")[0], folder / "images", onnx=False)
    save(case_of("tokens")[0], folder / "tokens", onnx=False)
    save(case_of("labels")[0], folder / "labels", onnx=False)
    save(pipeline("columns")[0], folder / "pipeline")
    save(pipeline("texts")[0], folder / "texts", onnx=False)
    return folder


NUMBER = {"name": None, "kind": "number", "missing": True}
NAMES = r"must be 'a'. Got 'b'"
COUNT = r"the number of columns must be \d+. Got"
CHANGES = {
    "classes in another order": ("numbers", ("classes",), [2, 1, 0], "`classes` must"),
    "other classes": ("frame", ("classes",), ["a", "b", "c"], "`classes` must"),
    "fewer classes": ("pipeline", ("classes",), [0, 1], "`classes` must"),
    "booleans for numbers": ("numbers", ("classes",), [0, True, 2], "`classes` must"),
    "one label a row": ("labels", ("multilabel",), False, "`multilabel` must be True"),
    "renamed": ("frame", ("inputs", 0, "name"), "b", f"`name` of column 0 {NAMES}"),
    "renamed in front": (
        "pipeline",
        ("inputs", 0, "name"),
        "b",
        f"`name` of column 0 {NAMES}",
    ),
    "named": ("numbers", ("inputs", 3, "name"), "a", "`name` of column 3 must be None"),
    "fewer columns": ("numbers", ("inputs",), [NUMBER] * 12, COUNT),
    "more columns": ("numbers", ("inputs",), [NUMBER] * 14, COUNT),
    "no columns": ("pipeline", ("inputs",), [], COUNT),
    "two texts": ("texts", ("inputs",), [{"kind": "text"}] * 2, COUNT),
    "number for category": (
        "frame",
        ("inputs", 4, "kind"),
        "number",
        "`kind` of column 4 must be 'category'",
    ),
    "category for number": (
        "numbers",
        ("inputs", 4, "kind"),
        "category",
        "`kind` of column 4 must be 'number'",
    ),
    "boolean for token": (
        "tokens",
        ("inputs", 0, "kind"),
        "boolean",
        "`kind` of column 0 must be 'token'",
    ),
    "text for number": (
        "pipeline",
        ("inputs", 0, "kind"),
        "text",
        "`kind` of column 0 must be 'number'",
    ),
    "other categories": (
        "frame",
        ("inputs", 4, "categories"),
        ["z", "y", "x"],
        "`categories` of column 4 must be",
    ),
    "other categories in front": (
        "pipeline",
        ("inputs", 4, "categories"),
        ["x", "y"],
        "`categories` of column 4 must be",
    ),
    "gaps": ("images", ("inputs", 0, "missing"), True, "`missing` of column 0 must be"),
    "gaps in front": (
        "pipeline",
        ("inputs", 0, "missing"),
        "no",
        "`missing` of column",
    ),
    "more of a column": ("frame", ("inputs", 0, "more"), 1, "`more` of column 0 must"),
    "other shape": ("images", ("input_shape",), [8, 8, 1], "`input_shape` must be"),
    "one key more": ("numbers", ("more",), 1, "`more` must be None. Got 1"),
    "no list": ("numbers", ("inputs",), {}, "must describe the columns"),
    "no dicts": ("numbers", ("inputs", 0), "x", "must describe the columns"),
}


def altered(folder, tmp_path, name, place, value):
    config, parts = archive.read(folder / name)
    put(config["signature"], place, value)
    rewrite(tmp_path / "model", config, parts)
    return tmp_path / "model"


@pytest.mark.parametrize("case", CHANGES)
def test_signature_of_another_model_is_refused(case, folder, tmp_path):
    name, place, value, message = CHANGES[case]
    load(folder / name)
    path = altered(folder, tmp_path, name, place, value)
    with pytest.raises(ArchiveError, match=message):
        load(path)


@pytest.mark.parametrize("signature", [None, [], "x", {}])
def test_no_signature(signature, folder, tmp_path):
    config, parts = archive.read(folder / "numbers")
    rewrite(tmp_path / "model", {**config, "signature": signature}, parts)
    with pytest.raises(ArchiveError, match="signature must describe the columns"):
        load(tmp_path / "model")


@pytest.mark.parametrize("key", ["classes", "multilabel", "input_shape"])
def test_part_that_is_missing(key, folder, tmp_path):
    config, parts = archive.read(folder / "images")
    # None stands for what is missing, so it must not be the value itself.
    assert config["signature"].pop(key) is not None
    rewrite(tmp_path / "model", config, parts)
    with pytest.raises(ArchiveError, match=f"`{key}` must be"):
        load(tmp_path / "model")


def test_step_that_claims_very_many_columns(tmp_path):
    scaler = StandardScaler().fit(X)
    save(make_pipeline(scaler, fitted("mlp")), tmp_path / "right")
    config, parts = archive.read(tmp_path / "right")
    scaler.n_features_in_ = 10**12
    parts["steps/00.skops"] = skops.io.dumps(scaler)
    rewrite(tmp_path / "model", config, parts)
    with pytest.raises(ArchiveError, match="number of columns must be 1000000000000"):
        load(tmp_path / "model")


def test_what_only_rows_told_is_kept(tmp_path):
    frame = table_of_categories()
    frame["few"] = frame["few"].astype("category")
    frame["flag"] = frame["a"] > 13
    steps = clone(pipeline("columns")[0])
    for model in (
        steps.set_params(columntransformer__remainder="passthrough"),
        mlp(max_iter=1),
    ):
        model.fit(frame, Y)
        save(model, tmp_path / "model", frame)
        kinds = [
            c["kind"]
            for c in archive.read(tmp_path / "model")[0]["signature"]["inputs"]
        ]
        assert kinds[4:] == ["category", "category", "boolean"]
        assert (load(tmp_path / "model").predict(frame) == model.predict(frame)).all()


def test_step_that_does_not_know_its_columns(tmp_path):
    step = FunctionTransformer().fit(X)
    del step.n_features_in_
    model = make_pipeline(step, fitted("mlp"))
    save(model, tmp_path / "model", X)
    assert (load(tmp_path / "model").predict(X) == model.predict(X)).all()


@pytest.mark.parametrize(
    ("name", "place", "value", "key"),
    [
        ("numbers", ("classes",), [2, 1, 0], "classes"),
        ("frame", ("inputs", 0, "name"), "b", "inputs"),
        ("numbers", ("inputs",), [NUMBER] * 12, "inputs"),
        ("numbers", ("classes",), [0, True, 2], "classes"),
        ("pipeline", ("onnx",), None, "onnx"),
    ],
)
def test_server_compares_it_with_the_graph(name, place, value, key, folder, tmp_path):
    ServedModel.from_archive(folder / name)
    path = altered(folder, tmp_path, name, place, value)
    message = f"can't be served: `{key}` of its signature must be that of its ONNX"
    with pytest.raises(ModelError, match=message):
        ServedModel.from_archive(path)
