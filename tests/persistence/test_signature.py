"""What a server needs to know of a model."""

import json

import numpy as np
import pandas as pd
import pytest
from inspection.explained import case_of, table_of_categories
from persistence.models import columns, pipeline
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from small_nets import SENTENCES, SUBJECT, X, Y, fitted, mlp

from skdeep import _archive as archive
from skdeep.persistence import save
from skdeep.persistence._signature import find_signature

FRAME = table_of_categories()
MANY = sorted(set(FRAME["many"]))


def kinds(signature):
    return [column["kind"] for column in signature["inputs"]]


def test_net_of_numbers():
    signature = find_signature(fitted("mlp"))
    number = {"name": None, "kind": "number", "missing": True}
    assert signature == {
        "inputs": [number] * 13,
        "input_shape": None,
        "classes": [0, 1, 2],
        "multilabel": False,
        "onnx": None,
        "onnx_error": None,
    }


def test_net_of_columns():
    signature = find_signature(case_of("categories")[0])
    few, many = signature["inputs"][4:]
    assert signature["inputs"][0] == {"name": "a", "kind": "number", "missing": True}
    assert few == {
        "name": "few",
        "kind": "category",
        "missing": True,
        "categories": ["x", "y", "z"],
    }
    assert many["categories"] == MANY


def test_frame_tells_booleans():
    frame = FRAME.assign(flag=FRAME["a"] > 13)
    net = mlp(max_iter=1).fit(frame, Y)
    assert kinds(find_signature(net))[-1] == "number"
    assert kinds(find_signature(net, frame))[-1] == "boolean"


def test_images_sequences_and_tokens():
    images, last = (find_signature(case_of(c)[0]) for c in ("images", "last"))
    assert (images["input_shape"], last["input_shape"]) == ([1, 8, 8], [8, 4, 2])
    assert images["inputs"][0]["missing"] is False
    assert find_signature(case_of("padded_steps")[0])["inputs"][0]["missing"] is True
    tokens = find_signature(case_of("tokens")[0])
    assert set(kinds(tokens)) == {"token"}
    assert tokens["input_shape"] is None
    assert tokens["classes"] == ["cluster", "line"]


def test_labels_of_a_matrix():
    signature = find_signature(case_of("labels")[0])
    assert (signature["classes"], signature["multilabel"]) == ([0, 1], True)


def test_pipeline_has_the_columns_of_its_first_step():
    signature = find_signature(pipeline("columns")[0])
    assert [c["name"] for c in signature["inputs"]] == list(FRAME)
    assert kinds(signature) == ["number"] * 4 + ["category"] * 2
    assert signature["inputs"][5]["categories"] == MANY
    assert find_signature(pipeline("images")[0])["input_shape"] is None


@pytest.mark.parametrize(
    "few",
    [
        ["few"],
        [4],
        slice(4, 5),
        np.arange(6) == 4,
        slice("few", "few"),
        lambda frame: ["few"],
    ],
)
def test_columns_however_they_are_chosen(few):
    steps = make_column_transformer((StandardScaler(), ["a"]), (OneHotEncoder(), few))
    model = make_pipeline(steps, mlp(max_iter=1)).fit(FRAME, Y)
    assert kinds(find_signature(model)) == ["number"] * 4 + ["category", "number"]
    assert kinds(find_signature(model, FRAME))[4:] == ["category"] * 2


def test_encoder_behind_an_imputer():
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder())
    steps = make_column_transformer((text, ["many", "few"]))
    model = make_pipeline(steps, mlp(max_iter=1)).fit(FRAME, Y)
    signature = find_signature(model)
    assert signature["inputs"][5]["categories"] == MANY
    assert signature["inputs"][4]["categories"] == ["x", "y", "z"]


def test_gaps_are_no_categories():
    frame = FRAME[["few"]].astype(object)
    frame.iloc[::9] = None
    model = make_pipeline(OneHotEncoder(), mlp(max_iter=1)).fit(frame, Y)
    assert find_signature(model)["inputs"][0]["categories"] == ["x", "y", "z"]


def test_first_step_that_knows_nothing_of_columns():
    class Nothing(StandardScaler):
        def fit(self, X, y=None, sample_weight=None):
            super().fit(X)
            del self.n_features_in_
            return self

        def transform(self, X):
            return X

    model = make_pipeline(Nothing(), mlp(max_iter=1)).fit(X, Y)
    with pytest.raises(ValueError, match="`X` must be given for a Pipeline whose"):
        find_signature(model)
    assert kinds(find_signature(model, X)) == ["number"] * 13


def test_texts():
    vectorizer = TfidfVectorizer(max_features=20)
    model = make_pipeline(vectorizer, mlp(max_iter=1)).fit(SENTENCES, SUBJECT)
    for signature in map(find_signature, (model, pipeline("texts")[0])):
        assert signature["inputs"] == [{"name": None, "kind": "text", "missing": False}]


def test_it_is_json_and_in_the_archive(tmp_path):
    model, frame, y = columns()
    dates = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03"])
    model = clone(model).fit(frame, np.array(dates.astype(str))[y])
    save(model, tmp_path / "model", frame)
    config, _ = archive.read(tmp_path / "model")
    signature = config["signature"]
    assert signature["classes"] == ["2020-01-01", "2020-01-02", "2020-01-03"]
    assert signature["onnx"] == {"layout": "columns"}
    assert signature["onnx_error"] is None
    expected = {**find_signature(model, frame), "onnx": {"layout": "columns"}}
    assert json.loads(json.dumps(expected)) == signature
