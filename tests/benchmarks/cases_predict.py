"""Trained nets at work: probabilities, importances, explanations."""

import numpy as np
import pandas as pd
import shap
import torch
from cases_fit import dense_fits, digits
from measuring import Case
from sklearn.datasets import load_breast_cancer
from sklearn.inspection import permutation_importance


def _trained(X, y, names=("skdeep", "scikit-learn", "skorch")):
    """Name to a trained dense net."""
    fits = dense_fits(X, y, (64, 64), 200, 10)
    return {name: fits[name]() for name in names}


def _probabilities(name, net):
    """What takes the same rows for every contestant."""
    if name != "skorch":
        return net.predict_proba
    return lambda rows: net.predict_proba(rows.astype(np.float32, copy=False))


def _repeated(function, rows, n_calls):
    def run():
        for _ in range(n_calls):
            function(rows)

    return run


def predict():
    for dtype in ("float64", "float32"):
        X, y = digits(dtype)
        nets = _trained(X, y)
        for n_rows, n_calls in ((1, 300), (100, 150), (100_000, 1)):
            rows = np.resize(X, (n_rows, X.shape[1]))
            contestants = {
                name: _repeated(_probabilities(name, net), rows, n_calls)
                for name, net in nets.items()
            }
            bars = {"scikit-learn": 0.9}
            if n_rows == 1:
                module = nets["skdeep"].to_module()
                forward = torch.inference_mode()(module.forward)
                contestants["bare forward pass"] = _repeated(
                    forward, torch.from_numpy(rows).to(module.dtype), n_calls
                )
                bars = {"scikit-learn": 0.8, "bare forward pass": 2.5}
            yield Case(
                f"predict_proba of {n_rows:,} x 64, {dtype}, {n_calls} calls",
                contestants,
                bars,
            )


def frame():
    X, y = digits("float64")
    table = pd.DataFrame(X, columns=[f"pixel_{i}" for i in range(X.shape[1])])
    names = ("skdeep", "scikit-learn")
    of_table, of_array = _trained(table, y, names), _trained(X, y, names)
    for n_rows, n_calls in ((1, 100), (1797, 20)):
        contestants, baselines = {}, {}
        for name in names:
            contestants[name] = _repeated(
                of_table[name].predict_proba, table[:n_rows], n_calls
            )
            baselines[name] = _repeated(
                of_array[name].predict_proba, X[:n_rows], n_calls
            )
        title = f"DataFrame of {n_rows:,} x 64: added time, {n_calls} calls"
        yield Case(title, contestants, {"scikit-learn": 1.0}, baselines)


def explain():
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(0)) / X.std(0)

    def importance(net):
        return lambda: permutation_importance(net, X, y, n_repeats=5, random_state=0)

    nets = _trained(X, y, ("skdeep", "scikit-learn"))
    contestants = {name: importance(net) for name, net in nets.items()}
    title = "permutation_importance, 30 features x 5"
    yield Case(title, contestants, {"scikit-learn": 0.6})
    few = X[:, :10]

    def shapley(name, net):
        predict = net if name == "skdeep" else _probabilities(name, net)
        explainer = shap.Explainer(predict, few[:100], algorithm="exact")
        return lambda: explainer(few[:2])

    nets = _trained(few, y)
    contestants = {name: shapley(name, net) for name, net in nets.items()}
    yield Case("shap, exact, 10 features, 2 rows", contestants, {"skorch": 0.1})
