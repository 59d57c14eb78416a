"""The server's app on Ray Serve: replicas come, go and die, and no request is lost."""

import asyncio
import os
import runpy
import socket
import tempfile
import time
import warnings
from pathlib import Path
from unittest.mock import patch

import httpx
import numpy as np
import pytest
import ray
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris

from skdeep import DeepMLPClassifier
from skdeep.persistence import save

with warnings.catch_warnings():
    # Ray 2.60 calls pydantic in a way that pydantic no longer likes.
    warnings.simplefilter("ignore", DeprecationWarning)
    from ray import serve

EXAMPLE = Path(__file__).parents[2] / "examples" / "deployment" / "on_ray_serve.py"
AUTOSCALING = {
    "min_replicas": 1,
    "max_replicas": 3,
    "target_ongoing_requests": 2,
    "upscale_delay_s": 0.5,
    "downscale_delay_s": 1,
    "metrics_interval_s": 0.2,
    "look_back_period_s": 0.5,
}


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    X, y = load_iris(return_X_y=True)
    net = DeepMLPClassifier((10,), max_iter=5, random_state=0).fit(X, y)
    path = tmp_path_factory.mktemp("ray") / "iris.skdeep"
    save(net, path, X, onnx=True)
    return net, path, X


@pytest.fixture
def address(iris, ray_token):
    _, path, _ = iris
    make_app = runpy.run_path(EXAMPLE)["make_app"]
    with (
        # Sockets lie in it, and their paths have a hundred characters at most.
        tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder,
        patch.dict(os.environ, RAY_TMPDIR=folder, RAY_AUTH_TOKEN=ray_token),
        ray.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False),
    ):
        port = _free_port()
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        app = make_app(
            str(path),
            autoscaling_config=AUTOSCALING,
            ray_actor_options={"num_cpus": 0.1},
        )
        serve.run(app, name="iris", route_prefix="/")
        yield f"http://127.0.0.1:{port}"
        serve.shutdown()


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def replicas():
    deployments = serve.status().applications["iris"].deployments
    return deployments["Model"].replica_states.get("RUNNING", 0)


async def load_until(address, document, condition, seconds=60):
    """Keep 24 requests under way until a condition holds; returns the answers."""
    answers, going_on = [], True

    async def ask(client):
        while going_on:
            answers.append(await client.post(f"{address}/predict", json=document))

    async with httpx.AsyncClient(timeout=30) as client, asyncio.TaskGroup() as group:
        for _ in range(24):
            group.create_task(ask(client))
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(condition):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        going_on = False
    return answers


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def kill_one():
    """End one replica at once, as a machine that fails would."""
    actors = ray.util.list_named_actors(all_namespaces=True)
    victim = next(a for a in actors if "iris#Model" in a["name"])
    ray.kill(ray.get_actor(victim["name"], victim["namespace"]))


# Ray gives each of its processes a second to end, and looks no further.
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
# Variables will do the same, but Ray reads them before a test can set them.
@pytest.mark.filterwarnings("ignore:The `metrics_interval_s` field:DeprecationWarning")
def test_replicas_follow_the_load_and_survive_one_another(address, iris):
    net, _, X = iris
    document = {"instances": X[:4].tolist()}
    assert replicas() == 1

    answers = asyncio.run(load_until(address, document, lambda: replicas() == 3))
    kill_one()
    answers += asyncio.run(load_until(address, document, lambda: replicas() == 3))
    assert {answer.status_code for answer in answers} == {200}
    for answer in answers:
        got = [entry["probabilities"] for entry in answer.json()["predictions"]]
        assert_allclose(got, net.predict_proba(np.asarray(X[:4])), atol=1e-6)
    wait_for(lambda: replicas() == 1)
    # On a busy machine Ray's proxy may take a while to see which replicas went.
    assert httpx.get(f"{address}/readyz", timeout=60).status_code == 200
