"""The main job on real data, for all three nets: ``make demo`` runs it.

Load, split, search over sampler and net together, test, explain, save, load in a fresh
process, serve, ask once, stop. The three tasks differ in their data, their net and
their grid; everything else is one path, in the order of ``run``.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import joblib
import matplotlib

matplotlib.use("Agg")
# The steps below tell the time already.
os.environ["TQDM_DISABLE"] = "1"

import numpy as np
import shap
from demo_figures import save_overview, save_task
from imblearn.datasets import make_imbalance
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline
from lime.lime_image import LimeImageExplainer
from lime.lime_tabular import LimeTabularExplainer, RecurrentTabularExplainer
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier
from skdeep.inspection import permutation_importance
from skdeep.persistence import save

SEED = 0
SAMPLERS = [
    "passthrough",
    RandomOverSampler(random_state=SEED),
    SMOTE(random_state=SEED),
]
FAST = {
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.01,
    "batch_size": 64,
    "dtype": "float32",
    "random_state": SEED,
}


# ------------------------------------------------------------------------------- data


@dataclass
class Data:
    """Rows of numbers, their labels, and the shape of a row."""

    X: np.ndarray
    y: np.ndarray
    feature_names: list
    shape: tuple | None = None


def tumours():
    cancer = load_breast_cancer()
    X, y = make_imbalance(
        cancer.data,
        cancer.target_names[cancer.target],
        sampling_strategy={"benign": 357, "malignant": 80},
        random_state=SEED,
    )
    return Data(X, y, list(cancer.feature_names))


def digit_images():
    digits = load_digits()
    common_and_rare = {digit: 170 if digit < 5 else 60 for digit in range(10)}
    X, y = make_imbalance(
        digits.data,
        digits.target,
        sampling_strategy=common_and_rare,
        random_state=SEED,
    )
    return Data(X, y.astype(str), digits.feature_names, (8, 8))


def digit_sequences():
    """Images read from top to bottom: scikit-learn ships no sequences."""
    digits = load_digits()
    y = np.where(digits.target == 8, "eight", "another")
    return Data(digits.data, y, digits.feature_names, (8, 8))


# ---------------------------------------------------------------- LIME, by kind of data


def lime_for_tables(net, X, row, label, data, n_samples):
    explainer = LimeTabularExplainer(
        X, feature_names=data.feature_names, random_state=SEED
    )
    explanation = explainer.explain_instance(
        row, net, labels=[label], num_features=X.shape[1], num_samples=n_samples
    )
    return weights_of(explanation.as_map()[label], X.shape[1])


def lime_for_images(net, X, row, label, data, n_samples):
    """One segment for each pixel; LIME wants three colours, the net has one."""
    explanation = LimeImageExplainer(random_state=SEED).explain_instance(
        np.repeat(row.reshape(*data.shape, 1), 3, axis=2),
        lambda images: net(images[..., 0].reshape(len(images), -1)),
        labels=[label],
        top_labels=None,
        hide_color=0,
        num_features=X.shape[1],
        num_samples=n_samples,
        segmentation_fn=lambda image: np.arange(X.shape[1]).reshape(data.shape),
    )
    return weights_of(explanation.local_exp[label], X.shape[1])


def lime_for_sequences(net, X, row, label, data, n_samples):
    """Slopes times the distance from the mean: quartiles say nothing of dark pixels.

    LIME numbers feature by feature, skdeep time step by time step.
    """
    explainer = RecurrentTabularExplainer(
        X.reshape(-1, *data.shape),
        feature_names=[f"pixel {pixel}" for pixel in range(data.shape[1])],
        discretize_continuous=False,
        random_state=SEED,
    )
    explanation = explainer.explain_instance(
        row.reshape(data.shape),
        net,
        labels=[label],
        num_features=X.shape[1],
        num_samples=n_samples,
    )
    slopes = weights_of(explanation.as_map()[label], X.shape[1])
    slopes = slopes.reshape(data.shape[::-1]).T.ravel()
    return slopes * StandardScaler().fit(X).transform(row[np.newaxis])[0]


def weights_of(pairs, n_features):
    weights = np.zeros(n_features)
    for feature, weight in pairs:
        weights[feature] = weight
    return weights


# ------------------------------------------------------------------------------- tasks


@dataclass
class Task:
    """What makes one of the three jobs different from the others."""

    name: str
    about: str
    load: Callable
    net: object
    grid: dict
    shown_class: str
    lime: Callable
    results: dict = field(default_factory=dict)


TASKS = [
    Task(
        name="MLP",
        about="tumours, 80 of 437 malignant",
        load=tumours,
        net=DeepMLPClassifier(hidden_layer_sizes=(32,), max_iter=40, **FAST),
        grid={"net__alpha": [0.1, 1.0]},
        shown_class="malignant",
        lime=lime_for_tables,
    ),
    Task(
        name="CNN",
        about="digit images, 5 to 9 rare",
        load=digit_images,
        net=DeepCNNClassifier(
            input_shape=(1, 8, 8), n_filters=(16, 32), max_iter=12, **FAST
        ),
        grid={"net__dropout": [0.0, 0.3]},
        shown_class="8",
        lime=lime_for_images,
    ),
    Task(
        name="RNN",
        about="digits row by row, is it an 8?",
        load=digit_sequences,
        net=DeepRNNClassifier(
            input_shape=(8, 8),
            architecture="recurrent",
            hidden_size=32,
            bidirectional=True,
            max_iter=12,
            **{**FAST, "batch_size": 128},
        ),
        grid={"net__cell_type": ["gru", "lstm"]},
        shown_class="eight",
        lime=lime_for_sequences,
    ),
]


# ----------------------------------------------------------------------------- the job


@dataclass
class Effort:
    """How much work the demo puts into each step."""

    n_splits: int = 3
    n_repeats: int = 5
    n_background: int = 20
    n_explained: int = 5
    n_lime: int = 2000
    max_iter: int | None = None


QUICK = Effort(
    n_splits=2, n_repeats=1, n_background=5, n_explained=1, n_lime=300, max_iter=8
)


def run(task, effort, folder, say):
    """One task, from the data to the loaded model. Returns what the report shows."""
    data = task.load()
    X_train, X_test, y_train, y_test = train_test_split(
        data.X, data.y, test_size=0.3, stratify=data.y, random_state=SEED
    )
    n_rows = f"{len(X_train)} rows to learn, {len(X_test)} to test"
    say(f"{task.name}: {task.about}; {n_rows}")

    search = make_search(task, effort)
    n_candidates = np.prod([len(values) for values in search.param_grid.values()])
    say(f"{task.name}: searching {n_candidates} pairs of sampler and net")
    search.fit(X_train, y_train)
    results = {"data": data, "search": search, "classes": search.classes_}
    results |= measure(search, X_test, y_test)

    say(f"{task.name}: explaining the winner (permutation importance, SHAP, LIME)")
    results |= explain(task, effort, search, data, X_train, X_test, y_test)

    say(f"{task.name}: saving, loading in a fresh process")
    results |= save_and_reload(search.best_estimator_, X_test, folder, task.name)

    say(f"{task.name}: serving, asking once, stopping")
    results |= serve_and_ask(search.best_estimator_["net"], X_test, folder, task.name)
    return results


def make_search(task, effort):
    """A grid over sampler and net together, around one pipeline."""
    if effort.max_iter is not None:
        task.net.set_params(max_iter=effort.max_iter)
    return GridSearchCV(
        Pipeline([("sampler", "passthrough"), ("net", task.net)]),
        {"sampler": SAMPLERS, **task.grid},
        scoring="balanced_accuracy",
        cv=StratifiedKFold(effort.n_splits, shuffle=True, random_state=SEED),
        n_jobs=2,
    )


def measure(search, X_test, y_test):
    """Results on rows that the search has not seen."""
    probabilities = search.predict_proba(X_test)
    predicted = search.classes_[probabilities.argmax(axis=1)]
    binary = len(search.classes_) == 2
    return {
        "y_test": y_test,
        "predicted": predicted,
        "balanced accuracy": balanced_accuracy_score(y_test, predicted),
        "ROC AUC": roc_auc_score(
            y_test, probabilities[:, 1] if binary else probabilities, multi_class="ovr"
        ),
        "log loss": log_loss(y_test, probabilities, labels=search.classes_),
    }


def explain(task, effort, search, data, X_train, X_test, y_test):
    """Which features matter for the test rows, and why one row got its class."""
    net = search.best_estimator_["net"]
    importance = permutation_importance(
        net,
        X_test,
        y_test,
        scoring="neg_log_loss",
        n_repeats=effort.n_repeats,
        random_state=SEED,
    )

    label = net.output_names.index(task.shown_class)
    surest = np.argmax(net(X_test)[:, label] * (y_test == task.shown_class))
    rows = X_test[np.r_[surest, : effort.n_explained - 1]]
    background = shap.sample(X_train, effort.n_background, random_state=SEED)
    explanation = shap.Explainer(net, background, seed=SEED)(rows, silent=True)
    added_up = explanation.base_values + explanation.values.sum(axis=1)

    return {
        "importance": importance,
        "row": rows[0],
        "shap": explanation[0, :, task.shown_class].values,
        "shap_gap": np.abs(added_up - net(rows)).max(),
        "lime": task.lime(net, X_train, rows[0], label, data, effort.n_lime),
    }


LOAD = """
import sys
import joblib
import numpy as np

