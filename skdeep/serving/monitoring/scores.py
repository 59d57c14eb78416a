"""How right the predictions were whose truth is known."""

import math

import numpy as np

from skdeep._availability import optional

# Half the width of an interval that holds 95 % of a normal distribution.
_Z = 1.959964
_N_POINTS = 20


def find_scores(records):
    """Scores with 95 % intervals, their course, and whether they have got worse.

    Parameters
    ----------
    records : ndarray
        Of ``Labels.records``.

    Returns
    -------
    scores : dict
    """
    n = len(records)
    if not n:
        return {"n_labels": 0, "alarm": False}
    right = (records["truth"] == records["predicted"]).all(1)
    change = find_change(~right)
    return {
        "n_labels": n,
        "alarm": change["worse"],
        "first": int(records["time"][0]),
        "last": int(records["time"][-1]),
        "accuracy": wilson(int(right.sum()), n),
        "balanced_accuracy": balanced(records["truth"], records["predicted"]),
        "log_loss": mean(records["loss"]),
        "change": change,
        "over_time": _course(right, records["time"]),
    }


def _course(right, times):
    parts = np.array_split(np.arange(len(right)), min(_N_POINTS, -(-len(right) // 20)))
    return [
        {
            "n_labels": len(part),
            "last": int(times[part[-1]]),
            **wilson(int(right[part].sum()), len(part)),
        }
        for part in parts
    ]


def wilson(k, n):
    """Share with Wilson's interval."""
    share, spread = k / n, _Z * _Z / n
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return {
        "value": share,
        "low": max(0.0, middle - half),
        "high": min(1.0, middle + half),
    }


def balanced(truth, predicted):
    """Mean of the shares of each class that are found; of several labels, their mean.

    The interval is the normal one, with the variances of shares to which two right and
    two wrong answers were added: those of few rows would be zero too often.
    """
    shares, variances = [], []
    for column, answers in zip(truth.T, predicted.T, strict=True):
        _, group = np.unique(column, return_inverse=True)
        n, k = np.bincount(group), np.bincount(group, column == answers)
        padded = (k + 2) / (n + 4)
        shares.append((k / n).mean())
        variances.append((padded * (1 - padded) / (n + 4)).sum() / len(n) ** 2)
    value = float(np.mean(shares))
    half = _Z * math.sqrt(sum(variances)) / len(shares)
    return {
        "value": value,
        "low": max(0.0, value - half),
        "high": min(1.0, value + half),
    }


def mean(values):
    """Mean with its normal interval."""
    value = float(values.mean())
    spread = float(values.std(ddof=1)) if len(values) > 1 else math.inf
    half = _Z * spread / math.sqrt(len(values))
    # Two values at least have a spread.
    if not math.isfinite(half):
        return {"value": value, "low": None, "high": None}
    return {"value": value, "low": max(0.0, value - half), "high": value + half}


def adwin():
    """River's detector; without river, the ImportError names the extra."""
    return optional("river.drift", "monitor").ADWIN


def find_change(wrong):
    """Where the rate of errors last changed, by ADWIN.

    Returns
    -------
    change : dict
        `worse`, whether the last change was for the worse; `at`, how many labels came
        before it was noticed, or None; and the rates `before` and `since`.
    """
    detector, found = adwin()(), None
    for place, error in enumerate(wrong.tolist(), start=1):
        width = detector.width + 1
        detector.update(error)
        if detector.drift_detected:
            # It forgets what came before the change.
            start, end = int(place - width), int(place - detector.width)
            found = place, start, end
    if found is None:
        return {"worse": False, "at": None, "before": None, "since": None}
    place, start, end = found
    before, since = float(wrong[start:end].mean()), float(wrong[end:].mean())
    return {"worse": since > before, "at": place, "before": before, "since": since}
