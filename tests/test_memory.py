"""Memory: data is neither copied nor, if it lies in a file, loaded whole."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="reads the memory of a process from /proc"
)
MB = 2**20

# Reports by how many bytes the private memory of the process grew at most while some
# code ran; pages of a mapped file do not count.
PROLOGUE = """
import json, re, threading, time, warnings
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_iris
from skdeep import DeepMLPClassifier

warnings.simplefilter("ignore")
X, y = load_iris(return_X_y=True)
DeepMLPClassifier(max_iter=1, early_stopping=True).fit(X, y).score(X, y)
# Bins of a batch take ten times its room, whatever the size of the data.
plain = {"batch_size": 4096, "numerical_embedding": None}
net = DeepMLPClassifier((16,), max_iter=1, random_state=0, **plain)


def private():
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(r"RssAnon:\\s+(\\d+)", file.read())[1])


def growth(function):
    before = highest = private()
    thread = threading.Thread(target=function)
    thread.start()
    while thread.is_alive():
        highest = max(highest, private())
        time.sleep(0.001)
    return highest - before


def standard_normal(out):
    rng = np.random.default_rng(0)
    for start in range(0, len(out), 10_000):
        part = out[start : start + 10_000]
        part[:] = rng.standard_normal(part.shape, dtype=np.float32)
"""


def run(code, *arguments):
    """Run in a process of its own, one thread; returns what it prints as JSON."""
    result = subprocess.run(
        [sys.executable, "-c", PROLOGUE + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


MAPPED = """
import sys
path = sys.argv[1]
X = np.memmap(path, np.float32, "w+", shape=(600_000, 100))
standard_normal(X)
y = (X[:, 0] > 0).astype(int)
X.flush()
X = np.memmap(path, np.float32, "r", shape=X.shape)
weight = np.ones(len(X))
weight[::1000] = 0.0
stopping = clone(net).set_params(early_stopping=True)


def stream():
    clf = DeepMLPClassifier((16,), **plain)
    for start in range(0, len(X), 100_000):
        rows = slice(start, start + 100_000)
        clf.partial_fit(X[rows], y[rows], classes=[0, 1])


grown = {
    "fit": growth(lambda: net.fit(X, y)),
    "early stopping": growth(lambda: stopping.fit(X, y)),
    "weights of zero": growth(lambda: net.fit(X, y, sample_weight=weight)),
    "partial_fit": growth(stream),
    "predict_proba": growth(lambda: net.predict_proba(X)),
    "score": growth(lambda: net.score(X, y)),
}
net.set_params(learning_rate_init=0.02).fit(X, y)
grown["score of the net"] = net.score(X, y)
print(json.dumps(grown))
"""


def test_a_mapped_file_is_never_loaded_whole(tmp_path):
    grown = run(MAPPED, tmp_path / "X.dat")
    assert grown.pop("score of the net") > 0.9
    # Of 240 MB; what grows with the number of rows is the order of the batches, the
    # weights and the probabilities.
    assert max(grown.values()) < 90 * MB, grown


IN_MEMORY = """
def main():
    X = np.empty((1_000_000, 50), np.float32)
    standard_normal(X)
    y = (X[:, 0] > 0).astype(int)
    net.fit(X, y)
    assert net.predict_proba(X).shape == (1_000_000, 2)


print(growth(main))
"""


def test_a_million_rows_take_little_more_than_the_data():
    assert run(IN_MEMORY) < 1.6 * 200e6
