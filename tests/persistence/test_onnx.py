"""The graph answers as the model does, from what users have to probabilities."""

import json
import logging
import sys

import numpy as np
import onnx
import pandas as pd
import polars
import pytest
from inspection.explained import (
    STEPS,
    TABLE,
    case_of,
    each_case,
    table_of_categories,
)
from numpy.testing import assert_allclose, assert_array_equal
from persistence.models import PIPELINES, pipeline
from persistence.test_refusals import Doubler
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from small_nets import DIGIT, DIGITS, X, Y, fitted, mlp

from skdeep import _archive as archive
from skdeep.modules import ACTIVATIONS
from skdeep.persistence import save, to_onnx
from skdeep.persistence._onnx.parity import feeds, session_of

FRAME = table_of_categories()


def exported(model, tmp_path, rows=None):
    """Session of the exported graph, and its signature."""
    to_onnx(model, tmp_path / "model.onnx", rows)
    session = session_of((tmp_path / "model.onnx").read_bytes())
    metadata = session.get_modelmeta().custom_metadata_map
    return session, json.loads(metadata["skdeep.signature"])


def answers(session, signature, rows):
    layout = signature["onnx"]["layout"]
    given = feeds(session, signature["inputs"], layout, rows)
    (p,) = session.run(["probabilities"], given)
    return p


def assert_agrees(model, tmp_path, rows, tolerance=1e-5):
    session, signature = exported(model, tmp_path)
    for some in (rows, rows[:1]):
        p = answers(session, signature, some)
        assert p.dtype == np.float64
        assert_allclose(p, model.predict_proba(some), rtol=0, atol=tolerance)
    return session, signature


@each_case
def test_net_of_every_kind(case, tmp_path):
    net, _, rows = case_of(case)
    single = case in ("images", "series", "last", "residual", "tokens")
    single = single or "steps" in case or "series" in case
    # In double precision nothing but the order of sums differs; the runtime knows the
    # cosine of waves in single precision only.
    exact = 1e-7 if case == "waves" else 1e-12
    assert_agrees(net, tmp_path, rows, 1e-5 if single else exact)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_activation(activation, dtype, tmp_path):
    normalization = "layer" if dtype == "float32" else "batch"
    net = mlp(
        max_iter=1, activation=activation, dtype=dtype, normalization=normalization
    )
    session, _ = assert_agrees(net.fit(X, Y), tmp_path, X)
    kind = {"float32": "tensor(float)", "float64": "tensor(double)"}[dtype]
    assert session.get_inputs()[0].type == kind


@pytest.mark.parametrize(
    "parameters",
    [
        {"standardize": False},
        {"numerical_embedding": None, "hidden_layer_sizes": ()},
        {"shared_weights": True, "n_members": 3, "normalization": "layer"},
        {"n_members": 2, "dtype": "float32"},
        {"numerical_embedding": "periodic", "standardize": "robust"},
    ],
)
def test_other_tables(parameters, tmp_path):
    gaps = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    net = mlp(max_iter=1, **parameters).fit(gaps, Y)
    assert_agrees(net, tmp_path, gaps)
    labels = np.column_stack([Y == 0, Y == 1])
    assert_agrees(net.fit(gaps, labels), tmp_path, gaps)


@pytest.mark.parametrize(
    "parameters",
    [
        {"architecture": "fcn", "input_shape": (8, 8), "n_filters": 4},
        {"architecture": "resnet", "input_shape": (8, 8), "n_filters": (4, 6)},
        {"architecture": "inception", "input_shape": (1, 64), "n_filters": 8},
        {"architecture": "inception", "kernel_size": 4, "n_filters": 9, "depth": 2},
        {"architecture": "rocket", "input_shape": (1, 64), "n_filters": 9},
        {
            "architecture": "rocket",
            "input_shape": (8, 8),
            "kernel_size": 5,
            "stride": 2,
            "normalization": "layer",
        },
        {"stride": 2, "pooling": "max", "normalization": "layer"},
        {"kernel_size": 4, "pool_size": 1, "hidden_layer_sizes": 5},
    ],
)
def test_other_maps(parameters, tmp_path):
    net = clone(case_of("images")[0]).set_params(max_iter=1, **parameters)
    assert_agrees(net.fit(DIGITS[:200], DIGIT[:200]), tmp_path, DIGITS)


