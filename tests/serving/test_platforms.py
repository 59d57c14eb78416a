"""SageMaker's, Vertex AI's and MLflow's ways to ask."""

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from serving.conftest import records


def invoke(client, body, content_type, accept=None, **headers):
    headers = {"content-type": content_type, **headers}
    if accept is not None:
        headers["accept"] = accept
    return client.post("/invocations", content=body, headers=headers)


def csv_of(frame, **options):
    return frame.to_csv(index=False, **options)


def npy_of(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def probabilities_in(answer):
    assert answer.status_code == 200, answer.text
    return [entry["probabilities"] for entry in answer.json()["predictions"]]


class TestSageMaker:
    def test_csv_in_and_out(self, cancer, client):
        X = cancer.X[:5]
        answer = invoke(client(cancer.app()), csv_of(X, header=False), "text/csv")
        assert answer.headers["content-type"] == "text/csv"
        rows = list(csv.reader(io.StringIO(answer.text)))
        assert [row[0] for row in rows] == cancer.net.predict(X).tolist()
        got = np.array([row[1:] for row in rows], float)
        assert_allclose(got, cancer.net.predict_proba(X), atol=1e-6)

    @pytest.mark.parametrize("content_type", ["text/csv", "text/csv; header=present"])
    def test_csv_with_a_header_in_any_order(self, content_type, cancer, client):
        X = cancer.X[cancer.X.columns[::-1]][:5]
        talk = client(cancer.app())
        answer = invoke(talk, csv_of(X), content_type, "application/json")
        expected = cancer.net.predict_proba(cancer.X[:5])
        assert_allclose(probabilities_in(answer), expected, atol=1e-6)

    def test_csv_of_columns_of_every_kind(self, wine, client):
        X = wine.X[:12].copy()
        X.loc[1, "hue"] = None
        for header in (True, False):
            body = csv_of(X, header=header).replace("\n", "\r\n")
            answer = invoke(client(wine.app()), body, "text/csv", "application/json")
            assert_allclose(
                probabilities_in(answer), wine.net.predict_proba(X), atol=1e-6
            )

    def test_npy_in_and_out(self, digits, client):
        talk = client(digits.app())
        expected = digits.net.predict_proba(digits.X[:4])
        for array in (
            digits.X[:4],
            digits.X[:4].reshape(-1, 1, 8, 8).astype(np.uint8),
            np.asfortranarray(digits.X[:4].astype(">f8")),
        ):
            answer = invoke(talk, npy_of(array), "application/x-npy")
            assert answer.headers["content-type"] == "application/x-npy"
            assert_allclose(np.load(io.BytesIO(answer.content)), expected, atol=1e-5)
        asked = {"x-amzn-sagemaker-custom-attributes": "trace=1,output=label"}
        answer = invoke(talk, npy_of(digits.X[:4]), "application/x-npy", **asked)
        got = np.load(io.BytesIO(answer.content))
        assert_array_equal(got, digits.net.predict(digits.X[:4]))

    def test_npy_is_never_unpickled_and_never_believed(self, digits, client):
        talk = client(digits.app())
        objects = io.BytesIO()
        np.save(objects, np.array([[object]]), allow_pickle=True)
        large = npy_of(digits.X[:1]).replace(b"(1, 64)", b"(9, 64)")
        for body in (objects.getvalue(), large, b"", b"\x93NUMPY", npy_of(["a"])):
            answer = invoke(talk, body, "application/x-npy")
            assert answer.status_code == 400
            assert "array" in answer.json()["error"]

    @pytest.mark.parametrize(
        "line",
        [
            lambda row: row,
            lambda row: {"features": row},
            lambda row: {"data": {"features": {"values": row}}},
        ],
    )
    def test_json_lines(self, line, digits, client):
        rows = digits.X[:3].tolist()
        body = "\n".join(json.dumps(line(row)) for row in rows) + "\n\n"
        answer = invoke(client(digits.app()), body, "application/jsonlines")
        assert answer.headers["content-type"] == "application/jsonlines"
        entries = [json.loads(text) for text in answer.text.splitlines()]
        got = [entry["probabilities"] for entry in entries]
        assert_allclose(got, digits.net.predict_proba(digits.X[:3]), atol=1e-5)
        assert [entry["label"] for entry in entries] == digits.net.predict(
            digits.X[:3]
        ).tolist()

    @pytest.mark.parametrize(
        "document",
        [
            lambda rows: rows,
            lambda rows: {"instances": rows},
            lambda rows: {"instances": [{"features": row} for row in rows]},
            lambda rows: {
                "instances": [{"data": {"features": {"values": r}}} for r in rows]
            },
            lambda rows: {"inputs": rows},
        ],
    )
    def test_json(self, document, digits, client):
        body = json.dumps(document(digits.X[:3].tolist()))
        answer = invoke(client(digits.app()), body, "application/json")
        expected = digits.net.predict_proba(digits.X[:3])
        assert_allclose(probabilities_in(answer), expected, atol=1e-5)

    def test_one_row_by_itself(self, digits, client):
        talk = client(digits.app())
        for body in (digits.X[0].tolist(), {"features": digits.X[0].tolist()}):
            answer = invoke(talk, json.dumps(body), "application/json; charset=utf-8")
            assert len(probabilities_in(answer)) == 1

    @pytest.mark.parametrize(
        ("accept", "content_type"),
        [
            ("text/csv", "text/csv"),
            ("application/json;q=0.1, text/*", "text/csv"),
            ("application/jsonlines", "application/jsonlines"),
            ("*/*", "application/json"),
            ("", "application/json"),
            ("image/png, */*;q=0.1", "application/json"),
        ],
    )
    def test_accept(self, accept, content_type, digits, client):
        body = json.dumps(digits.X[:2].tolist())
        answer = invoke(client(digits.app()), body, "application/json", accept)
        assert answer.headers["content-type"] == content_type

    def test_types_that_do_not_exist_here(self, digits, client):
        talk = client(digits.app())
        body = json.dumps(digits.X[:2].tolist())
        answer = invoke(talk, body, "application/json", "image/png")
        assert answer.status_code == 406
        assert "text/csv" in answer.json()["error"]
        answer = invoke(talk, body, "application/x-www-form-urlencoded")
        assert answer.status_code == 415
        assert "Got application/x-www-form-urlencoded" in answer.json()["error"]

    @pytest.mark.parametrize(
        ("content_type", "body", "expected"),
        [
            ("text/csv", b"1,2\n", "64 values"),
            ("text/csv", b"", "at least one row"),
            ("text/csv", b"\xff\xfe", "UTF-8"),
            ("text/csv", ",".join(["a"] * 64).encode(), "feature 0 of row 0"),
            ("application/jsonlines", b"", "at least one row"),
            ("application/jsonlines", b"[1]\n{", "must be JSON"),
            ("application/json", b"", "must be JSON"),
            ("application/json", b"3", "must be a list or an object"),
            ("application/json", b"{}", "exactly one of the keys"),
            ("application/json", b'{"rows": []}', "exactly one of the keys"),
            ("application/json", b"[" * 90_000, "JSON"),
            ("application/json", b'{"instances": {"a": [1]}}', "Rows must be lists"),
            ("application/json", b'{"instances": [], "parameters": 3}', "at least one"),
        ],
    )
    def test_wrong_bodies(self, content_type, body, expected, digits, client):
        answer = invoke(client(digits.app()), body, content_type)
        assert answer.status_code == 400
        assert expected in answer.json()["error"]

    def test_ping_and_what_batch_transform_may_ask_for(self, digits, client):
        talk = client(digits.app(max_body=8 << 20))
        assert talk.get("/ping").status_code == 200
        parameters = talk.get("/execution-parameters").json()
        assert parameters["MaxPayloadInMB"] == 8
        assert parameters["BatchStrategy"] == "MULTI_RECORD"


class TestVertex:
    def test_routes_are_those_that_the_platform_names(self, digits, client):
        routes = {
            "predict_route": "/v1/endpoints/1/deployedModels/2:predict",
            "health_route": "/v1/endpoints/1/deployedModels/2",
        }
        talk = client(digits.app(**routes))
        assert talk.get(routes["health_route"]).status_code == 200
        document = {"instances": digits.X[:2].tolist()}
        answer = talk.post(routes["predict_route"], json=document)
        assert len(probabilities_in(answer)) == 2
        assert talk.post("/predict", json=document).status_code == 404

    @pytest.mark.parametrize("output", ["label", "probabilities", "full"])
    def test_parameters_choose_the_output(self, output, digits, client):
        X = digits.X[:3]
        document = {"instances": X.tolist(), "parameters": {"output": output}}
        answer = client(digits.app()).post("/predict", json=document)
        predictions = answer.json()["predictions"]
        if output == "label":
            assert predictions == digits.net.predict(X).tolist()
        elif output == "probabilities":
            assert_allclose(predictions, digits.net.predict_proba(X), atol=1e-5)
        else:
            assert set(predictions[0]) == {"label", "probabilities"}

    def test_the_server_has_an_output_of_its_own(self, digits, client):
        talk = client(digits.app(output="label"))
        answer = talk.post("/predict", json={"instances": digits.X[:3].tolist()})
        predictions = answer.json()["predictions"]
        assert predictions == digits.net.predict(digits.X[:3]).tolist()

    @pytest.mark.parametrize(
        ("document", "expected"),
        [
            ([], "must be a JSON object"),
            ({}, "must have the key `instances`"),
            ({"instances": None}, "The rows must be a list"),
            ({"instances": [[0] * 64], "parameters": []}, "parameters must be an obj"),
            (
                {"instances": [[0] * 64], "parameters": {"output": "logits"}},
                "`output` must be one of full, label, probabilities. Got 'logits'",
            ),
        ],
    )
    def test_wrong_bodies(self, document, expected, digits, client):
        answer = client(digits.app()).post("/predict", json=document)
        assert answer.status_code == 400
        assert expected in answer.json()["error"]


class TestMLflow:
    @pytest.mark.parametrize(
        "document",
        [
            lambda X: {"dataframe_split": json.loads(X.to_json(orient="split"))},
            lambda X: {"dataframe_records": records(X)},
            lambda X: {"instances": records(X)},
            lambda X: {
                "inputs": {k: [r[k] for r in records(X)] for k in X.columns},
            },
        ],
    )
    def test_forms(self, document, wine, client):
        X = wine.X[:12]
        shuffled = X[["hue", "year", "ash", "alcohol"]]
        answer = client(wine.app()).post("/invocations", json=document(shuffled))
        assert_allclose(probabilities_in(answer), wine.net.predict_proba(X), atol=1e-6)

    def test_split_without_names(self, digits, client):
        frame = pd.DataFrame(digits.X[:2])
        document = {"dataframe_split": json.loads(frame.to_json(orient="split"))}
        answer = client(digits.app()).post("/invocations", json=document)
        assert len(probabilities_in(answer)) == 2

    def test_params(self, digits, client):
        document = {"inputs": digits.X[:2].tolist(), "params": {"output": "label"}}
        answer = client(digits.app()).post("/invocations", json=document)
        labels = digits.net.predict(digits.X[:2]).tolist()
        assert answer.json() == {"predictions": labels}

    @pytest.mark.parametrize(
        ("document", "expected"),
        [
            ({"dataframe_split": []}, "an object with `columns` and `data`"),
            ({"dataframe_split": {"data": 3}}, "`data` must be a list of lists"),
            (
                {"dataframe_split": {"columns": ["ash", "hue"], "data": [[1]]}},
                "Row 0 must have 2 values",
            ),
            (
                {"dataframe_split": {"columns": ["ash", 2], "data": [[1, 2]]}},
                "`columns` must be a list of names",
            ),
            ({"dataframe_records": [[1]]}, "must be a list of objects"),
            ({"inputs": {"ash": [1], "hue": ["deep", "deep"]}}, "of one length"),
            ({"inputs": {"ash": 3}}, "of one length"),
            ({"inputs": {"ash": [1], "hue": "deep"}}, "`hue` must be a list"),
            ({"inputs": {"body": [1]}}, "'body' must be one of the columns"),
            ({"inputs": [], "instances": []}, "exactly one of the keys"),
        ],
    )
    def test_wrong_bodies(self, document, expected, wine, client):
        answer = client(wine.app()).post("/invocations", json=document)
        assert answer.status_code == 400
        assert expected in answer.json()["error"]
