"""Explanations to be drawn, and what a legible figure is."""

from unittest import mock

import numpy as np
from matplotlib.text import Text
from sklearn.datasets import load_breast_cancer
from sklearn.utils import Bunch
from small_nets import DIGITS, SENTENCES

CANCER = load_breast_cancer(as_frame=True)
# X, shape of a sample, what its axes mean, names.
KINDS = {
    "image": (DIGITS, (1, 8, 8), ("channel", "row", "column"), None),
    "series": (DIGITS, (8, 8), ("step", "channel"), None),
    "one channel": (DIGITS, (1, 64), ("channel", "step"), None),
    "table": (CANCER.data, (30,), ("feature",), CANCER.feature_names),
    "text": (
        np.array([[len(word) for word in text.split()] for text in SENTENCES]),
        (12,),
        ("step",),
        None,
    ),
}


def explanation(kind, n, method="integrated_gradients"):
    """Attributions that have both signs, of `n` samples that scikit-learn ships."""
    X, shape, axes, names = KINDS[kind]
    X = X[:n]
    numbers = np.asarray(X, dtype=float)
    return Bunch(
        attributions=numbers - numbers.mean(),
        X=X,
        target=np.array(["malignant", "benign"])[np.arange(n) % 2],
        method=method,
        shape=shape,
        axes=axes,
        feature_names=names,
        space="input",
    )


def texts(figure):
    """All that is written, with its place in pixels."""
    drawn = []
    with mock.patch.object(Text, "draw", lambda text, _: drawn.append(text)):
        figure.canvas.draw()
    written = [text for text in drawn if text.get_visible() and text.get_text()]
    return {text: text.get_window_extent() for text in written}


def check_legible(figure):
    """Nothing is cut off, and nothing is written over another text."""
    places = texts(figure)
    written = np.array([text.get_text() for text in places])
    low = np.array([box.min for box in places.values()])
    high = np.array([box.max for box in places.values()])
    assert (low > -1).all(), written[(low <= -1).any(1)]
    beyond = high >= np.add(figure.canvas.get_width_height(), 1)
    assert not beyond.any(), written[beyond.any(1)]
    overlap = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    i, j = np.nonzero(np.triu(overlap.min(axis=2) > 2, 1))
    assert not len(i), (written[i], written[j])