def test_series_of_different_length(tmp_path):
    series = DIGITS[:200].copy()
    for i, row in enumerate(series):
        row[64 - i % 60 :] = np.nan
    net = clone(case_of("images")[0]).set_params(
        input_shape=(1, 64), n_filters="auto", max_iter=1
    )
    net.fit(series, DIGIT[:200])
    configs = [member.config for member in net.to_module().members]
    assert [config["stretch"] for config in configs] == [False] * 4 + [True]
    assert [config["differences"] for config in configs] == [False, True] + [False] * 3
    assert_agrees(net, tmp_path, series)


@pytest.mark.parametrize(
    "parameters",
    [
        {"cell_type": "gru", "pooling": "attention", "bidirectional": True},
        {"cell_type": "rnn", "pooling": "max", "n_layers": 2},
        {"cell_type": "gru", "pooling": "last", "bidirectional": True, "n_layers": 2},
        {
            "architecture": "lstm_fcn",
            "n_filters": (3, 4, 5),
            "normalization": "layer",
            "pooling": "mean",
        },
    ],
)
def test_other_sequences(parameters, tmp_path):
    padded = case_of("padded_steps")[2]
    y = np.arange(len(padded)) % 3
    net = clone(STEPS).set_params(max_iter=1, input_shape=None, **parameters)
    assert_agrees(net.fit(padded, y), tmp_path, padded)


def test_categories_that_are_missing_unknown_or_empty_texts(tmp_path):
    frame = FRAME.astype({"few": object})
    frame.loc[frame.index[::5], "few"] = ""
    net = mlp(max_iter=2).fit(frame, Y)
    session, signature = exported(net, tmp_path)
    assert signature["inputs"][4]["categories"][0] == ""
    rows = frame[:30].copy()
    rows.loc[rows.index[::4], "few"] = None
    rows.loc[rows.index[::3], ["few", "many"]] = "never seen"
    p = answers(session, signature, rows)
    assert_allclose(p, net.predict_proba(rows), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_categories_that_are_numbers(dtype, tmp_path):
    rows = X.copy()
    rows[:, 0] = np.round(rows[:, 0]) / 10
    rows[:, 1] = Y
    net = mlp(max_iter=2, categorical_features=[0, 1], dtype=dtype).fit(rows, Y)
    rows[::7, 0] += 0.05
    rows[::5, 1] = np.nan
    session, signature = assert_agrees(net, tmp_path, rows)
    assert signature["onnx"]["layout"] == "matrix"
    assert session.get_inputs()[0].type == "tensor(double)"


def test_columns_of_every_kind(tmp_path):
    frame = FRAME.assign(
        flag=FRAME["a"] > 13,
        kind=pd.Categorical(Y + 5),
        yes=pd.Categorical(Y > 1),
    )
    net = mlp(max_iter=2).fit(frame, Y)
    session, signature = exported(net, tmp_path, frame)
    p = answers(session, signature, frame)
    assert_allclose(p, net.predict_proba(frame), rtol=0, atol=1e-12)
    types = {i.name: i.type for i in session.get_inputs()}
    assert list(types) == list(frame)
    assert types["few"] == "tensor(string)"
    assert types["flag"] == types["kind"] == "tensor(double)"


def test_frame_of_polars(tmp_path):
    frame = polars.DataFrame({name: list(FRAME[name]) for name in FRAME})
    net = mlp(max_iter=1).fit(frame, Y)
    session, signature = exported(net, tmp_path, frame)
    p = answers(session, signature, frame)
    assert_allclose(p, net.predict_proba(frame), rtol=0, atol=1e-12)


def test_columns_without_names_are_numbered(tmp_path):
    rows = FRAME.to_numpy(dtype=object)
    net = mlp(max_iter=1, categorical_features=[4, 5]).fit(rows, Y)
    session, _ = assert_agrees(net, tmp_path, rows)
    assert [i.name for i in session.get_inputs()] == [f"x{j}" for j in range(6)]


@pytest.mark.parametrize("name", [n for n in PIPELINES if n != "texts"])
def test_pipeline_is_one_graph(name, tmp_path):
    model, rows = pipeline(name)
    assert_agrees(model, tmp_path, rows, 1e-5)


def test_gaps_in_numbers_and_texts_through_imputers(tmp_path):
    frame = FRAME.astype({"few": object})
    frame.loc[frame.index[::5], "few"] = np.nan
    text = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OneHotEncoder(handle_unknown="ignore"),
    )
    steps = make_column_transformer(
        (SimpleImputer(add_indicator=True), ["a", "b"]),
        (text, ["few", "many"]),
        (OrdinalEncoder(), ["many"]),
        remainder="passthrough",
    )
    model = make_pipeline(steps, clone(TABLE)).fit(frame, Y)
    assert_agrees(model, tmp_path, frame)


