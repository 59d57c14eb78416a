"""The server as a process: signals, workers, slow clients, what it imports."""

import concurrent.futures
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import numpy as np
import pytest
from serving.running import ROOT, get, running

# Each row takes a while, the port is chosen by the system.
SLOW = """
import sys, time
from skdeep.serving import model
read = model.ServedModel.from_archive
def slowly(*arguments):
    served = read(*arguments)
    predict = served.predict
    served.predict = lambda rows: (time.sleep(0.4), predict(rows))[1]
    return served
model.ServedModel.from_archive = slowly
from skdeep.serving.command_line import main
sys.exit(main())
"""
LATE = """
import sys, time
from skdeep.serving import model
read = model.ServedModel.from_archive
model.ServedModel.from_archive = lambda *a: (time.sleep(1), read(*a))[1]
from skdeep.serving.command_line import main
sys.exit(main())
"""


_STARTED = re.compile(r"Started server process \[(\d+)\]")


def document(saved, n_rows=1):
    return {"instances": np.asarray(saved.X[:n_rows]).tolist()}


def serve(saved, *options, **more):
    return running("serve", saved.path, "--port", 0, *options, **more)


def test_torch_and_scikit_learn_are_not_imported(digits):
    code = f"""
import sys
from skdeep.serving import ServedModel, create_app
from skdeep.serving import command_line, server, workers
app = create_app(ServedModel.from_archive({str(digits.path)!r}))
print(sorted({{"torch", "sklearn", "skorch", "scipy", "pandas"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_what_is_in_flight_is_answered_after_sigterm(digits):
    with serve(digits, "--max-batch", 1, code=SLOW) as server:
        server.wait_for_port()
        server.wait_until_ready()
        with (
            concurrent.futures.ThreadPoolExecutor(3) as pool,
            httpx.Client() as client,
        ):
            url = f"{server.url}/predict"
            posts = [
                pool.submit(client.post, url, json=document(digits), timeout=20)
                for _ in range(3)
            ]
            # The first one is being computed, and two of them wait.
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            assert [post.result().status_code for post in posts] == [200] * 3
            assert server.end() == 0
            with pytest.raises(httpx.ConnectError):
                client.post(url, json=document(digits))


def test_grace_has_an_end(digits):
    with serve(digits, "--max-batch", 1, "--grace", 1, code=SLOW) as server:
        server.wait_for_port()
        server.wait_until_ready()
        body = json.dumps(document(digits, 20)).encode()
        with _connection(server) as stuck:
            stuck.sendall(_head(len(body)) + body)
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            # Twenty rows one by one would take eight seconds.
            assert server.end(6) == 0


def test_port_is_open_before_the_model_is_loaded(digits):
    with serve(digits, code=LATE) as server:
        server.wait_for_port()
        assert get(f"{server.url}/healthz").status_code == 200
        assert get(f"{server.url}/ping").status_code == 503
        server.wait_until_ready()
        assert get(f"{server.url}/ping").status_code == 200


def test_slow_and_dead_clients_are_ended(digits):
    with serve(digits, "--request-timeout", 0.5) as server:
        server.wait_for_port()
        server.wait_until_ready()
        with (
            _connection(server) as silent,
            _connection(server) as in_head,
            _connection(server) as in_body,
        ):
            in_head.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\n")
            in_body.sendall(_head(100) + b"{")
            # Others are served meanwhile.
            answer = httpx.post(f"{server.url}/predict", json=document(digits))
            assert answer.status_code == 200
            assert in_body.recv(100).startswith(b"HTTP/1.1 408")
            for connection in (silent, in_head):
                with contextlib.suppress(ConnectionResetError):
                    assert connection.recv(100) == b""
        server.process.send_signal(signal.SIGTERM)
        assert server.end() == 0
    lines = [event for event in server.events if event["event"] == "request"]
    assert sorted(line["status"] for line in lines if "predict" in line["path"]) == [
        200,
        408,
    ]


def test_model_that_cannot_be_loaded_ends_the_server(tmp_path):
    path = tmp_path / "model.skdeep"
    path.write_bytes(b"nothing")
    with running("serve", path, "--port", 0, "--workers", 2) as server:
        assert server.end() == 1
    (error,) = {e["message"] for e in server.events if e["level"] == "error"}
    assert "must be a file that skdeep.persistence.save wrote" in error
    assert "Traceback" not in "".join(server.lines)


def test_port_that_is_taken(digits):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for n_workers in (1, 2):
            arguments = ("--port", port, "--workers", n_workers)
            with running("serve", digits.path, *arguments) as server:
                assert server.end() == 1
            assert "in use" in "".join(server.lines)
            assert "Traceback" not in "".join(server.lines)


def test_workers_share_a_port_and_a_page_of_metrics(digits):
    with serve(digits, "--workers", 2) as server:
        server.wait_for_port()
        server.wait(lambda: _metric(server, "skdeep_ready_workers") == 2)
        for _ in range(20):
            # Each has a connection of its own, which any worker may take.
            answer = httpx.post(f"{server.url}/predict", json=document(digits))
            assert answer.status_code == 200
        # A worker counts within a tenth of a second.
        server.wait(lambda: _metric(server, "skdeep_rows_total") == 20)
        rows = {_metric(server, "skdeep_rows_total") for _ in range(6)}
        assert rows == {20}

        (victim, *_) = _children(server)
        os.kill(victim, signal.SIGKILL)
        server.wait(lambda: victim not in _children(server))
        server.wait(lambda: len(_children(server)) == 2)
        server.wait(lambda: _metric(server, "skdeep_ready_workers") == 2)
        assert _metric(server, "skdeep_rows_total") == 20
        workers = _children(server)
        server.process.send_signal(signal.SIGTERM)
        assert server.end() == 0
    assert not any(map(_is_alive, workers))


def test_workers_end_with_their_parent(digits):
    with serve(digits, "--workers", 2) as server:
        server.wait_for_port()
        server.wait(lambda: len(_children(server)) == 2)
        workers = _children(server)
        server.process.kill()
        server.end()
        deadline = time.monotonic() + 20
        while any(map(_is_alive, workers)):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def _metric(server, name):
    try:
        text = get(f"{server.url}/metrics").text
    except httpx.TransportError:
        # The worker that took the connection has just been killed.
        return None
    lines = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].rpartition(" ")[2]) if lines else None


def _children(server):
    """Processes of the workers."""
    started = (_STARTED.search(line) for line in server.lines)
    found = {int(match[1]) for match in started if match}
    return {process for process in found if _is_alive(process)}


def _is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _connection(server):
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.settimeout(10)
    return connection


def _head(length):
    return (
        "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()
