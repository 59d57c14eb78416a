"""Fits, predictions and searches on a CUDA device, the peers on the same one."""

import numpy as np
from cases_fit import (
    GRU,
    Convolutional,
    Recurrent,
    deep,
    dense_fits,
    digits,
    large_digits,
    sequences,
)
from cases_search import GRID, SKORCH_GRID, fit_quietly
from contestants import dense, skorch_net
from measuring import Case
from plain import PLAIN
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier
from skdeep import model_selection as ours


def gpu():
    data = make_classification(
        20_000, 50, n_informative=20, n_classes=5, random_state=0
    )
    table = data[0].astype(np.float32), data[1]
    digit = digits("float32")
    for title, data, *shape in (
        ("digits", digit, (64, 64), 32, 10),
        ("20,000 x 50", table, (256, 256), 256, 5),
        ("20,000 x 50", table, (512, 512, 512), 1024, 5),
    ):
        title = f"GPU: fit {title}, {shape[0]}, batch {shape[1]}"
        yield Case(title, dense_fits(*data, *shape, "cuda"), {})

    net = DeepCNNClassifier(input_shape=(1, 28, 28), batch_size=100)
    X, y = large_digits()
    title = "GPU: fit CNN on 28 x 28, batch 100"
    yield deep(title, net, Convolutional, X, y, 5, {}, "cuda")
    yield _mixed_precision(X, y)
    net = DeepRNNClassifier(input_shape=(100, 4), batch_size=50, **GRU)
    title = "GPU: fit GRU on 100 steps, batch 50"
    yield deep(title, net, Recurrent, *sequences(2000), 3, {}, "cuda")
    yield _prediction(*table)
    yield from _searches()


def _mixed_precision(X, y):
    full = DeepCNNClassifier(
        input_shape=(1, 28, 28),
        n_filters=(64, 128, 256),
        batch_size=256,
        max_iter=5,
        n_iter_no_change=np.inf,
        device="cuda",
    )
    mixed = clone(full).set_params(mixed_precision=True)
    contestants = {
        "bfloat16": lambda: clone(mixed).fit(X, y),
        "float32": lambda: clone(full).fit(X, y),
    }
    title = "GPU: fit CNN (64, 128, 256) on 28 x 28, batch 256, mixed precision"
    return Case(title, contestants, {})


def _prediction(X, y):
    X_many, sizes = np.tile(X, (5, 1)), (50, 256, 256, 5)
    net = DeepMLPClassifier((256, 256), max_iter=1, device="cuda", **PLAIN)
    theirs = skorch_net(dense, 256, 1, module__sizes=sizes, device="cuda")
    peer = MLPClassifier((256, 256), max_iter=1)
    for estimator in (net, theirs, peer):
        fit_quietly(estimator, X, y)
    contestants = {
        "skdeep": lambda: net.predict_proba(X_many),
        "scikit-learn": lambda: peer.predict_proba(X_many),
        "skorch": lambda: theirs.predict_proba(X_many),
    }
    return Case("GPU: predict_proba, (256, 256), 100,000 rows", contestants, {})


def _searches():
    X, y = digits("float32")

    def run(search, net, grid, cv, n_jobs=None):
        search = search(net, grid, cv=cv, n_jobs=n_jobs)
        return lambda: fit_quietly(clone(search), X, y)

    same = {"batch_size": 32, "max_iter": 20}
    net = DeepMLPClassifier((64, 64), device="cuda", **PLAIN, **same)
    peer = MLPClassifier((64, 64), **same)
    few = {"alpha": GRID["alpha"][:2], "learning_rate_init": GRID["learning_rate_init"]}
    their_few = dict(zip(SKORCH_GRID, few.values(), strict=True))
    theirs = skorch_net(dense, 32, 20, module__sizes=(64, 64, 64, 10), device="cuda")
    contestants = {
        "skdeep": run(ours.GridSearchCV, net, few, 2),
        "skorch": run(GridSearchCV, theirs, their_few, 2),
    }
    title = "GPU: search, MLP (64, 64) on digits, 12 candidates x 2 folds"
    yield Case(title, contestants, {}, long=True)
    contestants = {
        "skdeep": run(ours.GridSearchCV, net, GRID, 5),
        "scikit-learn, 2 processes": run(GridSearchCV, peer, GRID, 5, n_jobs=2),
    }
    title = "GPU: search, MLP (64, 64) on digits, 24 candidates x 5 folds"
    yield Case(title, contestants, {}, long=True)
