"""Which counter a value adds to."""

from typing import NamedTuple

import numpy as np

from skdeep._reference import as_watched

# Rarer categories share a counter.
_MOST_CATEGORIES = 50
# What stands for a missing category among strings.
_MISSING = ""
_BITS = 32
_ZERO = np.float32(0.0)
_TINY = 1e-37


class Watched(NamedTuple):
    """Counters of one feature: a bin after the other, the last one of missing values.

    Attributes
    ----------
    label : str

    kind : {"number", "category"}

    start, stop : int
        Where its counters lie among all.

    names : list of str
        Of the bins, that of missing values left out.

    unseen : list of int
        Bins of values that the reference doesn't have.

    reference : ndarray
        Counts of the reference, in the same order.

    n_alone : int
        Values of the reference that would be unseen if it were not for themselves.
    """

    label: str
    kind: str
    start: int
    stop: int
    names: list
    unseen: list
    reference: np.ndarray
    n_alone: int


class Bins:
    """Counters of all features that are watched.

    Parameters
    ----------
    reference : dict
        As ``skdeep._reference`` made it.

    signature : Signature
    """

    def __init__(self, reference, signature):
        self._as_columns = signature.as_columns
        pairs = list(zip(reference["columns"], reference["features"], strict=True))
        numbers = [(j, f) for j, f in pairs if f["kind"] == "number"]
        others = [(j, f) for j, f in pairs if f["kind"] == "category"]
        self._numbers = np.array([j for j, _ in numbers], dtype=np.intp)
        self._order = np.arange(len(numbers))
        # Integers, a stretch of them for the values of each feature.
        self._stretches = self._order << _BITS
        self._edges = np.concatenate(
            [
                _line(np.array([*f["edges"], np.inf], np.float32)) + stretch
                for (_, f), stretch in zip(numbers, self._stretches, strict=True)
            ]
            or [self._order]
        )
        self._tables, self.features, start = [], [], 0
        for j, feature in numbers + others:
            field = signature.fields[j]
            if feature["kind"] == "number":
                watched = _watch_numbers(field, feature, start)
            else:
                watched, codes = _watch_categories(field, feature, start)
                self._tables.append((j, codes, watched))
            self.features.append(watched)
            start = watched.stop
        self.n_counters = start
        self._place = np.argsort([j for j, _ in numbers + others])

    def in_order(self):
        """Features in the order of the columns."""
        return [self.features[i] for i in self._place]

    def places(self, rows):
        """Counters that the values of some rows add to.

        Parameters
        ----------
        rows : list of ndarray
            One matrix, or one array of shape (n_rows, 1) for each column.

        Returns
        -------
        places : ndarray of int
        """
        parts = []
        if len(self._numbers):
            if self._as_columns:
                values = np.concatenate([rows[j] for j in self._numbers], axis=1)
            else:
                values = rows[0][:, self._numbers]
            line = _line(as_watched(values)) + self._stretches
            parts.append((self._edges.searchsorted(line) + self._order).ravel())
        for j, codes, watched in self._tables:
            column = rows[j] if self._as_columns else rows[0][:, [j]]
            parts.append(_categories(column[:, 0], codes, watched))
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.intp)


def _line(values):
    """Integers in the order of float32 values, NaN last."""
    # Zero has two signs, and so has NaN.
    values = values + _ZERO
    values[np.isnan(values)] = np.nan
    bits = values.view(np.int32)
    # The larger a negative number, the smaller its bits.
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def _watch_numbers(field, feature, start):
    counts, edges = feature["counts"], feature["edges"]
    # Next to zero there are numbers that nobody wants to read.
    shown = ["0" if abs(edge) < _TINY else f"{edge:.4g}" for edge in edges]
    if edges:
        inner = [
            upper if after == before else f"to {upper}"
            for before, after, upper in zip(shown, shown[1:], shown[1:], strict=False)
        ]
        names = [f"below {shown[0]}", *inner, f"above {shown[-1]}"]
    else:
        names = ["any value"]
    return Watched(
        label=_label(field),
        kind="number",
        start=start,
        stop=start + len(counts) + 1,
        names=names,
        unseen=[0, len(counts) - 1] if edges else [0],
        reference=np.array([*counts, feature["n_missing"]], dtype=np.float64),
        n_alone=feature["n_alone"],
    )


def _watch_categories(field, feature, start):
    """Counters, and the bin of each category."""
    order = np.argsort(-np.array(feature["counts"]), kind="stable").tolist()
    kept, rare = order[:_MOST_CATEGORIES], order[_MOST_CATEGORIES:]
    counts = [feature["counts"][i] for i in kept]
    names = [str(feature["categories"][i]) for i in kept]
    if rare:
        counts.append(sum(feature["counts"][i] for i in rare))
        names.append(f"{len(rare)} others")
    bins = {i: min(place, len(counts) - 1) for place, i in enumerate(order)}
    as_text = field.dtype is np.object_
    codes = {
        str(category) if as_text else category: bins[i]
        for i, category in enumerate(feature["categories"])
    }
    watched = Watched(
        label=_label(field),
        kind="category",
        start=start,
        stop=start + len(counts) + 2,
        names=[*names, "unknown"],
        unseen=[len(counts)],
        reference=np.array([*counts, 0, feature["n_missing"]], dtype=np.float64),
        n_alone=feature["n_alone"],
    )
    return watched, codes


def _categories(column, codes, watched):
    unknown = watched.stop - watched.start - 2
    places = [codes.get(value, unknown) for value in column.tolist()]
    missing = (column == _MISSING) if column.dtype == object else np.isnan(column)
    places = np.array(places, dtype=np.intp)
    places[missing & (places == unknown)] = unknown + 1
    return places + watched.start


def _label(field):
    return field.name if field.name is not None else field.label
