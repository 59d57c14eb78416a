"""Whether counts differ by more than chance; no more than arithmetic.

Two samples, the reference and the window, are compared: both are noisy.
"""

import math

import numpy as np

# Below, the distribution of the statistic is not that of chi-square.
_FEWEST = 5.0


def chi_square_tail(statistic, df):
    """Probability that a chi-square variable is larger."""
    half = statistic / 2
    if half <= 0:
        return 1.0
    if df % 2:
        tail, k = math.erfc(math.sqrt(half)), 0.5
    else:
        tail, k = math.exp(-half), 1.0
    while k < df / 2:
        tail += math.exp(k * math.log(half) - half - math.lgamma(k + 1))
        k += 1
    return min(tail, 1.0)


def compare_counts(window, reference):
    """Chi-square test of homogeneity, and the population stability index.

    Bins in which either sample can't be expected to have five are joined.

    Parameters
    ----------
    window, reference : ndarray
        Counts in the same bins.

    Returns
    -------
    p_value : float

    psi : float
        Sum over the bins of (share - reference share) * log(share / reference share).

    noise : float
        What `psi` is on average where nothing has changed.
    """
    n, m = float(window.sum()), float(reference.sum())
    if not n or not m:
        return 1.0, 0.0, 0.0
    window, reference = _joined(window, reference, _FEWEST * (n + m) / min(n, m))
    n_bins = len(window)
    if n_bins < 2:
        return 1.0, 0.0, 0.0
    both = (window + reference) / (n + m)
    statistic = float(
        ((window - n * both) ** 2 / (n * both)).sum()
        + ((reference - m * both) ** 2 / (m * both)).sum()
    )
    # An empty bin would make it infinite.
    p = (window + 0.5) / (n + 0.5 * n_bins)
    q = (reference + 0.5) / (m + 0.5 * n_bins)
    psi = float(((p - q) * np.log(p / q)).sum())
    noise = (n_bins - 1) * (1 / n + 1 / m)
    return chi_square_tail(statistic, n_bins - 1), psi, noise


def _joined(window, reference, fewest):
    """Make one bin of those that have fewer together, and of the next if need be."""
    both = window + reference
    order = np.argsort(both, kind="stable")
    n_small = int((both < fewest).sum())
    if not n_small:
        return window, reference
    if both[order[:n_small]].sum() < fewest:
        n_small = min(n_small + 1, len(order))
    small, large = order[:n_small], order[n_small:]
    return tuple(
        np.append(counts[large], counts[small].sum()) for counts in (window, reference)
    )


def compare_rates(k, n, k_reference, n_reference):
    """Test whether two rates differ: chi-square, or Fisher's test where they are rare.

    Returns
    -------
    p_value : float
    """
    total, rows = k + k_reference, n + n_reference
    rarer = min(total, rows - total)
    if not n or not n_reference or not rarer:
        return 1.0
    if rarer * min(n, n_reference) / rows >= _FEWEST:
        window = np.array([k, n - k], dtype=float)
        reference = np.array([k_reference, n_reference - k_reference], dtype=float)
        return compare_counts(window, reference)[0]
    if rarer < total:
        k, total = n - k, rarer
    least, most = max(0, total - n_reference), min(n, total)
    of_all = _log_choose(rows, total)
    chances = [
        math.exp(_log_choose(n, i) + _log_choose(n_reference, total - i) - of_all)
        for i in range(least, most + 1)
    ]
    upper, lower = sum(chances[k - least :]), sum(chances[: k - least + 1])
    return min(1.0, 2 * min(upper, lower))


def _log_choose(n, k):
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def adjust(p_values):
    """Holm's adjustment: the chance that any of them is this small where all is well.

    Parameters
    ----------
    p_values : sequence of float

    Returns
    -------
    adjusted : list of float
    """
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.maximum.accumulate(p_values[order] * factors).clip(max=1.0)
    return adjusted.tolist()
