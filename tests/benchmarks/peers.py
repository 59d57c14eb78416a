"""Speed beside the peers: same data, same net, same epochs, same batch size.

Run by ``make benchmarks``. Prints a table as markdown, and writes JSON if asked to.
All contestants take turns within one process, so that a busy machine slows each of them
down alike; what counts is the ratio of the medians.
"""

import argparse
import json
import os
import platform
import time
import warnings
from itertools import pairwise

import numpy as np
import sklearn
import skorch
import torch
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from threadpoolctl import threadpool_limits
from torch import nn
from torch.nn.functional import cross_entropy

import skdeep
from skdeep import DeepMLPClassifier

N_EPOCHS = 10


def network(sizes, dtype):
    """A bare torch net."""
    layers = []
    for n_in, n_out in pairwise(sizes[:-1]):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1])).to(dtype)


def bare_torch(X, y, sizes, batch_size):
    """The floor: fused Adam on slices by index."""
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    net = network(sizes, X.dtype)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    for _ in range(N_EPOCHS):
        order = torch.randperm(len(X))
        for start in range(0, len(X), batch_size):
            batch = order[start : start + batch_size]
            optimizer.zero_grad()
            cross_entropy(net(X[batch]), y[batch]).backward()
            optimizer.step()
    return net


def fit_contestants(X, y, hidden, batch_size):
    """Name to a function that fits once."""
    y = y.astype(np.int64)
    sizes = (X.shape[1], *hidden, len(np.unique(y)))
    same = {"batch_size": batch_size, "max_iter": N_EPOCHS, "n_iter_no_change": np.inf}
    return {
        "skdeep": lambda: DeepMLPClassifier(hidden, **same).fit(X, y),
        "scikit-learn": lambda: MLPClassifier(hidden, **same).fit(X, y),
        "skorch": lambda: NeuralNetClassifier(
            network(sizes, torch.from_numpy(X).dtype),
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=1e-3,
            batch_size=batch_size,
            max_epochs=N_EPOCHS,
            verbose=0,
        ).fit(X, y),
        "bare torch": lambda: bare_torch(X, y, sizes, batch_size),
    }


def predict_contestants(X, y, hidden, n_rows, repeats):
    """Name to a function that predicts `n_rows` rows `repeats` times."""
    fitted = {
        name: fit()
        for name, fit in fit_contestants(X, y, hidden, 200).items()
        if name != "bare torch"
    }
    rows = X[:n_rows]

    def predict(estimator):
        for _ in range(repeats):
            estimator.predict_proba(rows)

    return {name: lambda e=e: predict(e) for name, e in fitted.items()}


def cases(dtype):
    """Title to contestants."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(dtype)
    yield "fit digits (64, 64), batch 32", fit_contestants(X, y, (64, 64), 32)
    yield "fit digits (100,), batch 200", fit_contestants(X, y, (100,), 200)
    for n_rows, repeats in ((1, 200), (100, 100), (len(X), 20)):
        yield (
            f"predict_proba, {n_rows} rows",
            predict_contestants(X, y, (64, 64), n_rows, repeats),
        )


def measure(contestants, n_rounds):
    """Median seconds of each contestant over interleaved rounds, a warm-up first."""
    seconds = {name: [] for name in contestants}
    for _ in range(n_rounds + 1):
        for name, run in contestants.items():
            # Idle threads of the contestant before spin for a while.
            time.sleep(0.05)
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(s[1:])) for name, s in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", help="file for the numbers")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    results = []
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, skdeep {skdeep.__version__}, "
        f"scikit-learn {sklearn.__version__}, skorch {skorch.__version__}, "
        f"torch {torch.__version__.partition('+')[0]}, numpy {np.__version__}.\n"
    )
    print(
        "| case | threads | dtype | skdeep, ms | / scikit-learn | / skorch | / torch |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for n_threads in options.threads:
        torch.set_num_threads(n_threads)
        with threadpool_limits(n_threads):
            for dtype in ("float64", "float32"):
                for title, contestants in cases(dtype):
                    seconds = measure(contestants, options.rounds)
                    ours = seconds["skdeep"]
                    ratios = [
                        f"{ours / seconds[peer]:.2f}" if peer in seconds else ""
                        for peer in ("scikit-learn", "skorch", "bare torch")
                    ]
                    print(
                        f"| {title} | {n_threads} | {dtype} | {1e3 * ours:.1f} | "
                        + " | ".join(ratios)
                        + " |",
                        flush=True,
                    )
                    results.append(
                        {
                            "case": title,
                            "threads": n_threads,
                            "dtype": dtype,
                            "seconds": seconds,
                        }
                    )
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
