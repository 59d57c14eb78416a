"""The sections of a report."""

import numpy as np

from skdeep._frames import is_frame, is_missing, named_columns
from skdeep.inspection._groups import layout
from skdeep.inspection._permutation import permutation_importance
from skdeep.inspection._report import facts, figures
from skdeep.inspection._report.cases import describe_case
from skdeep.inspection._report.markup import (
    bar,
    element,
    join,
    paragraph,
    picture,
    table,
)
from skdeep.inspection._subject import take_apart
from skdeep.inspection._summary import summary

# Rows whose columns are shuffled, tiles along an axis of an image, and windows.
_MOST_ROWS, _MOST_TILES, _MOST_WINDOWS = 500, 8, 40
_MOST_COLUMNS, _MOST_PAIRS, _N_IMPORTANT = 60, 8, 15


def section(name, title, *children):
    """Build a section that the navigation can jump to."""
    return element("section", element("h2", title), *children, id=name)


def fold(title, *children):
    """Build a part that is closed at first."""
    return element("details", element("summary", title), *children)


def cards(metrics):
    """The metrics at a glance."""
    return element(
        "dl",
        *(
            element(
                "div",
                element("dt", name),
                element("dd", f"{value:.3f}"),
                element("dd", meaning, class_="meaning"),
            )
            for name, value, meaning in metrics
        ),
        class_="cards",
    )


def data(X, answers):
    """What the model was judged on."""
    counts = (
        answers.codes.sum(axis=0)
        if answers.multilabel
        else np.bincount(answers.codes, minlength=len(answers.names))
    )
    n, most = len(answers.codes), counts.max()
    rows = [
        (name, f"{count:,}", f"{count / n:.1%}", bar(count / most))
        for name, count in zip(answers.names, counts, strict=True)
    ]
    axes = np.shape(X)[1:]
    made_of = f"samples of {' x '.join(map(str, axes))} values" if axes else "texts"
    intro = f"{n:,} {made_of}."
    headers = ["Class", "Samples", "Share", ""]
    parts = [paragraph(intro), table(headers, rows, "Classes", {"Samples", "Share"})]
    if np.ndim(X) == 2:
        parts.append(fold("Columns", _columns(X)))
    return section("data", "Data", *parts)


def _columns(X):
    names, columns = named_columns(X)
    rows = []
    for name, column in list(zip(names, columns, strict=True))[:_MOST_COLUMNS]:
        values = np.asarray(column)
        if values.dtype.kind in "biuf":
            numbers = values.astype(np.float64)
            present = numbers[~np.isnan(numbers)]
            told = [""] * 3
            if len(present):
                of_all = (present.min(), present.mean(), present.max())
                told = [f"{value:.4g}" for value in of_all]
            rows.append((name, "number", len(numbers) - len(present), *told))
        else:
            present = [v for v in values.astype(object) if not is_missing(v)]
            kind = f"{len(set(present))} values"
            rows.append((name, kind, len(values) - len(present), "", "", ""))
    headers = ["Column", "Kind", "Missing", "Least", "Mean", "Most"]
    return table(headers, rows, "Columns", set(headers[2:]))


def model(estimator, net):
    """Steps, parameters and layers."""
    parts = []
    if estimator is not net:
        steps = [(name, repr(step)) for name, step in estimator.steps]
        parts.append(table(["Step", "What"], steps, "Steps of the pipeline"))
    defaults, chosen = type(net)().get_params(), net.get_params()
    changed = [(k, repr(v)) for k, v in chosen.items() if repr(v) != repr(defaults[k])]
    others = [(k, repr(v)) for k, v in chosen.items() if repr(v) == repr(defaults[k])]
    headers = ["Parameter", "Value"]
    if changed:
        parts.append(table(headers, changed, "Parameters that were set"))
    parts.append(fold("All other parameters", table(headers, others, "Defaults")))
    made_of = summary(net)
    rows = [layer.cells for layer in made_of.layers]
    headers = ["Layer", "Type", "Output shape", "Parameters"]
    totals = ", ".join(f"{name.lower()}: {number}" for name, number in made_of.totals)
    layers = table(headers, rows, made_of.title, {"Parameters"})
    parts.append(fold("Layers", layers, paragraph(totals)))
    curve = picture(
        figures.draw_losses(net),
        f"Loss over {len(net.loss_curve_)} epochs, from {net.loss_curve_[0]:.3g} to "
        f"{net.loss_curve_[-1]:.3g}",
    )
    told = f"Trained for {net.n_iter_} epochs."
    columns = [element("div", *parts), element("div", curve, paragraph(told))]
    return section("model", "Model", element("div", *columns, class_="columns"))


def scores(answers):
    """How good each class is, and what is taken for what."""
    rows = [
        (name, n, *(f"{score:.3f}" for score in of_class))
        for name, n, *of_class in facts.by_class(answers)
    ]
    headers = ["Class", "Samples", "Precision", "Recall", "F1"]
    parts = [table(headers, rows, "Scores of each class", set(headers[1:]))]
    matrix = facts.confusions(answers)
    if matrix is None:
        return section("classes", "Labels", *parts)
    alt = f"Confusion matrix; {int(np.trace(matrix))} of {matrix.sum()} are right"
    drawn = picture(figures.draw_confusions(matrix, answers.names), alt)
    parts.append(_pairs(matrix, answers.names))
    columns = [element("div", drawn), element("div", *parts)]
    return section("classes", "Classes", element("div", *columns, class_="columns"))


