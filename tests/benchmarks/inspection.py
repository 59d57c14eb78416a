"""How right explanations are, where the truth is known.

Prints a table as markdown, and writes it as csv if asked to. Takes minutes.
"""

import argparse
import csv
import time
import warnings

import attribution_measures as measures
import numpy as np
import torch
from captum.attr import LayerGradCam
from measuring import machine, threads
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier
from skdeep.inspection import (
    grad_cam,
    integrated_gradients,
    occlusion,
    permutation_importance,
    saliency_maps,
    shap_values,
)

HEADER = ("what", "of", "asked for", "measured", "met")
N_BACKGROUND, N_ORDERS = 100, 200
_AS_STEPS = {"architecture": "recurrent", "input_shape": (8, 8), "random_state": 0}
# Data, net, rows whose true Shapley values are computed, rows to time, and bars:
# correlation with the true values, milliseconds for each row.
NETS = {
    "MLP": (load_breast_cancer, DeepMLPClassifier(random_state=0), 20, 100, 0.99, 0.2),
    "CNN": (
        load_digits,
        DeepCNNClassifier(input_shape=(1, 8, 8), random_state=0),
        10,
        50,
        0.985,
        3.0,
    ),
    "GRU": (
        load_digits,
        DeepRNNClassifier(cell_type="gru", **_AS_STEPS),
        10,
        50,
        0.98,
        20.0,
    ),
    "LSTM": (
        load_digits,
        DeepRNNClassifier(cell_type="lstm", **_AS_STEPS),
        10,
        50,
        0.98,
        20.0,
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--csv", help="file for the table")
    options = parser.parse_args()
    # Nets that train for a few epochs say that they have not converged.
    warnings.simplefilter("ignore")
    where, rows = machine(), []
    print(f"{where['processor']}, {where['cores']} cores, load {where['load']}.\n")
    print("|", " | ".join(HEADER), "|")
    print("|", " | ".join("---" for _ in HEADER), "|")
    with threads(1):
        for group in options.only:
            for row in GROUPS[group]():
                rows.append(_cells(*row))
                print("|", " | ".join(rows[-1]), "|", flush=True)
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEADER, *rows])


def _cells(what, of, bar, measured):
    """A line of the table; `bar` is a sign and a number, or None."""
    shown = f"{measured:.2g}" if measured < 0.001 else f"{measured:.3f}"
    if bar is None:
        return what, of, "", shown, ""
    sign, number = bar
    met = measured <= number if sign == "<=" else measured >= number
    return what, of, f"{sign} {number:g}", shown, "yes" if met else "no"


def _split(load):
    X, y = load(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    return X, X_test, y, y_test


def _lead(net):
    """What is explained: logits, or of two classes the lead of each."""

    def outputs(X):
        logits = net.decision_function(X)
        return logits if logits.ndim == 2 else np.column_stack([-logits, logits])

    return outputs


def exact():
    X, X_test, y, _ = _split(load_breast_cancer)
    net = DeepMLPClassifier(random_state=0).fit(X[:, :10], y)
    background, rows = X[:20, :10], X_test[:5, :10]
    values = shap_values(net, rows, background, method="exact").values
    true = [measures.exact_shapley_values(_lead(net), x, background) for x in rows]
    error = np.abs(values - true).max()
    yield "exact Shapley values, largest error", "MLP, 10 columns", ("<=", 1e-5), error


def shapley():
    for name, case in NETS.items():
        yield from _shapley_of(name, *case)


def _shapley_of(name, load, net, n_rows, n_timed, correlation, ms):
    X, X_test, y, _ = _split(load)
    net.fit(X, y)
    order = np.random.default_rng(0).permutation(len(X))
    background, rows = X[order[:N_BACKGROUND]], X_test[:n_rows]
    codes = _lead(net)(rows).argmax(1)
    of = f"{name}, {X.shape[1]} values"
    values = shap_values(
        net, rows, background, target=net.classes_[codes], random_state=0
    ).values
    true = [
        measures.true_shapley_values(_lead(net), x, background, N_ORDERS)[:, code]
        for x, code in zip(rows, codes, strict=True)
    ]
    found = float(np.corrcoef(values.ravel(), np.ravel(true))[0, 1])
    what = "Shapley values, correlation with the true ones"
    yield what, of, (">=", correlation), found
    if name == "CNN":
        yield from _with_many_points(net, rows, background, true, codes, what, of)

    timed = X_test[:n_timed]
    for classes, bar, target in (
        ("predicted class", ("<=", ms), net.predict(timed)),
        ("all classes", None, None),
    ):
        seconds = _clock(shap_values, net, timed, background, target=target)
        what = f"Shapley values, ms for a row, {classes}"
        yield what, of, bar, 1e3 * seconds / n_timed

    result = integrated_gradients(net, timed)
    total = result.attributions.reshape(n_timed, -1).sum(1)
    difference = np.abs(total - result.convergence_delta).mean()
    share = np.abs(result.convergence_delta).mean() / difference
    what = f"integrated gradients, mean gap ({result.n_steps} steps)"
    yield what, of, ("<=", 0.05), share


def _with_many_points(net, rows, background, true, codes, what, of, n_points=400):
    """What patience buys."""
    given = {"target": net.classes_[codes], "n_samples": n_points, "random_state": 0}
    values = shap_values(net, rows, background, **given).values
    found = float(np.corrcoef(values.ravel(), np.ravel(true))[0, 1])
    of = f"{of}, n_samples={n_points}"
    yield what, of, None, found
    seconds = _clock(shap_values, net, rows, background, n_rounds=3, **given)
    yield (
        "Shapley values, ms for a row, predicted class",
        of,
        None,
        1e3 * seconds / len(rows),
    )


def _clock(run, *args, n_rounds=5, **options):
    """Median of the seconds, after a round to warm up."""
    seconds = []
    for _ in range(n_rounds + 1):
        start = time.perf_counter()
        run(*args, **options)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[1:]))


