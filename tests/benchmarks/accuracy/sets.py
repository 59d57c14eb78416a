"""Read the data sets of a folder; they are no part of the project."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedShuffleSplit, train_test_split

TABLES = ("tabular", "imbalanced")


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


def table_names(folder, kinds=TABLES):
    """Names of the tables, the imbalanced ones last."""
    paths = [path for kind in kinds for path in sorted(Path(folder, kind).glob("*"))]
    return list(dict.fromkeys(path.name.partition(".")[0] for path in paths))


def table_splits(folder, name, n_random):
    """The official split, if there is one, then stratified ones of 80 and 20 %.

    Yields
    ------
    title, split : str, Split
        Of data frames.
    """
    frames = _read(folder, name)
    if len(frames) == 2:
        yield "official", _split_of(*frames)
    whole = pd.concat(frames, ignore_index=True)
    for seed in range(n_random):
        shuffle = StratifiedShuffleSplit(1, test_size=0.2, random_state=seed)
        ((train, test),) = shuffle.split(whole, whole["target"])
        yield str(seed), _split_of(whole.iloc[train], whole.iloc[test])


def class_counts(folder, name):
    """How many rows a table has of each class."""
    return pd.concat(_read(folder, name))["target"].value_counts()


def at_most(split, n_rows):
    """Leave so many rows of the training part, class by class."""
    if n_rows is None or len(split.y_train) <= n_rows:
        return split
    X, _, y, _ = train_test_split(
        split.X_train,
        split.y_train,
        train_size=n_rows,
        stratify=split.y_train,
        random_state=0,
    )
    return split._replace(X_train=X, y_train=y)


def _read(folder, name):
    paths = sorted(
        path for kind in TABLES for path in Path(folder, kind).glob(f"{name}.*")
    )
    # "test" comes before "train".
    return [pd.read_csv(path) for path in reversed(paths)]


def _split_of(train, test):
    codes = {label: code for code, label in enumerate(sorted(set(train["target"])))}
    arrays = []
    for frame in (train, test):
        arrays += [
            frame.drop(columns="target").reset_index(drop=True),
            frame["target"].map(codes).to_numpy(),
        ]
    return Split(*arrays)


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
