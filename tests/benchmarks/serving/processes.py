"""Servers as processes, each pinned to one core."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

HERE = Path(__file__).parent
_SERVE = "import sys; from skdeep.serving.command_line import main; sys.exit(main())"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def command_of(name, model, port, peers=None):
    """Arguments and environment of a contestant.

    Parameters
    ----------
    name : str

    model : Path
        Of the archive; the graph lies beside it as model.onnx.

    port : int

    peers : Path or None, default=None
        Folder with an environment for each other server.

    Returns
    -------
    command : list

    environ : dict
    """
    serve = [sys.executable, "-c", _SERVE, "serve", model, "--port", port]
    uvicorn = [sys.executable, "-m", "uvicorn", "--factory", "--port", port]
    uvicorn += ["--no-access-log", "--log-level", "warning", "--app-dir", HERE]
    slim = ["--http", "h11", "--loop", "asyncio"]
    graph = model.with_name("model.onnx")
    commands = {
        "skdeep serve": serve,
        "skdeep serve, no access log": [*serve, "--no-access-log"],
        "inline": [*uvicorn, "plain_apps:inline"],
        "inline, h11 and asyncio": [*uvicorn, *slim, "plain_apps:inline"],
        "Starlette echo": [*uvicorn, "plain_apps:starlette_echo"],
        "bare echo": [*uvicorn, "plain_apps:bare_echo"],
    }
    if peers is not None:
        commands |= {
            "LitServe": [
                peers / "litserve/bin/python",
                HERE / "peer_litserve.py",
                graph,
                port,
            ],
            "BentoML": [
                peers / "bentoml/bin/bentoml",
                "serve",
                "peer_bentoml:Model",
                "--port",
                port,
                "--working-dir",
                HERE,
            ],
            "MLServer": [peers / "mlserver/bin/mlserver", "start", model.parent],
        }
    environ = {
        "MODEL": model,
        "ONNX": graph,
        "OMP_NUM_THREADS": 1,
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTOML_HOME": model.parent / "bentoml",
    }
    return commands[name], {key: str(value) for key, value in environ.items()}


@contextmanager
def started(command, port, core, environ=None, probe="/readyz", seconds=90):
    """Run a server until the block ends; yields the process."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environ or {})},
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            start_new_session=True,
            cwd=HERE,
        )
        try:
            deadline = time.monotonic() + seconds
            while not _answers(f"http://127.0.0.1:{port}{probe}"):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"{command}: {log.read()[-3000:]}")
                time.sleep(0.1)
            yield process
        finally:
            with_group(process, signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                with_group(process, signal.SIGKILL)
                process.wait()


def with_group(process, number):
    """Send a signal to a process and its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _answers(url):
    try:
        # Contestants without such a route answer 404 once they are there.
        return httpx.get(url).status_code != 503
    except httpx.TransportError:
        return False


def cpu_seconds(process):
    """Seconds of computing of a process and all in its session."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[3]) == process.pid:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_megabytes(process):
    """Memory that a process holds."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
