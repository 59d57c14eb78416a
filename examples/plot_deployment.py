"""
===========================
From fit to another process
===========================

A fitted estimator is a small file: it holds its weights, and needs neither the training
library nor the data any more. In another process it gives the same probabilities, to
the last bit.
"""

# %%
# Train and save
# --------------

import subprocess
import sys
import tempfile
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeep import DeepCNNClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
cnn = DeepCNNClassifier(
    input_shape=(1, 8, 8),
    n_filters=(16, 32),
    batch_size=64,
    learning_rate="one_cycle",
    learning_rate_init=0.01,
    max_iter=8,
    dtype="float32",
    random_state=0,
)
cnn.fit(X_train, y_train)
print(f"accuracy on the test images: {cnn.score(X_test, y_test):.3f}")

folder = tempfile.TemporaryDirectory()
model_file = Path(folder.name) / "digits.joblib"
joblib.dump(cnn, model_file)

weights = cnn.to_module().state_dict().values()
n_bytes = sum(weight.nbytes for weight in weights)
print(
    f"weights {n_bytes / 1000:.0f} kB, file {model_file.stat().st_size / 1000:.0f} kB"
)

# %%
# Load in a fresh process
# -----------------------
# The script below is all that a server needs. It reports which libraries the loading
# has brought in: the one that trains isn't among them. Only load files that you trust:
# a pickle can run any code.

serve = """
import sys
import joblib
import numpy as np

model = joblib.load(sys.argv[1])
np.save(sys.argv[3], model.predict_proba(np.load(sys.argv[2])))
for library in ("torch", "sklearn", "skorch"):
    print(f"{library:8} {'imported' if library in sys.modules else 'not needed'}")
"""
rows_file, answer_file = (Path(folder.name) / name for name in ("X.npy", "answer.npy"))
np.save(rows_file, X_test)
process = subprocess.run(
    [sys.executable, "-c", serve, model_file, rows_file, answer_file],
    capture_output=True,
    text=True,
    check=True,
)
print(process.stdout)

here, there = cnn.predict_proba(X_test), np.load(answer_file)
print(f"same probabilities, bit for bit: {np.array_equal(here, there)}")

# %%
# How long one row takes
# ----------------------
# What counts in a service is the time of a single row, and how it grows with the
# number of rows. Checking the input is part of it, as in scikit-learn's own net, which
# is the measure here. All run on one thread, as one of many workers would; the times
# depend on the machine.

import time

import matplotlib.pyplot as plt
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from skdeep import DeepMLPClassifier

models = {
    "CNN": cnn,
    "DeepMLPClassifier": DeepMLPClassifier(
        (64,), learning_rate="one_cycle", learning_rate_init=0.01, max_iter=15
    ).fit(X_train, y_train),
    "MLPClassifier": MLPClassifier((64,), max_iter=400).fit(X_train, y_train),
}


def median_milliseconds(model, rows, repeats=50):
    model.predict_proba(rows)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        model.predict_proba(rows)
        seconds.append(time.perf_counter() - start)
    return 1000 * np.median(seconds)


sizes = [1, 10, 100, len(X_test)]
figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for (name, model), colour, marker in zip(
    models.items(), ["#D55E00", "#0072B2", "#000000"], "os^", strict=True
):
    with threadpool_limits(1):
        times = [median_milliseconds(model, X_test[:size]) for size in sizes]
    print(f"{name:18} one row in {times[0]:.2f} ms, {sizes[-1]} in {times[-1]:.2f} ms")
    ax.plot(sizes, times, color=colour, marker=marker, label=name)
ax.set(
    xscale="log",
    yscale="log",
    xlabel="rows in one call",
    ylabel="milliseconds (median of 50 calls)",
    title="predict_proba on this machine, one thread",
)
ax.xaxis.set_major_formatter("{x:g}")
ax.yaxis.set_major_formatter("{x:g}")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
plt.show()

folder.cleanup()
