"""Speed of the server, and what it does under more load than it can take.

    python tests/benchmarks/serving/run.py [--parts NAMES] [--peers FOLDER] [--json F]

needs wrk. FOLDER holds environments named litserve, bentoml and mlserver, each with the
package of that name, numpy and onnxruntime. Servers run on one core, and what loads
them on another; contestants take turns, so that a busy machine slows all alike.
"""

import argparse
import asyncio
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

from load import ask_all, wrk
from processes import command_of, cpu_seconds, free_port, resident_megabytes, started
from sklearn.datasets import load_breast_cancer

from skdeep import DeepMLPClassifier
from skdeep import _archive as archive
from skdeep.persistence import save

OURS = "skdeep serve"
STACK = [OURS, "inline", "inline, h11 and asyncio", "Starlette echo", "bare echo"]
PEERS = ["LitServe", "MLServer", "BentoML"]
NETS = {
    # Two layers of 128 units on an embedding of each column, in float64.
    "default": {},
    # What scikit-learn's MLPClassifier is by default.
    "small": {"hidden_layer_sizes": (100,), "numerical_embedding": None},
}
PACKAGES = ("starlette", "uvicorn", "httptools", "uvloop", "orjson", "onnxruntime")
# A batch of a slowed model takes so long.
SLOW_SECONDS = 0.05
_SLOWED = """
import sys, time
from skdeep.serving import model
read = model.ServedModel.from_archive
def slowed(*arguments):
    served = read(*arguments)
    predict = served.predict
    served.predict = lambda rows: (time.sleep({seconds}), predict(rows))[1]
    return served
model.ServedModel.from_archive = slowed
from skdeep.serving.command_line import main
sys.exit(main())
"""


def prepare(folder, kind):
    """A net, as an archive and as a graph, and one of its rows."""
    data = load_breast_cancer(as_frame=True)
    net = DeepMLPClassifier(**NETS[kind], random_state=0)
    net.fit(data.data, data.target)
    path = folder / "model.skdeep"
    save(net, path, data.data, onnx=True)
    graph = archive.read(path).parts["model.onnx"]
    path.with_name("model.onnx").write_bytes(graph)
    return path, data.data[:1].to_numpy().tolist()


def request_for(name, row):
    """Path and document that a contestant takes."""
    if name == "MLServer":
        tensor = {"name": "X", "shape": [1, 30], "datatype": "FP64", "data": row[0]}
        return "/v2/models/model/infer", {"inputs": [tensor]}
    return "/predict", {"instances": row}


def measure(name, model, row, options, connections):
    """One round of a contestant."""
    port = free_port()
    path, document = request_for(name, row)
    if name == "MLServer":
        _configure_mlserver(model.parent, port)
    command, environ = command_of(name, model, port, options.peers)
    environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    if name in PEERS:
        environ["PYTHONPATH"] = str(Path(__file__).parent)
    url = f"http://127.0.0.1:{port}{path}"
    with started(command, port, options.core, environ) as process:
        wrk(url, document, connections, 1, options.client_core)
        before = cpu_seconds(process)
        rate = wrk(url, document, connections, options.seconds, options.client_core)
        spent = cpu_seconds(process) - before
    return {
        "failed": rate.failed,
        "per_second": rate.per_second,
        "median": rate.median,
        "p99": rate.p99,
        "cpu": spent / rate.n_requests,
    }