def digits():
    X, X_test, y, _ = _split(load_digits)
    net = DeepCNNClassifier(input_shape=(1, 8, 8), random_state=0).fit(X, y)
    mean, rows = X.mean(0, keepdims=True), X_test[:100]
    codes = net.decision_function(rows).argmax(1)
    bars = (("<=", 0.15), (">=", 0.93), (">=", 0.85))
    for name, attributions, asked in (
        (
            "integrated gradients",
            integrated_gradients(net, rows, baseline=mean).attributions,
            bars,
        ),
        ("saliency maps", saliency_maps(net, rows).attributions, [None] * 3),
        (
            "occlusion",
            occlusion(net, rows, baseline=mean, window=1).attributions,
            [None] * 3,
        ),
        (
            "random numbers",
            np.random.default_rng(0).normal(size=rows.shape),
            [None] * 3,
        ),
    ):
        given = (rows, mean, attributions, codes)
        found = (
            *measures.deletion_and_insertion(net.predict_proba, *given),
            measures.faithfulness(net.decision_function, *given),
        )
        whats = ("deletion", "insertion", "faithfulness")
        for what, bar, number in zip(whats, asked, found, strict=True):
            yield f"{what}, CNN on digits", name, bar, number
    for name, bar, explain in (
        ("saliency maps", 0.25, saliency_maps),
        ("integrated gradients", 0.15, integrated_gradients),
        ("Grad-CAM", 0.15, lambda *a, **o: grad_cam(*a, relu=False, **o)),
    ):
        number = measures.sanity(
            lambda net, X, target, explain=explain: (
                explain(net, X, target=target).attributions
            ),
            net,
            rows,
            codes,
        )
        yield "sanity check, CNN on digits", name, ("<=", bar), number
    yield (
        "largest difference from captum",
        "Grad-CAM",
        ("<=", 1e-5),
        _beside_captum(net, rows),
    )


def _beside_captum(net, rows):
    module, result = net.to_module(), grad_cam(net, rows)
    x = torch.tensor(rows, dtype=module.dtype).reshape(-1, *net.input_shape_)
    target = torch.tensor(net.predict(rows))
    explainer = LayerGradCam(module, module.get_submodule(result.layer))
    expected = explainer.attribute(x, target=target, relu_attributions=True)
    return np.abs(result.maps - expected.detach().numpy()[:, 0]).max()


def places():
    X, y, _ = measures.shapes(2000)
    X_test, y_test, inside = measures.shapes(400, seed=1)
    net = DeepCNNClassifier(max_iter=15, random_state=0).fit(X, y)
    yield "accuracy", "CNN on shapes", None, net.score(X_test, y_test)
    for name, bar, explain in (
        ("integrated gradients", 0.85, integrated_gradients),
        ("Grad-CAM", 0.70, grad_cam),
        ("saliency maps", 0.60, saliency_maps),
    ):
        attributions = explain(net, X_test).attributions
        flat = (part.reshape(len(X_test), -1) for part in (attributions, inside))
        number = measures.pointing_game(*flat)
        yield "pointing game, CNN on shapes", name, (">=", bar), number


def steps():
    # So many that the net learns to leave out what is noise: with 3,000 it is right as
    # often, but its last steps matter, and that is no fault of an explanation.
    X, y, informs = measures.informative_steps(10_000)
    X_test, y_test, _ = measures.informative_steps(300, seed=1)
    for cell_type in ("gru", "lstm"):
        net = DeepRNNClassifier(
            architecture="recurrent", cell_type=cell_type, max_iter=5, random_state=0
        ).fit(X, y)
        of = f"{cell_type.upper()} on sequences"
        yield "accuracy", of, None, net.score(X_test, y_test)
        # To a net, the mean may look like one of the classes, whose rows then owe
        # nothing to what sets them apart from it.
        for title, baseline, bar in (
            ("eight rows", X[:8], (">=", 0.97)),
            ("the mean", "mean", None),
        ):
            result = integrated_gradients(net, X_test[:100], baseline=baseline)
            number = measures.mean_roc_auc(np.abs(result.attributions).sum(2), informs)
            what = "area under the ROC curve of integrated gradients"
            yield f"{what} from {title}", of, bar, number
        result = permutation_importance(
            net, X_test, y_test, groups="time_step", random_state=0
        )
        number = measures.mean_roc_auc(result.importances_mean[None], informs)
        yield (
            "area under the ROC curve of permutation importance",
            of,
            (">=", 1.0),
            number,
        )


GROUPS = {
    "exact": exact,
    "shapley": shapley,
    "digits": digits,
    "places": places,
    "steps": steps,
}

if __name__ == "__main__":
    main()
