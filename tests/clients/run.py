"""Clients of the platforms against a server, each in an environment of its own.

    cd tests && python -m clients.run --venvs FOLDER [NAME ...]

makes the environments that are missing under FOLDER, serves a net fitted on
scikit-learn's breast cancer data, runs each client against it, and says what happened.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from contextlib import contextmanager
from pathlib import Path

from serving.running import running
from sklearn.datasets import load_breast_cancer

from skdeep import DeepMLPClassifier
from skdeep.persistence import save

HERE = Path(__file__).parent
REQUIREMENTS = {
    "boto3": ["boto3"],
    "sagemaker": ["sagemaker-core"],
    "aiplatform": ["google-cloud-aiplatform[prediction]"],
    "mlflow": ["mlflow-skinny", "pandas", "scipy"],
    "kserve": ["kserve"],
    "schemathesis": ["schemathesis"],
}
# Scripts that run in the environment of another.
GUESTS = {"manifest": "kserve"}
NAMES = [*REQUIREMENTS, *GUESTS]
N_ROWS = 5
TIMEOUT = 600


def environment(folder, name):
    """Python of an environment with the client's packages, made if it isn't there."""
    place, done = folder / name, folder / name / ".done"
    python = place / "bin" / "python"
    if not done.exists():
        venv.create(place, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", *REQUIREMENTS[name]]
        subprocess.run(install, check=True)
        done.touch()
    return python


@contextmanager
def serving(folder):
    """A server, and a file that tells clients where it is and what it must answer."""
    data = load_breast_cancer(as_frame=True)
    net = DeepMLPClassifier(max_iter=10, random_state=0)
    net.fit(data.data, data.target_names[data.target])
    save(net, folder / "cancer.skdeep", data.data)
    X = data.data[:N_ROWS]
    with running("serve", folder / "cancer.skdeep", "--port", 0) as server:
        server.wait_for_port()
        server.wait_until_ready()
        told = {
            "port": server.port,
            "model": "cancer",
            "columns": list(X.columns),
            "rows": X.to_numpy().tolist(),
            "probabilities": net.predict_proba(X).tolist(),
            "labels": net.predict(X).tolist(),
        }
        (folder / "case.json").write_text(json.dumps(told))
        yield folder / "case.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--venvs", type=Path, required=True, help="folder for them")
    parsed = parser.parse_args()
    failed = []
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as case,
    ):
        for name in parsed.names or NAMES:
            try:
                python = environment(parsed.venvs, GUESTS.get(name, name))
            except subprocess.CalledProcessError:
                print(f"{name}: could not be installed")
                failed.append(name)
                continue
            script = HERE / f"with_{name}.py"
            done = subprocess.run([python, script, case], timeout=TIMEOUT, check=False)
            print(f"{name}: {'passed' if done.returncode == 0 else 'FAILED'}")
            failed += [name] if done.returncode else []
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
