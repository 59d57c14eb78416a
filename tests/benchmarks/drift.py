"""How often the monitor alarms where nothing has changed, and where something has.

Prints tables as markdown, and writes the first one as csv if asked to. Takes minutes.
"""

import argparse
import csv
import time

import numpy as np
from scipy.stats import ks_2samp
from sklearn.datasets import load_breast_cancer, load_digits

from skdeep._reference import count_classes, learn_reference
from skdeep.serving.monitoring import Monitor
from skdeep.serving.monitoring.scores import find_change
from skdeep.serving.signature import Field, Signature

N_ROWS = 1000
SIZES = ((500, 200), (500, N_ROWS), (2000, N_ROWS), (10_000, N_ROWS))
HEALTHY, SHIFTED = "healthy", "shifted"
# Each reference, which is a sample too, is used for so many windows.
N_PER_REFERENCE = 50
_KINDS = 10


def simulated(n_rows, rng):
    """Thirty columns: bell-shaped, skewed, counts, two values, ties, a constant."""
    latent = rng.normal(size=(n_rows, 30))
    latent[:, 1:] = 0.6 * latent[:, :1] + 0.8 * latent[:, 1:]
    X = latent.copy()
    for start, change in (
        (1, np.exp),
        (2, lambda x: np.where(x < 1.3, 0.0, x)),
        (3, lambda x: np.floor(np.exp(0.7 * x + 1))),
        (4, lambda x: (x > 0.8).astype(float)),
        (5, lambda x: np.round(2 * x) / 2),
        (6, lambda x: x**3),
    ):
        X[:, start::_KINDS] = change(latent[:, start::_KINDS])
    X[:, 7::_KINDS][rng.random((n_rows, 3)) < 0.05] = np.nan
    X[:, 29] = 3.0
    return X, (latent[:, 0] > 0).astype(int) + (latent[:, 0] > 1)


def drawn_from(load):
    """Rows drawn with replacement."""
    X, y = load(return_X_y=True)

    def draw(n_rows, rng):
        index = rng.integers(0, len(X), n_rows)
        return X[index], y[index]

    return draw


POPULATIONS = {
    "simulated, 30 columns": simulated,
    "breast_cancer, 30 columns": drawn_from(load_breast_cancer),
    "digits, 64 columns": drawn_from(load_digits),
}


def monitor_of(X, y):
    """Monitor of a model whose answers are `y`."""
    reference = learn_reference(X, np.arange(len(X)))
    reference["classes"] = count_classes(y)
    fields = tuple(
        Field(str(j), str(j), "number", True, None, np.float64)
        for j in range(X.shape[1])
    )
    classes = list(range(int(y.max()) + 1))
    signature = Signature(fields, False, None, classes, False)
    return lambda: Monitor(reference, signature, window=10**9, n_remembered=1)


def judge(make, X, y):
    """Report on one window."""
    monitor = make()
    n_classes = len(monitor.signature.classes)
    monitor.observe([X], np.eye(n_classes)[y])
    return monitor.report()


def measure(draw, n_reference, n_rows, n_windows, seed, simpler=()):
    """Shares of windows that alarm.

    Returns
    -------
    shares : dict
        Of healthy windows, by rule, and of shifted ones.
    """
    rng = np.random.default_rng(seed)
    alarms, found = [], []
    for number in range(n_windows):
        if number % N_PER_REFERENCE == 0:
            X, y = draw(n_reference, rng)
            make = monitor_of(X, y)
            spread = np.nanstd(X, axis=0)
            movable = np.flatnonzero(spread > 0)
        now, answers = draw(n_rows, rng)
        report = judge(make, now, answers)
        alarms.append([report["alarm"], *(rule(report, X, now) for rule in simpler)])
        j = rng.choice(movable)
        now[:, j] += rng.choice([-0.5, 0.5]) * spread[j]
        found.append(judge(make, now, answers)["features"][j]["alarm"])
    names = [HEALTHY, *(rule.__name__ for rule in simpler)]
    shares = np.mean(alarms, axis=0)
    return {**dict(zip(names, shares, strict=True)), SHIFTED: np.mean(found)}