def _pairs(matrix, names):
    mistakes = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-mistakes, axis=None, kind="stable")[:_MOST_PAIRS]
    places = [np.unravel_index(place, matrix.shape) for place in order]
    rows = [
        (names[i], names[j], mistakes[i, j], f"{mistakes[i, j] / matrix[i].sum():.1%}")
        for i, j in places
        if mistakes[i, j]
    ]
    if not rows:
        return paragraph("There are no mistakes.")
    headers = ["True class", "Answer", "Samples", "Of the class"]
    return table(headers, rows, "Most frequent mistakes", set(headers[2:]))


def calibration(answers):
    """Whether probabilities mean what they say."""
    result = facts.reliability(answers)
    drawn = picture(
        figures.draw_reliability(result),
        f"Reliability curve; the expected calibration error is {result.error:.3f}",
    )
    sure = np.average(np.nan_to_num(result.confidence), weights=result.counts)
    right = np.average(np.nan_to_num(result.accuracy), weights=result.counts)
    gap = sure - right
    verdict = "about as sure as it is right"
    if abs(gap) > 0.02:
        verdict = f"{'more' if gap > 0 else 'less'} sure than it is right"
    text = [
        paragraph(
            f"On average the model is {verdict}: mean confidence {sure:.3f}, share of "
            f"right answers {right:.3f}."
        ),
        paragraph(
            f"Expected calibration error {result.error:.3f}, in {facts.N_BINS} bins of "
            "equal width. Bins of few answers move by chance."
        ),
    ]
    columns = [element("div", drawn), element("div", *text)]
    return section(
        "calibration", "Calibration", element("div", *columns, class_="columns")
    )


def importance(estimator, net, X, y):
    """What the log-loss says when a part of the input is shuffled."""
    if not is_frame(X) and np.ndim(X) == 1:
        told = "Texts have no columns that could be shuffled; see the cases."
        return section("importance", "Importance", paragraph(told))
    shape, axes = layout(net, take_apart(estimator)[0], X)
    options = {"groups": "feature"}
    if "channel" in axes:
        most = {"row": _MOST_TILES, "column": _MOST_TILES, "step": _MOST_WINDOWS}
        lengths = zip(axes, shape, strict=True)
        size = tuple(-(-n // most[axis]) for axis, n in lengths if axis in most)
        options = {"groups": "patch", "patch_size": size}
    rows = np.arange(len(y))
    if len(rows) > _MOST_ROWS:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:_MOST_ROWS])
    X = X.iloc[rows] if hasattr(X, "iloc") else X[rows]
    y = np.asarray(y)[rows]
    scoring = "neg_log_loss" if _all_there(net, y) else "accuracy"
    result = permutation_importance(
        estimator, X, y, scoring=scoring, random_state=0, **options
    )
    unit = {"neg_log_loss": "log-loss rises", "accuracy": "accuracy falls"}[scoring]
    text = (
        f"How much the {unit} when a part is shuffled among {len(rows):,} samples; the "
        "mean of 5 times. Parts that tell the same vouch for each other and seem less "
        "important than they are together."
    )
    parts = [paragraph(text)]
    if options["groups"] == "patch":
        parts.append(_map(result, shape, axes, unit))
    parts.append(_bars(result))
    return section("importance", "Importance", *parts)


def _all_there(net, y):
    return not net._multilabel and len(np.unique(y)) == len(net.classes_)


def _map(result, shape, axes, unit):
    painted = np.zeros(np.prod(shape))
    for part, mean in zip(result.groups, result.importances_mean, strict=True):
        painted[part] = mean
    painted = painted.reshape(shape).mean(axis=axes.index("channel"))
    told = [axis for axis in axes if axis != "channel"]
    best = result.group_names[result.importances_mean.argmax()]
    alt = f"Map of importance; the {unit} most for {best}"
    return picture(figures.draw_map(painted, told, unit), alt)


def _bars(result):
    mean, spread = result.importances_mean, result.importances_std
    largest = max(mean.max(), 1e-12)
    rows = []
    for j in np.argsort(-mean, kind="stable")[:_N_IMPORTANT]:
        numbers = (f"{mean[j]:.4f}", f"{spread[j]:.4f}", bar(mean[j] / largest))
        rows.append((result.group_names[j], *numbers))
    headers = ["Part", "Mean", "Deviation", ""]
    return table(headers, rows, "Most important", {"Mean", "Deviation"})


def cases(estimator, net, X, answers, n_cases):
    """Some samples, and what spoke for their answer."""
    parts = [
        paragraph(
            "Weights of a linear model that holds around the sample (LIME): what is "
            "positive speaks for the class that was answered."
        )
    ]
    wrong, right = facts.choose_cases(answers, n_cases)
    for title, chosen in (("Most confident mistakes", wrong), ("Right answers", right)):
        articles = [describe_case(estimator, net, X, answers, i) for i in chosen]
        parts.append(element("h3", title))
        parts.append(
            element("div", *articles, class_="cases")
            if articles
            else (paragraph("There are none."))
        )
    return section("cases", "Cases", join(parts))