def test_frame_of_numbers_alone_may_take_columns(tmp_path):
    frame = FRAME[["a", "c", "d"]]
    steps = make_column_transformer((StandardScaler(), ["a", "d"]))
    model = make_pipeline(steps, clone(TABLE)).fit(frame, Y)
    _, signature = assert_agrees(model, tmp_path, frame)
    assert signature["onnx"]["layout"] == "columns"


def test_graph_is_plain_and_old_enough(tmp_path):
    to_onnx(pipeline("columns")[0], tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    assert 13 <= opsets[""] <= 15
    assert opsets["ai.onnx.ml"] <= 2
    assert model.ir_version <= 8
    assert not model.functions
    assert list(tmp_path.iterdir()) == [tmp_path / "model.onnx"]
    assert {n.domain for n in model.graph.node} <= {"", "ai.onnx.ml"}


def test_nothing_is_said(tmp_path, capfd, caplog):
    with caplog.at_level(logging.DEBUG):
        to_onnx(pipeline("columns")[0], tmp_path / "model.onnx")
        save(case_of("categories")[0], tmp_path / "model")
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Pipeline([("two", Doubler()), ("net", clone(TABLE))]).fit(X, Y),
            "the step 'two', Doubler, can't be converted",
        ),
        (
            lambda: pipeline("texts")[0],
            "'sequencetokenizer', SequenceTokenizer, reads texts",
        ),
        (
            lambda: make_pipeline(
                make_column_transformer(
                    (SimpleImputer(), ["a", "b"]),
                    remainder="passthrough",
                    verbose_feature_names_out=False,
                ).set_output(transform="pandas"),
                clone(TABLE),
            ).fit(FRAME, Y),
            "categories that are texts must come straight from the user",
        ),
        (
            lambda: mlp(max_iter=1).fit(FRAME.rename(columns={"a": "net/"}), Y),
            "must have another name than 'net/'",
        ),
        (
            lambda: mlp(max_iter=1, categorical_features=[0, 1]).fit(
                np.array([[1, "a"], ["b", "a"]] * 89, dtype=object), Y
            ),
            "must be all texts or all numbers",
        ),
    ],
)
def test_what_cannot_be_exported_says_why(make, message, tmp_path):
    model = make()
    with pytest.raises(ValueError, match=f"can't be exported to ONNX: .*{message}"):
        to_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_difference_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("skdeep.persistence._onnx.parity._TOLERANCE", -1.0)
    with pytest.raises(ValueError, match=r"differ from the model's by [0-9.e-]+, and"):
        to_onnx(fitted("mlp"), tmp_path / "model.onnx")


def config_and_parts(path):
    config, parts = archive.read(path)
    return config["signature"], parts


def test_file_holds_the_graph_or_the_reason(tmp_path):
    path = tmp_path / "model"
    net = fitted("mlp")
    save(net, path)
    signature, parts = config_and_parts(path)
    assert signature["onnx"] == {"layout": "matrix"}
    p = answers(session_of(parts["model.onnx"]), signature, X)
    assert_allclose(p, net.predict_proba(X), rtol=0, atol=1e-12)
    save(net, path, onnx=False)
    signature, parts = config_and_parts(path)
    assert "model.onnx" not in parts
    assert signature["onnx_error"] == "The model was saved with onnx=False."
    texts = pipeline("texts")[0]
    save(texts, path)
    signature, parts = config_and_parts(path)
    assert signature["onnx"] is None
    assert "reads texts" in signature["onnx_error"]
    before = path.read_bytes()
    with pytest.raises(ValueError, match="reads texts"):
        save(texts, path, onnx=True)
    assert path.read_bytes() == before


def test_runtime_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"pip install 'skdeep\[export\]'"):
        to_onnx(fitted("mlp"), tmp_path / "model.onnx")
    save(fitted("mlp"), tmp_path / "model")
    signature, _ = config_and_parts(tmp_path / "model")
    assert "needs onnxruntime, which is not installed" in signature["onnx_error"]


def test_same_model_gives_the_same_file(tmp_path):
    for name in "ab":
        save(fitted("mlp"), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("rows", [X, X.tolist(), sparse.csr_array(X)])
def test_rows_of_the_user_are_compared_too(rows, tmp_path, monkeypatch):
    compared = []
    monkeypatch.setattr(
        "skdeep.persistence._onnx.check", lambda *given: compared.append(given[-1])
    )
    to_onnx(fitted("mlp"), tmp_path / "model.onnx", rows)
    assert_array_equal(compared[0][[0, -1]], X[[0, -1]])
    assert len(compared) == 2
