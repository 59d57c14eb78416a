"""Single samples, and why they were answered as they were."""

import numpy as np

from skdeep._frames import is_frame
from skdeep.inspection._lime import lime_explanation
from skdeep.inspection._report import figures
from skdeep.inspection._report.markup import (
    bar,
    element,
    join,
    paragraph,
    picture,
    table,
)

_N_FEATURES = 8
# Enough for what is shown of a linear model.
_N_SAMPLES = 2000
# Classes whose probabilities are told.
_N_LIKELY = 3


def describe_case(estimator, net, X, answers, i):
    """An article about sample `i`."""
    right = answers.right[i]
    title = [f"Sample {i}: ", answers.told(answers.predicted, i)]
    verdict = "right" if right else f"true: {answers.told(answers.codes, i)}"
    title += [" ", element("span", verdict, class_="right" if right else "wrong")]
    p = answers.probabilities[i]
    likely = [
        (answers.names[k], f"{p[k]:.3f}", bar(p[k]))
        for k in np.argsort(-p, kind="stable")[:_N_LIKELY]
    ]
    return element(
        "article",
        element("h4", *title),
        table(["Class", "Probability", ""], likely, "Most probable", {"Probability"}),
        _why(estimator, net, X, answers, i),
    )


def take_row(X, i):
    """Sample `i` as a batch of one, or a text."""
    if is_frame(X):
        return X.iloc[[i]] if hasattr(X, "iloc") else X[[i]]
    return X[i] if isinstance(X[i], str) else np.asarray(X[i])[np.newaxis]


def _why(estimator, net, X, answers, i):
    """Weights of what the sample consists of, for the class that was answered."""
    answered = answers.probabilities[i].argmax()
    sample = take_row(X, i)
    result = lime_explanation(
        estimator,
        sample,
        None if isinstance(sample, str) else X,
        target=net.classes_[answered],
        n_samples=_N_SAMPLES,
        random_state=0,
    )
    for_class = f"for {answers.names[answered]}"
    if "channel" in result.axes:
        return (_image if "row" in result.axes else _series)(result, for_class)
    return _features(result, for_class)


def _image(result, for_class):
    image, heat = _channels(result, -1)
    figure = figures.draw_image(image, heat.mean(axis=-1))
    alt = f"The image, and a map of what speaks {for_class} in red, against it in blue"
    return join([picture(figure, alt), paragraph("Red speaks ", for_class, ".")])


def _series(result, for_class):
    series, heat = _channels(result, 0)
    names = [f"channel {i}" for i in range(len(series))]
    figure = figures.draw_series(series, heat, names)
    alt = f"The series over strips, red where it speaks {for_class}, blue against it"
    return join([picture(figure, alt), paragraph("Red speaks ", for_class, ".")])


def _channels(result, place):
    """What is explained, and its weights, with the axis of channels at `place`."""
    channel = result.axes.index("channel")
    return (
        np.moveaxis(np.reshape(part, result.shape), channel, place)
        for part in (result.X, result.attributions)
    )


def _features(result, for_class):
    """Table of what weighs most; lime tells it as a condition or a word."""
    (code,) = result.explanation.local_exp
    told = result.explanation.as_list(label=code)[:_N_FEATURES]
    largest = max((abs(weight) for _, weight in told), default=0.0) or 1.0
    rows = []
    for name, weight in told:
        kind = "bar for" if weight > 0 else "bar against"
        rows.append((name, f"{weight:+.3f}", bar(abs(weight) / largest, kind)))
    headers = ["What", "Weight", ""]
    return table(headers, rows, f"What speaks {for_class}", {"Weight"})
