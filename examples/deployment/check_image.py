"""Runs the steps of the Dockerfile in a new environment, and asks what it made.

    python examples/deployment/check_image.py MODEL.skdeep

For machines without Docker: what is installed, that PyTorch isn't, how large it is, and
that `skdeep serve`, started as SageMaker starts it, answers and ends.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# None of them belongs into the image.
UNWANTED = ("torch", "sklearn", "skorch", "onnx")
PORT = 8097


def install(folder):
    """What the image's RUN lines do."""
    venv.create(folder, with_pip=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "-r", HERE / "requirements.txt"], check=True)
    source = folder / "src"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "skdeep", source / "skdeep", ignore=ignored)
    subprocess.run([*pip, "--no-deps", source], check=True)
    shutil.rmtree(source)


def found_of(folder):
    """Those of the unwanted packages that can be imported."""
    code = (
        "import importlib.util, json; print(json.dumps([n for n in "
        f"{UNWANTED!r} if importlib.util.find_spec(n)]))"
    )
    python = folder / "bin" / "python"
    done = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    return json.loads(done.stdout)


def megabytes(folder):
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6


def get(path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}") as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return None, b""


def serve(folder, model):
    """Start as the container starts, wait for the model, and end as containers end."""
    environ = {**os.environ, "SKDEEP_MODEL": str(model), "AIP_HTTP_PORT": str(PORT)}
    start = time.perf_counter()
    process = subprocess.Popen([folder / "bin" / "skdeep", "serve"], env=environ)
    try:
        while get("/ping")[0] != 200:
            if process.poll() is not None or time.perf_counter() - start > 60:
                raise RuntimeError("The server did not start.")
            time.sleep(0.05)
        ready = time.perf_counter() - start
        status, body = get("/v2/models/" + Path(model).stem)
        if status != 200:
            raise RuntimeError(f"No metadata: {body.decode()}")
        process.send_signal(signal.SIGTERM)
        return ready, process.wait(30), json.loads(body)
    finally:
        process.kill()


def main(model):
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        install(folder)
        unwanted = found_of(folder)
        size = megabytes(folder)
        ready, status, metadata = serve(folder, Path(model).resolve())
    print(f"Unwanted packages: {unwanted or 'none'}")
    print(f"Size of the environment: {size:.0f} MB")
    print(f"Ready after {ready:.2f} s, ended with status {status}")
    print(f"Inputs: {metadata['inputs'][:3]}")
    return 1 if unwanted or status else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
