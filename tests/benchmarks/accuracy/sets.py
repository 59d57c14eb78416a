"""Read the data sets of a folder; they are no part of the project."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """A data set with its official test part."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def series_names(folder):
    """Names of the sets of series, in order."""
    return sorted(path.stem for path in Path(folder, "timeseries").glob("*.npz"))


def load_series(folder, name):
    """Series of shape (n_samples, length, channels), the end padded with NaN.

    Values that are missing between others are interpolated, as in the runs whose
    results are published.
    """
    with np.load(Path(folder, "timeseries", f"{name}.npz")) as arrays:
        X_train, X_test = (_without_gaps(arrays[f"X_{p}"]) for p in ("train", "test"))
        return Split(X_train, arrays["y_train"], X_test, arrays["y_test"])


def _without_gaps(X):
    X = X.copy()
    for sample in X:
        present = ~np.isnan(sample).all(1)
        end = np.flatnonzero(present)[-1] + 1
        for channel in sample[:end].T:
            missing = np.isnan(channel)
            places = np.arange(end)
            channel[missing] = np.interp(
                places[missing], places[~missing], channel[~missing]
            )
    return X


def load_images(folder, name):
    """Images of shape (n_samples, channels, height, width), in float32."""
    with np.load(Path(folder, "images", f"{name}.npz")) as arrays:
        if "X_train" in arrays:
            parts = [arrays[key] for key in Split._fields]
        else:
            parts = _last_fifth(arrays["X"], arrays["y"], arrays["photo_id"])
    split = Split(*parts)
    return split._replace(
        X_train=_channels_first(split.X_train), X_test=_channels_first(split.X_test)
    )


def _last_fifth(X, y, order):
    """Hold out the last fifth of the photos: persons are taken in runs."""
    order = np.argsort(order, kind="stable")
    n_train = len(order) - len(order) // 5
    train, test = order[:n_train], order[n_train:]
    return X[train], y[train], X[test], y[test]


def _channels_first(X):
    X = X[..., None] if X.ndim == 3 else X
    return np.ascontiguousarray(np.moveaxis(X, -1, 1), dtype=np.float32)


def published(folder, file):
    """Published accuracies: data set to method to number."""
    with Path(folder, "reference", file).open() as lines:
        return {
            row.pop("dataset"): {k: float(v) for k, v in row.items() if v}
            for row in csv.DictReader(lines)
        }
