"""The Open Inference Protocol, version 2, as its specification has it."""

import gzip
import json
import struct
import zlib

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skdeep import __version__

INFER = "/v2/models/digits/infer"
SIZE = "Inference-Header-Content-Length"


def tensor(X, **more):
    """Input of rows as JSON."""
    return {
        "name": "X",
        "shape": list(X.shape),
        "datatype": "FP32",
        "data": X.ravel().tolist(),
        **more,
    }


def binary_request(document, *parts):
    head = json.dumps(document).encode()
    return head + b"".join(parts), {SIZE: str(len(head))}


def outputs_of(answer):
    assert answer.status_code == 200, answer.text
    return {output["name"]: output for output in answer.json()["outputs"]}


def refused(answer, status=400):
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    return answer.json()["error"]


def test_metadata_and_health(digits, wine, client):
    talk = client(digits.app())
    assert talk.get("/v2").json() == {
        "name": "skdeep",
        "version": __version__,
        "extensions": ["binary_tensor_data"],
    }
    for path in (
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/digits/ready",
        "/v2/models/digits/versions/1/ready",
    ):
        assert talk.get(path).status_code == 200
    metadata = talk.get("/v2/models/digits").json()
    assert metadata == talk.get("/v2/models/digits/versions/1").json()
    assert metadata == {
        "name": "digits",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 64]}],
        "outputs": [
            {"name": "probabilities", "datatype": "FP64", "shape": [-1, 10]},
            {"name": "label", "datatype": "INT64", "shape": [-1]},
        ],
    }
    inputs = client(wine.app()).get("/v2/models/wine").json()["inputs"]
    types = {entry["name"]: entry["datatype"] for entry in inputs}
    assert types == {"alcohol": "FP64", "ash": "FP64", "hue": "BYTES", "year": "FP64"}


@pytest.mark.parametrize("version", ["", "/versions/1"])
def test_infer(version, digits, client):
    X = digits.X[:3]
    document = {"id": "my request", "inputs": [tensor(X)]}
    path = f"/v2/models/digits{version}/infer"
    answer = client(digits.app()).post(path, json=document)
    assert answer.json()["id"] == "my request"
    assert answer.json()["model_name"] == "digits"
    assert answer.json()["model_version"] == "1"
    outputs = outputs_of(answer)
    assert outputs["label"]["data"] == digits.net.predict(X).tolist()
    assert outputs["label"]["shape"] == [3]
    assert outputs["probabilities"]["shape"] == [3, 10]
    expected = digits.net.predict_proba(X).ravel()
    assert_allclose(outputs["probabilities"]["data"], expected, atol=1e-5)


def test_outputs_are_those_asked_for(digits, client):
    document = {"inputs": [tensor(digits.X[:2])], "outputs": [{"name": "label"}]}
    answer = client(digits.app()).post(INFER, json=document)
    assert list(outputs_of(answer)) == ["label"]


def test_nested_data_and_folded_shape(digits, client):
    X = digits.X[:2]
    nested = {**tensor(X), "data": X.tolist()}
    folded = tensor(X.reshape(2, 1, 8, 8))
    talk = client(digits.app())
    answers = [
        outputs_of(talk.post(INFER, json={"inputs": [entry]}))
        for entry in (nested, folded, tensor(X))
    ]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<i4", "u1", "<f2"])