def _configure_mlserver(folder, port):
    settings = {
        "http_port": port,
        "parallel_workers": 0,
        "metrics_port": free_port(),
        "grpc_port": free_port(),
        "debug": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {
        "name": "model",
        "implementation": "peer_mlserver.Model",
        "max_batch_size": 64,
        "max_batch_time": 0.001,
    }
    (folder / "model-settings.json").write_text(json.dumps(model))


def compare(names, model, row, options):
    """Rounds in turns; medians of them, for one connection and for many."""
    rounds = {}
    for _ in range(options.rounds):
        for name in names:
            for connections in (1, options.connections):
                _wait_for_quiet(options)
                result = measure(name, model, row, options, connections)
                rounds.setdefault((name, connections), []).append(result)
                print(name, connections, result, file=sys.stderr, flush=True)
        # Others may share the machine.
        time.sleep(options.rest)
    return {
        name: {
            connections: {
                key: statistics.median(r[key] for r in rounds[name, connections])
                for key in ("per_second", "median", "p99", "cpu")
            }
            for connections in (1, options.connections)
        }
        for name in names
    }


def _wait_for_quiet(options):
    while options.quiet is not None and options.quiet.exists():
        time.sleep(5)


def table(results, many):
    """Markdown of a comparison."""
    ours = results[OURS]
    lines = [
        f"| | requests a second, {many} connections | ours: times as many | "
        "CPU microseconds a request | median ms, 1 connection | ours: share |",
        "|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        rate, wait = result[many]["per_second"], result[1]["median"]
        lines.append(
            f"| {name} | {rate:,.0f} | {ours[many]['per_second'] / rate:.2f} | "
            f"{1e6 * result[many]['cpu']:.0f} | {1e3 * wait:.3f} | "
            f"{ours[1]['median'] / wait:.2f} |"
        )
    return "\n".join(lines)


def overload(model, row, options):
    """Six hundred connections that never rest, on a model that is slow."""
    port, body = free_port(), json.dumps({"instances": row}).encode()
    code = _SLOWED.format(seconds=SLOW_SECONDS)
    command = [sys.executable, "-c", code, "serve", model, "--port", port]
    command += ["--max-queue", 512, "--no-access-log"]
    environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
    seen, memory = {}, []
    with started(command, port, options.core, environ) as process:
        os.sched_setaffinity(0, {options.client_core})

        async def load():
            asking = asyncio.create_task(
                ask_all(
                    port,
                    body,
                    600,
                    None,
                    lambda a: seen.setdefault(a.status, []).append(a.seconds),
                    pause=options.pause,
                )
            )
            for _ in range(options.overload_seconds):
                await asyncio.sleep(1)
                memory.append(resident_megabytes(process))
            asking.cancel()
            await asyncio.wait([asking])

        asyncio.run(load())
        alive = process.poll() is None
    good = sorted(seen.get(200, [9e9]))
    return {
        "statuses": {status: len(times) for status, times in seen.items()},
        "p50 of 200": good[len(good) // 2],
        "p99 of 200": good[int(len(good) * 0.99)],
        "memory after 2 s": memory[1],
        "memory at the end": memory[-1],
        "alive": alive,
    }


def soak(model, row, options):
    """Many requests, every answer looked at, and the memory at several times."""
    port, body = free_port(), json.dumps({"instances": row}).encode()
    command, environ = command_of(OURS, model, port)
    environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    answers, memory, n = {}, [], options.soak_requests

    def look(answer):
        key = answer.status, answer.body
        answers[key] = answers.get(key, 0) + 1

    with started(command, port, options.core, environ) as process:
        os.sched_setaffinity(0, {options.client_core})
        # What is allocated once, whatever comes later.
        asyncio.run(ask_all(port, body, 64, n // 20, lambda answer: None))
        memory.append(resident_megabytes(process))
        for _ in range(10):
            _wait_for_quiet(options)
            asyncio.run(ask_all(port, body, 64, n // 10, look))
            memory.append(resident_megabytes(process))
    return {
        "requests": n,
        "answered": sum(answers.values()),
        "different answers": len(answers),
        "statuses": sorted({status for status, _ in answers}),
        "memory": memory,
        "grown": memory[-1] - memory[0],
    }


def machine():
    """Where it ran."""
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(": ")[2] for line in cpuinfo if "model name" in line]
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "Python": platform.python_version(),
        "load": os.getloadavg()[0],
        **versions,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--parts", default="stack,overload,soak")
    add("--peers", type=Path, help="folder of the environments of other servers")
    add("--json", type=Path)
    add("--net", choices=NETS, default="default")
    add("--core", type=int, default=1)
    add("--client-core", type=int, default=0)
    add("--rounds", type=int, default=5)
    add("--seconds", type=int, default=4)
    add("--connections", type=int, default=64)
    add("--overload-seconds", type=int, default=20)
    add("--pause", type=float, default=0.0, help="after a refusal")
    add("--soak-requests", type=int, default=200_000)
    add("--rest", type=float, default=0.0, help="seconds after each round")
    add("--quiet", type=Path, help="wait while this file exists")
    options = parser.parse_args()
    parts, found = options.parts.split(","), {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        model, row = prepare(Path(folder), options.net)
        for name, contestants in (("stack", STACK), ("peers", [OURS, *PEERS])):
            if name in parts:
                found[name] = compare(contestants, model, row, options)
                print(table(found[name], options.connections), flush=True)
        for name, run in (("overload", overload), ("soak", soak)):
            if name in parts:
                found[name] = run(model, row, options)
                print(f"{name}: {json.dumps(found[name])}", flush=True)
    print(f"machine: {json.dumps(found['machine'])}")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
