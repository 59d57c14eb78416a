"""Routes, refusals, health, metrics, logs and documentation of the app."""

import asyncio
import gzip
import io
import json
import zlib

import httpx
import jsonschema
import numpy as np
import pytest
from numpy.testing import assert_allclose

from skdeep.serving import create_app
from skdeep.serving.bodies import Patience, read_body
from skdeep.serving.errors import ModelError, RequestError
from skdeep.serving.logs import AccessLog
from skdeep.serving.settings import Settings


def body_of(saved, n_rows=1):
    return json.dumps({"instances": np.asarray(saved.X[:n_rows]).tolist()}).encode()


def error_of(answer, status):
    assert answer.status_code == status, answer.text
    assert "Traceback" not in answer.text
    return answer.json()["error"]


class TestRefusals:
    def test_unknown_routes_and_methods(self, digits, client):
        talk = client(digits.app())
        assert "/docs lists what there is" in error_of(talk.get("/nowhere"), 404)
        answer = talk.get("/predict")
        assert error_of(answer, 405) == "/predict takes POST only."
        assert answer.headers["allow"] == "POST"
        error_of(talk.post("/healthz"), 405)
        error_of(talk.request("DELETE", "/invocations"), 405)

    @pytest.mark.parametrize("compress", [bytes, gzip.compress, zlib.compress])
    def test_large_bodies(self, compress, digits, client):
        talk = client(digits.app(max_body=1000))
        coding = {bytes: "identity", gzip.compress: "gzip", zlib.compress: "deflate"}
        headers = {"content-encoding": coding[compress]}
        body = compress(b" " * 1_000_000)
        answer = talk.post("/predict", content=body, headers=headers)
        assert error_of(answer, 413) == "The body must have at most 1000 bytes."
        assert answer.headers["connection"] == "close"

    def test_large_body_without_a_length(self, digits, client):
        async def pieces():
            for _ in range(100):
                yield b" " * 100

        answer = client(digits.app(max_body=1000)).post("/predict", content=pieces())
        error_of(answer, 413)

    @pytest.mark.parametrize(
        ("body", "coding", "status"),
        [
            (b"{}", "gzip", 400),
            (gzip.compress(b"{}", mtime=0)[:-4], "gzip", 400),
            (gzip.compress(b"{}", mtime=0) + b"more", "gzip", 400),
            (b"{}", "br", 415),
        ],
    )
    def test_wrong_compression(self, body, coding, status, digits, client):
        headers = {"content-encoding": coding}
        answer = client(digits.app()).post("/predict", content=body, headers=headers)
        assert "compressed" in error_of(answer, status) or status == 415

    def test_deep_nesting(self, digits, client):
        talk = client(digits.app())
        for depth in (50, 70, 900, 50_000):
            for inner in ("1", ""):
                body = '{"instances": ' + "[" * depth + inner + "]" * depth + "}"
                error_of(talk.post("/predict", content=body), 400)
            data = "[" * depth + "]" * depth
            tensor = (
                '{"inputs": [{"name": "X", "shape": [1, 64], "datatype": "BYTES", '
                f'"data": {data}}}]}}'
            )
            error_of(talk.post("/v2/models/digits/infer", content=tensor), 400)

    def test_broken_model_tells_the_log_and_not_the_client(
        self, digits, client, caplog
    ):
        served = digits.served()
        app = create_app(served)
        app.service.batcher._predict = lambda rows: 1 / 0
        answer = client(app).post("/predict", content=body_of(digits))
        message = error_of(answer, 500)
        assert "ZeroDivision" not in message
        request_id = answer.headers["x-request-id"]
        assert request_id in message
        (record,) = caplog.records
        assert record.request_id == request_id
        assert record.exc_info[0] is ZeroDivisionError

    def test_values_that_the_model_cannot_compute_with(self, cancer, client):
        row = [1e300 * (-1) ** i for i in range(30)]
        good = np.asarray(cancer.X[:1]).tolist()
        answer = client(cancer.app()).post("/predict", json={"instances": [*good, row]})
        if answer.status_code != 200:
            assert "Row 1 must have values of a size" in error_of(answer, 400)
        else:
            assert "NaN" not in answer.text

    def test_full_queue(self, digits, client):
        app = digits.app(max_queue=1, max_batch=1)
        talk = client(app)

        async def many():
            posts = (
                talk.post_async("/predict", content=body_of(digits)) for _ in range(9)
            )
            return await asyncio.gather(*posts)

        answers = talk.run(many())
        assert {answer.status_code for answer in answers} == {200, 429}
        refused = next(a for a in answers if a.status_code == 429)
        assert int(refused.headers["retry-after"]) >= 1
        assert "The queue is full" in error_of(refused, 429)


