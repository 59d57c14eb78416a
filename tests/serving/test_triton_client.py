"""NVIDIA's client of the Open Inference Protocol, against a server."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from serving.running import running
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException


@pytest.fixture(scope="module")
def server(wine, digits):
    with (
        running("serve", digits.path, "--port", 0) as of_digits,
        running("serve", wine.path, "--port", 0) as of_wine,
    ):
        for each in (of_digits, of_wine):
            each.wait_for_port()
            each.wait_until_ready()
        yield {"digits": of_digits, "wine": of_wine}


@pytest.fixture
def triton(server):
    clients = {
        name: InferenceServerClient(f"127.0.0.1:{each.port}")
        for name, each in server.items()
    }
    yield clients
    for each in clients.values():
        each.close()


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_numbers(binary_in, binary_out, compression, triton, digits):
    X = digits.X[:40]
    given = InferInput("X", X.shape, "FP32")
    given.set_data_from_numpy(X, binary_data=binary_in)
    outputs = [
        InferRequestedOutput(name, binary_data=binary_out)
        for name in ("probabilities", "label")
    ]
    result = triton["digits"].infer(
        "digits",
        [given],
        outputs=outputs,
        request_id="seven",
        request_compression_algorithm=compression,
        response_compression_algorithm=compression,
    )
    assert result.get_response()["id"] == "seven"
    expected = digits.net.predict_proba(X)
    assert_allclose(result.as_numpy("probabilities"), expected, atol=1e-5)
    assert result.as_numpy("label").tolist() == digits.net.predict(X).tolist()


@pytest.mark.parametrize("binary_in", [True, False])
def test_columns(binary_in, triton, wine):
    X = wine.X.dropna()[:7]
    inputs = []
    for name, kind in {
        "alcohol": "FP64",
        "ash": "FP64",
        "hue": "BYTES",
        "year": "INT64",
    }.items():
        values = X[name].to_numpy()[:, None]
        values = values.astype(object) if kind == "BYTES" else values
        given = InferInput(name, values.shape, kind)
        given.set_data_from_numpy(values, binary_data=binary_in)
        inputs.append(given)
    result = triton["wine"].infer("wine", inputs)
    expected = wine.net.predict_proba(X)
    assert_allclose(result.as_numpy("probabilities"), expected, atol=1e-6)


def test_metadata_and_health(triton):
    client = triton["digits"]
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("digits")
    assert client.is_model_ready("digits", "1")
    assert not client.is_model_ready("cats")
    assert client.get_server_metadata()["name"] == "skdeep"
    assert client.get_model_metadata("digits")["inputs"][0]["shape"] == [-1, 64]


def test_errors(triton):
    given = InferInput("X", [1, 63], "FP32")
    given.set_data_from_numpy(np.zeros((1, 63), np.float32))
    with pytest.raises(InferenceServerException, match="must have 64 values"):
        triton["digits"].infer("digits", [given])
    with pytest.raises(InferenceServerException, match="no model 'cats'"):
        triton["digits"].infer("cats", [given])
