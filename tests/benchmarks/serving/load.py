"""Clients that make load: wrk for speed, and one of our own that looks at every answer.

wrk is the program of that name, as Debian has it. Ours holds plain sockets in one event
loop; it is slower, but knows the status, the content and the time of each request.
"""

import asyncio
import json
import re
import shutil
import subprocess
import tempfile
import time
from typing import NamedTuple

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


class Rate(NamedTuple):
    """What wrk found.

    Attributes
    ----------
    per_second, median, p99 : float
        Requests, and seconds that one took.

    failed : int
        Answers other than 2xx, and connections that broke.
    """

    n_requests: int
    per_second: float
    median: float
    p99: float
    failed: int


def wrk(url, document, connections, seconds, core):
    """Load a server with wrk, pinned to a core."""
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk isn't installed: apt-get install wrk")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        body = json.dumps(document)
        script.write(
            'wrk.method = "POST"\n'
            'wrk.headers["Content-Type"] = "application/json"\n'
            f"wrk.body = [==[{body}]==]\n"
        )
        script.flush()
        done = subprocess.run(
            [
                *("taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}"),
                *(f"-d{seconds}s", "--latency", "-s", script.name, url),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    return _parsed(done.stdout)


def _parsed(text):
    def seconds(label):
        number, unit = re.search(rf"{label}\s+([\d.]+)(us|ms|s|m)", text).groups()
        return float(number) * _UNITS[unit]

    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: (.*)", text)
    return Rate(
        n_requests=int(re.search(r"(\d+) requests in", text)[1]),
        per_second=float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
        median=seconds("50%"),
        p99=seconds("99%"),
        failed=int(failed[1])
        if failed
        else 0 + sum(map(int, re.findall(r"\d+", broken[1] if broken else ""))),
    )


class Answer(NamedTuple):
    """Status, seconds and body of a request."""

    status: int
    seconds: float
    body: bytes


async def ask_all(port, body, connections, n_requests, seen, pause=0.0):
    """Send requests over some connections, each as soon as the last one is answered.

    Parameters
    ----------
    port : int

    body : bytes

    connections : int

    n_requests : int or None
        Altogether, or None to go on until cancelled.

    seen : callable
        Gets each Answer.

    pause : float, default=0
        Seconds that a connection rests after a refusal.
    """
    left = iter(range(n_requests)) if n_requests is not None else iter(int, 1)
    head = (
        "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()

    async def ask():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for _ in left:
                start = time.perf_counter()
                writer.write(head + body)
                answer = await _answer(reader, start)
                seen(answer)
                if answer.status != 200 and pause:
                    await asyncio.sleep(pause)
        finally:
            writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(ask())


async def _answer(reader, start):
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
    body = await reader.readexactly(length)
    return Answer(int(head[9:12]), time.perf_counter() - start, body)