class TestBodies:
    def test_slow_client_is_told_and_others_are_not_held_up(self, digits, client):
        talk = client(digits.app(body_timeout=0.05))

        async def stuck():
            yield b"{"
            await asyncio.sleep(30)

        async def both():
            slow = asyncio.create_task(talk.post_async("/predict", content=stuck()))
            quick = await talk.post_async("/predict", content=body_of(digits))
            assert not slow.done()
            return quick, await slow

        quick, slow = talk.run(both())
        assert quick.status_code == 200
        assert "within 0.05 seconds" in error_of(slow, 408)

    def test_client_that_goes_away(self, digits, client):
        app, sent = digits.app(), []

        async def receive():
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": []}
        client(app).run(app(scope, receive, send))
        assert sent == []

    def test_cancelling_from_outside_is_no_timeout(self):
        async def receive():
            await asyncio.sleep(30)

        async def run():
            patience = Patience(20)
            reading = asyncio.create_task(read_body(receive, {}, 10, patience))
            await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading

        asyncio.run(run())

    def test_body_in_pieces(self, digits, client):
        async def pieces():
            body = body_of(digits)
            for start in range(0, len(body), 50):
                yield body[start : start + 50]

        answer = client(digits.app()).post("/predict", content=pieces())
        assert answer.status_code == 200

    def test_many_rows_at_once(self, digits, client):
        # Long enough to be read, computed and written away from the event loop.
        X = np.tile(digits.X, (3, 1))
        document = {"instances": X.tolist(), "parameters": {"output": "probabilities"}}
        answer = client(digits.app()).post("/predict", json=document)
        got = answer.json()["predictions"]
        assert_allclose(got, digits.net.predict_proba(X), atol=1e-5)
        assert answer.headers["content-encoding"] == "gzip"


class TestLoading:
    def test_refuses_until_the_model_is_there(self, digits, client):
        app = create_app(digits.path)
        talk = client(app)
        assert talk.get("/healthz").status_code == 200
        for path in ("/readyz", "/ping", "/health", "/v2/health/ready", "/docs"):
            answer = talk.get(path)
            assert error_of(answer, 503) == "The model is being loaded."
            assert answer.headers["retry-after"] == "1"
        error_of(talk.post("/predict", content=body_of(digits)), 503)
        error_of(talk.post("/v2/models/digits/infer", content=b"{}"), 503)
        talk.run(started(app))
        assert talk.get("/readyz").status_code == 200
        answer = talk.post("/predict", content=body_of(digits))
        assert answer.status_code == 200

    def test_failure_is_told(self, tmp_path, client):
        path, errors = tmp_path / "model.skdeep", []
        path.write_bytes(b"something else")
        app = create_app(path, on_failure=errors.append)
        client(app).run(started(app, errors))
        (error,) = errors
        assert isinstance(error, ModelError)
        assert str(path) in str(error)


async def started(app, errors=()):
    """Start an app as a server does, and wait until it has loaded its model."""
    messages = iter([{"type": "lifespan.startup"}])
    stop = asyncio.Event()

    async def receive():
        for message in messages:
            return message
        await stop.wait()
        return {"type": "lifespan.shutdown"}

    async def send(message):
        pass

    living = asyncio.create_task(app({"type": "lifespan"}, receive, send))
    while app.service is None and not errors:
        await asyncio.sleep(0.01)
    stop.set()
    await living


class TestIds:
    def test_each_request_has_one(self, digits, client):
        talk = client(digits.app())
        seen = {
            talk.post("/predict", content=body_of(digits)).headers["x-request-id"],
            talk.post("/predict", content=b"").headers["x-request-id"],
            talk.get("/healthz").headers["x-request-id"],
        }
        assert len(seen) == 3

    @pytest.mark.parametrize("name", ["X-Request-Id", "X-Amzn-SageMaker-Inference-Id"])
    def test_its_own_if_it_brings_one(self, name, digits, client):
        talk = client(digits.app())
        for path in ("/predict", "/nowhere"):
            answer = talk.post(path, content=b"", headers={name: "mine/1"})
            assert answer.headers["x-request-id"] == "mine/1"
        for odd in ("a b", "x" * 129, '"'):
            answer = talk.post("/predict", content=b"", headers={name: odd})
            assert answer.headers["x-request-id"] != odd