def test_binary_in_and_out(dtype, digits, client):
    X = digits.X[:3]
    names = {"<f4": "FP32", "<f8": "FP64", "<i4": "INT32", "u1": "UINT8", "<f2": "FP16"}
    data = X.astype(dtype).tobytes()
    entry = {
        "name": "X",
        "shape": [3, 64],
        "datatype": names[dtype],
        "parameters": {"binary_data_size": len(data)},
    }
    document = {"inputs": [entry], "parameters": {"binary_data_output": True}}
    body, headers = binary_request(document, data)
    answer = client(digits.app()).post(INFER, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    size = int(answer.headers[SIZE])
    outputs = json.loads(answer.content[:size])["outputs"]
    rest = answer.content[size:]
    sizes = [output["parameters"]["binary_data_size"] for output in outputs]
    assert sum(sizes) == len(rest)
    got = np.frombuffer(rest[: sizes[0]]).reshape(3, 10)
    assert_allclose(got, digits.net.predict_proba(X), atol=1e-5)
    labels = np.frombuffer(rest[sizes[0] :], np.int64)
    assert labels.tolist() == digits.net.predict(X).tolist()


def test_columns_by_name_some_of_them_binary(wine, client):
    X = wine.X[:12].copy()
    hue = b"".join(struct.pack("<I", len(h)) + h.encode() for h in X["hue"])
    alcohol = X["alcohol"].to_numpy().tobytes()
    ash = [None if value != value else value for value in X["ash"]]
    document = {
        "inputs": [
            {
                "name": "hue",
                "shape": [12, 1],
                "datatype": "BYTES",
                "parameters": {"binary_data_size": len(hue)},
            },
            {"name": "ash", "shape": [12], "datatype": "FP64", "data": ash},
            {
                "name": "alcohol",
                "shape": [12, 1],
                "datatype": "FP64",
                "parameters": {"binary_data_size": len(alcohol)},
            },
            {
                "name": "year",
                "shape": [12, 1],
                "datatype": "INT64",
                "data": [[year] for year in X["year"].tolist()],
            },
        ],
        "outputs": [{"name": "probabilities"}],
    }
    body, headers = binary_request(document, hue, alcohol)
    answer = client(wine.app()).post(
        "/v2/models/wine/infer", content=body, headers=headers
    )
    got = outputs_of(answer)["probabilities"]["data"]
    assert_allclose(got, wine.net.predict_proba(X).ravel(), atol=1e-6)


def test_labels_that_are_text_as_bytes(cancer, client):
    X = cancer.X[:3].to_numpy()
    document = {
        "inputs": [tensor(X)],
        "outputs": [{"name": "label", "parameters": {"binary_data": True}}],
    }
    talk = client(cancer.app())
    answer = talk.post("/v2/models/cancer/infer", json=document)
    rest, labels = answer.content[int(answer.headers[SIZE]) :], []
    while rest:
        (size,) = struct.unpack_from("<I", rest)
        labels.append(rest[4 : 4 + size].decode())
        rest = rest[4 + size :]
    assert labels == cancer.net.predict(cancer.X[:3]).tolist()
    document["outputs"] = [{"name": "label"}]
    answer = talk.post("/v2/models/cancer/infer", json=document)
    assert outputs_of(answer)["label"]["datatype"] == "BYTES"
    assert outputs_of(answer)["label"]["data"] == labels


@pytest.mark.parametrize(
    ("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_compressed_both_ways(coding, compress, digits, client):
    body = compress(json.dumps({"inputs": [tensor(digits.X[:100])]}).encode())
    headers = {"content-encoding": coding, "accept-encoding": coding}
    answer = client(digits.app()).post(INFER, content=body, headers=headers)
    assert answer.headers["content-encoding"] == coding
    assert outputs_of(answer)["label"]["shape"] == [100]


X = np.zeros((2, 64), np.float32)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, "`inputs`, a list of tensors"),
        ({"inputs": [3]}, "Every input must be an object"),
        ({"inputs": [{}]}, "must have a `name`"),
        ({"inputs": [tensor(X, datatype="FP8")]}, "`datatype` of input 'X' must be"),
        ({"inputs": [tensor(X, datatype=[])]}, "`datatype` of input 'X' must be"),
        ({"inputs": [tensor(X, shape=[2, "64"])]}, "`shape` of input 'X'"),
        ({"inputs": [tensor(X, shape=[2, 63])]}, "must have 126 values"),
        ({"inputs": [tensor(X, shape=[128])]}, "Each row must have 64 values"),
        ({"inputs": [tensor(X, shape=[])]}, "must have 1 values"),
        ({"inputs": [tensor(X[:0])]}, "at least one row"),
        ({"inputs": [tensor(X, data=["a"] * 128)]}, "must hold numbers"),
        ({"inputs": [tensor(X, data=[[1], [2, 3]])]}, "must hold numbers"),
        ({"inputs": [tensor(X, data=3)]}, "`data` of input 'X' must be a list"),
        ({"inputs": [tensor(X), tensor(X)]}, "a name of its own"),
        ({"inputs": [tensor(X)], "id": 7}, "`id` must be a string"),
        ({"inputs": [tensor(X)], "outputs": 7}, "`outputs` must be a list"),
        ({"inputs": [tensor(X)], "outputs": [{"name": "y"}]}, "Got 'y'"),
        ({"inputs": [tensor(X)], "parameters": [1]}, "`parameters` must be an object"),
        (
            {"inputs": [tensor(X, parameters={"shared_memory_region": "r"})]},
            "Shared memory",
        ),
        (
            {"inputs": [tensor(X, parameters={"binary_data_size": 512})]},
            "512 more bytes after the JSON. Got 0",
        ),
        (
            {"inputs": [tensor(X, parameters={"binary_data_size": -1})]},
            "must be a number of bytes",
        ),
    ],
)
def test_wrong_requests(document, expected, digits, client):
    assert expected in refused(client(digits.app()).post(INFER, json=document))


@pytest.mark.parametrize(
    ("entry", "rest", "expected"),
    [
        ({"datatype": "FP32"}, b"123", "a multiple of 4 bytes"),
        ({"datatype": "FP32"}, b"1234" * 3, "must have 128 values"),
        ({"datatype": "BYTES"}, b"\x01\0", "strings and their lengths"),
        ({"datatype": "BYTES"}, b"\x09\0\0\0a", "as long as its strings are"),
        ({"datatype": "BYTES"}, b"\x01\0\0\0\xff", "in UTF-8"),
    ],
)
def test_wrong_bytes(entry, rest, expected, digits, client):
    entry |= {
        "name": "X",
        "shape": [2, 64],
        "parameters": {"binary_data_size": len(rest)},
    }
    body, headers = binary_request({"inputs": [entry]}, rest)
    talk = client(digits.app())
    assert expected in refused(talk.post(INFER, content=body, headers=headers))


def test_sizes_that_do_not_fit(digits, client):
    talk = client(digits.app())
    body, headers = binary_request({"inputs": [tensor(X)]}, b"more")
    answer = talk.post(INFER, content=body, headers=headers)
    assert "no more bytes" in refused(answer)
    for size in ("-1", "many", "99999"):
        answer = talk.post(INFER, content=body, headers={SIZE: size})
        assert "must be the size of the JSON" in refused(answer)


def test_other_models_and_versions(digits, client):
    talk = client(digits.app())
    for path in ("/v2/models/cats", "/v2/models/cats/ready"):
        assert "'cats'" in refused(talk.get(path), 404)
    assert "'cats'" in refused(talk.post("/v2/models/cats/infer", json={}), 404)
    path = "/v2/models/digits/versions/2/infer"
    assert "There is no version '2'" in refused(talk.post(path, json={}), 404)