model_file, rows_file, answer_file = sys.argv[1:]
model = joblib.load(model_file)
np.save(answer_file, model.predict_proba(np.load(rows_file)))
"""


def save_and_reload(model, X_test, folder, name):
    """Save the pipeline; a new process must give the same probabilities."""
    model_file = folder / f"{name.lower()}.joblib"
    rows_file, answer_file = folder / "rows.npy", folder / "answer.npy"
    joblib.dump(model, model_file)
    np.save(rows_file, X_test)
    subprocess.run(
        [sys.executable, "-c", LOAD, model_file, rows_file, answer_file], check=True
    )
    np.testing.assert_array_equal(np.load(answer_file), model.predict_proba(X_test))
    rows_file.unlink()
    answer_file.unlink()
    return {"model_file": model_file}


def serve_and_ask(net, X_test, folder, name):
    """A safe file behind ``skdeep serve``; its answer must be that of the net."""
    served_file = folder / f"{name.lower()}.skdeep"
    save(net, served_file)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "skdeep.serving.command_line", "serve", served_file]
    command += ["--port", str(port), "--log-level", "error", "--no-access-log"]
    server = subprocess.Popen([sys.executable, *command])
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(f"{url}/readyz", server)
        start = time.perf_counter()
        answer = ask(f"{url}/invocations", {"instances": X_test[:1].tolist()})
        milliseconds = 1000 * (time.perf_counter() - start)
    finally:
        server.terminate()
        status = server.wait(timeout=30)
    assert status == 0, f"the server ended with status {status}"
    (prediction,) = answer["predictions"]
    np.testing.assert_allclose(prediction["probabilities"], net(X_test)[0], atol=1e-5)
    return {"served_file": served_file, "milliseconds": milliseconds}


def wait_until_ready(url, server, patience=60):
    """Ask until the answer is yes."""
    end = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(url):
                return
        except (urllib.error.URLError, ConnectionError):
            if server.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.1)


def ask(url, question):
    """Send JSON, and read JSON."""
    request = urllib.request.Request(
        url, json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


# ------------------------------------------------------------------------------ report


def report(tasks):
    """Build an aligned table, which is Markdown too."""
    rows = [["", *(task.name for task in tasks)]]
    rows.append(["data", *(task.about for task in tasks)])
    results = [task.results for task in tasks]
    winners = [result["search"].best_params_ for result in results]
    rows.append(["winning sampler", *(sampler_name(w["sampler"]) for w in winners)])
    rows.append(["winning net", *(net_name(winner) for winner in winners)])
    for metric in ("balanced accuracy", "ROC AUC", "log loss"):
        rows.append([f"test {metric}", *(f"{r[metric]:.3f}" for r in results)])
    rows.append(["most important", *(most_important(r) for r in results)])
    rows.append(["SHAP adds up within", *(f"{r['shap_gap']:.0e}" for r in results)])
    sizes = [result["model_file"].stat().st_size / 1000 for result in results]
    rows.append(["model file", *(f"{size:.0f} kB" for size in sizes)])
    rows.append(["same in a fresh process", *("yes" for _ in results)])
    times = [result["milliseconds"] for result in results]
    rows.append(["one answer of the server", *(f"{ms:.1f} ms" for ms in times)])
    rows.append(["seconds", *(f"{r['seconds']:.0f}" for r in results)])
    return as_table(rows)


def as_table(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows = [rows[0], ["-" * width for width in widths], *rows[1:]]
    return "\n".join(
        "| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows
    )


def sampler_name(sampler):
    return "none" if sampler == "passthrough" else type(sampler).__name__


def net_name(params):
    return ", ".join(
        f"{name.removeprefix('net__')}={value}"
        for name, value in params.items()
        if name.startswith("net__")
    )


def most_important(results):
    feature = results["importance"].importances_mean.argmax()
    return str(results["data"].feature_names[feature])


def clock():
    """Make a function that prints what happens, with the time since now."""
    start = time.perf_counter()

    def say(text):
        print(f"[{time.perf_counter() - start:5.1f} s] {text}", flush=True)

    return say


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("demo_output"))
    parser.add_argument("--quick", action="store_true", help="less of everything")
    options = parser.parse_args(arguments)
    folder = options.output.resolve()
    folder.mkdir(parents=True, exist_ok=True)

    say = clock()
    say(f"Everything goes to {folder}")
    for task in TASKS:
        start = time.perf_counter()
        task.results = run(task, QUICK if options.quick else Effort(), folder, say)
        task.results["seconds"] = time.perf_counter() - start
        save_task(task, folder / f"{task.name.lower()}.png")
    save_overview(TASKS, folder / "report.png")

    table = report(TASKS)
    (folder / "report.md").write_text(f"# skdeep demo\n\n{table}\n", encoding="utf-8")
    print(f"\n{table}\n")
    say(f"Done. Plots, models and report.md are in {folder}")


if __name__ == "__main__":
    main()
