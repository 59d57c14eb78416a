"""What the counts of a window say beside those of the training data."""

import numpy as np

from skdeep.serving.monitoring.verdict import adjust, compare_counts, compare_rates

# Chance that anything alarms though nothing has changed, all tests together.
ALPHA = 0.01
# What is too small to matter, however sure it is: an excess of the population stability
# index over its noise, and a change of the share of missing or unseen values.
LEAST_PSI = 0.1
LEAST_RATE = 0.01
# Windows of fewer rows overlook what matters.
ENOUGH_ROWS = 1000


def find_drift(window, bins, classes, reference):
    """Compare a window with the reference.

    Parameters
    ----------
    window : Window
        Counters of `bins`, then those of the classes.

    bins : Bins

    classes : list of str

    reference : dict

    Returns
    -------
    drift : dict
        `alarm`, `verdict`, `reasons`, `n_rows`, `n_reference`, `n_tests`, `alpha`,
        `features` and `predictions`.
    """
    features = [_of_feature(watched, window.counts) for watched in bins.in_order()]
    predictions = _of_predictions(
        window.counts[bins.n_counters :], window.n_rows, classes, reference["classes"]
    )
    tests = [test for entry in features for test in entry["tests"].values()]
    tests += predictions["tests"]
    for test, p_value in zip(tests, adjust([t["p"] for t in tests]), strict=True):
        matters = test.pop("effect") >= test.pop("least")
        del test["p"]
        test["p_value"], test["alarm"] = p_value, matters and p_value <= ALPHA
    for entry in features:
        entry["alarm"] = any(test["alarm"] for test in entry["tests"].values())
    reasons = [why for entry in features for why in _reasons(entry)]
    predictions["alarm"] = any(test["alarm"] for test in predictions.pop("tests"))
    if predictions["alarm"]:
        reasons.append("the predicted classes have other shares")
    return {
        "alarm": bool(reasons),
        "verdict": _verdict(reasons, window.n_rows),
        "reasons": reasons,
        "n_rows": window.n_rows,
        "n_reference": reference["n_rows"],
        "n_tests": len(tests),
        "alpha": ALPHA,
        "features": features,
        "predictions": predictions,
    }


def _verdict(reasons, n_rows):
    if reasons:
        return "drift"
    return "no drift found" if n_rows >= ENOUGH_ROWS else "too few rows to tell"


def _test(p_value, effect, least):
    return {"p": p_value, "effect": effect, "least": least}


def _of_feature(watched, counts):
    counts = counts[watched.start : watched.stop].astype(float)
    present, known = counts[:-1], watched.reference[:-1]
    n, m = int(present.sum()), int(known.sum())
    n_unseen = int(present[watched.unseen].sum())
    n_missing, n_missing_before = int(counts[-1]), int(watched.reference[-1])
    p_value, psi, noise = compare_counts(present, known)
    missing = (
        _rate(n_missing, n + n_missing),
        _rate(n_missing_before, m + n_missing_before),
    )
    unseen = _rate(n_unseen, n), _rate(watched.n_alone, m)
    return {
        "name": watched.label,
        "kind": watched.kind,
        "n_rows": n + n_missing,
        "psi": psi,
        "psi_noise": noise,
        "missing": missing[0],
        "missing_reference": missing[1],
        # What the reference would have out of its own range, one row left out.
        "out_of_range": unseen[0],
        "out_of_range_reference": unseen[1],
        "tests": {
            "distribution": _test(p_value, psi - noise, LEAST_PSI),
            "missing": _test(
                compare_rates(
                    n_missing, n + n_missing, n_missing_before, m + n_missing_before
                ),
                abs(missing[0] - missing[1]),
                LEAST_RATE,
            ),
            "out_of_range": _test(
                # A single value at the end of the range would be one too.
                compare_rates(n_unseen, n, min(max(watched.n_alone, 1), m), m),
                unseen[0] - unseen[1],
                LEAST_RATE,
            ),
        },
        "bins": [
            {"name": name, "reference": _rate(before, m), "window": _rate(now, n)}
            for name, before, now in zip(watched.names, known, present, strict=True)
        ],
    }


def _rate(count, total):
    return float(count) / total if total else 0.0


def _reasons(entry):
    tests, name = entry["tests"], entry["name"]
    if tests["distribution"]["alarm"]:
        yield f"{name} has another distribution (PSI {entry['psi']:.2f})"
    for key, told in (("missing", "missing"), ("out_of_range", "never seen before")):
        if tests[key]["alarm"]:
            before, now = entry[f"{key}_reference"], entry[key]
            yield f"{name} is {told} in {now:.1%} of the rows (reference: {before:.1%})"


def _of_predictions(counts, n_rows, classes, known):
    """Shares of the predicted classes; of several labels, each by itself."""
    counts = counts.astype(float)
    entry = {"n_rows": n_rows, "n_reference": 0, "psi": None, "psi_noise": None}
    before = np.zeros(len(classes))
    if known is not None:
        entry["n_reference"] = known["n_rows"]
        before[: len(known["counts"])] = known["counts"]
    m = entry["n_reference"]
    # With several labels, or none, a row adds to any number of counters.
    tables = [(counts, before)]
    if known is not None and known["multilabel"]:
        tables = [
            (np.array([k, n_rows - k]), np.array([k_before, m - k_before]))
            for k, k_before in zip(counts, before, strict=True)
        ]
    tests = []
    if known is not None:
        compared = [compare_counts(*table) for table in tables]
        tests = [_test(p, psi - noise, LEAST_PSI) for p, psi, noise in compared]
        _, entry["psi"], entry["psi_noise"] = max(compared, key=lambda c: c[1] - c[2])
    entry["classes"] = [
        {
            "name": name,
            "reference": _rate(k_before, m) if m else None,
            "window": _rate(k, n_rows),
        }
        for name, k_before, k in zip(classes, before, counts, strict=True)
    ]
    return {**entry, "tests": tests}