class TestLogs:
    def test_a_line_for_each_request_that_predicts_or_fails(self, digits, client):
        stream = io.StringIO()
        app = digits.app()
        app._log = AccessLog(stream)
        talk = client(app)
        good = talk.post("/predict", content=body_of(digits, 3))
        talk.post("/invocations", content=b"\xff")
        talk.get("/healthz")
        talk.get('/no"where')
        assert stream.getvalue() == ""
        app._log.flush()
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
        told = [(line["path"], line["status"], line["rows"]) for line in lines]
        assert told == [
            ("/predict", 200, 3),
            ("/invocations", 400, 0),
            ('/no"where', 404, 0),
        ]
        assert lines[0]["request_id"] == good.headers["x-request-id"]
        assert lines[0]["method"] == "POST"
        assert lines[0]["ms"] > 0
        assert set(lines[0]["time"]) >= set("TZ.:-")

    def test_no_lines_if_not_wanted(self, digits, client):
        stream = io.StringIO()
        app = digits.app(access_log=False)
        app._log = AccessLog(stream)
        client(app).post("/predict", content=body_of(digits))
        app._log.flush()
        assert stream.getvalue() == ""


def test_metrics(digits, client):
    talk = client(digits.app())
    for body in (body_of(digits, 3), body_of(digits, 2), b""):
        talk.post("/predict", content=body)
    answer = talk.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines())
    assert lines['skdeep_requests_total{route="/predict",status="200"}'] == "2.0"
    assert lines['skdeep_requests_total{route="/predict",status="400"}'] == "1.0"
    assert lines['skdeep_request_seconds_count{route="/predict"}'] == "3.0"
    assert lines["skdeep_rows_total"] == "5.0"
    assert lines['skdeep_batch_rows_bucket{le="2.0"}'] == "1.0"
    assert lines["skdeep_ready_workers"] == "1.0"
    openmetrics = {"accept": "application/openmetrics-text"}
    answer = talk.get("/metrics", headers=openmetrics)
    assert answer.text.endswith("# EOF\n")


def test_monitoring_and_feedback(cancer, client):
    talk = client(create_app(cancer.served()))
    answer = talk.post("/predict", content=body_of(cancer, 3))
    report = talk.get("/monitoring").json()
    assert report["window"]["n_rows"] == 3
    assert report["latency"]["requests"] == 1
    told = {"id": answer.headers["x-request-id"], "label": ["malignant"] * 3}
    assert talk.post("/feedback", json=told).json()["accepted"] == 1
    assert "skdeep_window_rows 3.0" in talk.get("/metrics").text
    assert talk.get("/monitoring", headers={"accept": "text/html"}).text.startswith(
        "<!"
    )


def test_monitoring_without_statistics(digits, client):
    served = digits.served()
    served.reference = None
    talk = client(create_app(served))
    assert "no statistics" in error_of(talk.get("/monitoring"), 404)
    assert "no statistics" in error_of(talk.post("/feedback"), 404)


class TestDocumentation:
    @pytest.fixture(params=["cancer", "digits", "wine", "tokens", "several"])
    def saved(self, request):
        return request.getfixturevalue(request.param)

    def test_description_holds_for_what_is_sent(self, saved, client):
        talk = client(saved.app())
        description = talk.get("/openapi.json").json()
        assert description["openapi"] == "3.1.0"

        def check(value, pointer):
            schema = {"$ref": f"#{pointer}", "components": description["components"]}
            jsonschema.Draft202012Validator(schema).validate(value)

        rows = np.asarray(saved.X[:3], object)
        rows = [[None if v != v else v for v in row] for row in rows.tolist()]
        for row in rows:
            check(row, "/components/schemas/Row")
        answer = talk.post("/predict", json={"instances": rows}).json()
        check(answer, "/components/schemas/Predictions")
        check(talk.get("/nowhere").json(), "/components/schemas/Error")

    def test_every_route_of_the_description_exists(self, saved, client):
        talk = client(saved.app())
        for path, methods in talk.get("/openapi.json").json()["paths"].items():
            for method in methods:
                status = talk.request(method.upper(), path).status_code
                assert status == (200 if method == "get" else 400)

    def test_page_loads_nothing(self, saved, client):
        page = client(saved.app()).get("/docs").text
        assert "/invocations" in page
        assert not {"<script", "<link", "http://", "https://", "src="} & set(
            page.split()
        )
        assert "src=" not in page


def test_what_is_no_http_is_refused(digits):
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(digits.app()({"type": "websocket"}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_batch", 0),
        ("max_queue", 1.5),
        ("max_body", -1),
        ("max_delay_ms", -1),
        ("body_timeout", 0),
        ("output", "logits"),
        ("predict_route", "predict"),
    ],
)
def test_settings_have_rules(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must .* Got "):
        Settings(**{name: value})


def test_client_of_httpx_that_shares_connections(digits):
    """As many users write it."""

    async def run():
        transport = httpx.ASGITransport(digits.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as c:
            answer = await c.post("/predict", content=body_of(digits))
        assert answer.status_code == 200

    asyncio.run(run())


def test_request_error_has_a_status():
    error = RequestError(418, "no")
    assert (error.status, str(error), error.headers) == (418, "no", {})