def any_test(report, X, now):
    """Whether a test alarms, however small the change."""
    features = report["features"]
    adjusted = [t["p_value"] for f in features for t in f["tests"].values()]
    return min(adjusted) <= report["alpha"]


def any_psi(report, X, now):
    """Whether an index is above .1, however few the rows."""
    return max(f["psi"] for f in report["features"]) > 0.1


def any_ks(report, X, now):
    """Whether a Kolmogorov-Smirnov test is below .05, however many there are."""
    samples = (
        (a[~np.isnan(a)], b[~np.isnan(b)]) for a, b in zip(X.T, now.T, strict=True)
    )
    return min(ks_2samp(a, b, method="asymp").pvalue for a, b in samples) < 0.05


def measure_labels(n_streams, seed=0, n_labels=10_000):
    """Shares of streams of labels in which ADWIN alarms, and after how many labels."""
    rng = np.random.default_rng(seed)
    steady, rising, delays = [], [], []
    for _ in range(n_streams):
        steady.append(find_change(rng.random(n_labels) < 0.1)["worse"])
        rate = np.where(np.arange(n_labels) < n_labels // 2, 0.1, 0.2)
        change = find_change(rng.random(n_labels) < rate)
        rising.append(change["worse"])
    for n_after in (100, 200, 400, 800):
        rate = np.r_[np.full(5000, 0.1), np.full(n_after, 0.2)]
        hits = [find_change(rng.random(len(rate)) < rate)["worse"] for _ in range(50)]
        delays.append((n_after, np.mean(hits)))
    return np.mean(steady), np.mean(rising), delays


def measure_cost():
    """Microseconds that a row takes, by the number of rows that come at once."""
    X, y = simulated(N_ROWS, np.random.default_rng(0))
    monitor = monitor_of(X, y)()
    p, ids = np.eye(3)[y], [f"request-{i}" for i in range(N_ROWS)]
    for size in (1, 8, 64, 1000):
        for named in (False, True):
            arguments = [X[:size]], p[:size], ids[:size] if named else None
            n_calls = max(20, 2000 // size)
            start = time.process_time()
            for _ in range(n_calls):
                monitor.observe(*arguments)
            seconds = time.process_time() - start
            yield size, named, 1e6 * seconds / n_calls / size


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=1000)
    parser.add_argument("--csv", help="file for the table")
    options = parser.parse_args()
    rows = []
    _print(HEADER, ["---"] * len(HEADER))
    for seed, (name, draw) in enumerate(POPULATIONS.items()):
        for sizes in SIZES:
            shares = measure(draw, *sizes, options.windows, seed, SIMPLER)
            # Shorter windows are beyond what is asked for.
            met = shares[HEALTHY] <= 0.05 and shares[SHIFTED] >= 0.95
            told = ("yes" if met else "no") if sizes[1] >= N_ROWS else ""
            cells = [f"{100 * shares[key]:.1f}" for key in COLUMNS]
            rows.append((name, *map(str, sizes), *cells, told))
            _print(rows[-1])
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEADER, *rows])
    steady, rising, delays = measure_labels(max(20, options.windows // 5))
    print(f"\nADWIN, 10,000 labels, 10 % errors: {steady:.1%} alarm.")
    print(f"ADWIN, 20 % errors in the second half: {rising:.1%} alarm.")
    for n_after, share in delays:
        print(f"ADWIN, {n_after} labels after the change: {share:.0%} have alarmed.")
    print()
    _print(("rows at once", "with ids", "microseconds a row"), ["---"] * 3)
    for size, named, cost in measure_cost():
        _print((str(size), "yes" if named else "no", f"{cost:.1f}"))


SIMPLER = (any_test, any_psi, any_ks)
COLUMNS = {
    HEALTHY: "healthy windows that alarm, %",
    SHIFTED: "shifts of 0.5 deviations found, %",
    "any_test": "healthy, tests alone, %",
    "any_psi": "healthy, any PSI above 0.1, %",
    "any_ks": "healthy, any Kolmogorov-Smirnov test at .05, %",
}
HEADER = (
    *("data", "rows of reference", "rows of window"),
    *COLUMNS.values(),
    "at most 5 and at least 95",
)


def _print(*lines):
    for cells in lines:
        print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
