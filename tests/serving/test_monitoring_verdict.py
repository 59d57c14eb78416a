"""Whether the verdict is right: against scipy, and on samples that are known."""

import numpy as np
import pytest
from benchmarks.drift import HEALTHY, POPULATIONS, SHIFTED, measure
from numpy.testing import assert_allclose
from scipy import stats
from serving.watched import (
    BENIGN,
    CANCER,
    feature,
    half_of,
    monitor_of,
    reference_of,
    signature_of,
    sure_of,
)

from skdeep.serving.monitoring import Monitor
from skdeep.serving.monitoring.verdict import (
    adjust,
    chi_square_tail,
    compare_counts,
    compare_rates,
)


def test_tail_is_that_of_scipy():
    for df in (1, 2, 3, 9, 10, 50, 99):
        for x in (0.0, 0.3, df, 3 * df, 20 * df):
            expected = stats.chi2.sf(x, df)
            assert_allclose(chi_square_tail(x, df), expected, rtol=1e-9, atol=1e-300)


def test_counts_are_compared_as_scipy_does():
    window, reference = np.array([30.0, 90, 41, 20]), np.array([400.0, 800, 300, 120])
    p_value, psi, noise = compare_counts(window, reference)
    expected = stats.chi2_contingency([window, reference], correction=False)
    assert_allclose(p_value, expected.pvalue)
    p, q = (window + 0.5) / (181 + 2), (reference + 0.5) / (1620 + 2)
    assert_allclose(psi, ((p - q) * np.log(p / q)).sum())
    assert_allclose(noise, 3 * (1 / 181 + 1 / 1620))


def test_rare_bins_are_joined():
    window, reference = np.array([100.0, 1, 0, 2, 97]), np.array([90.0, 2, 3, 1, 104])
    # Nine in all are too few for both to have five, so the next bin joins them.
    joined = [97.0, 103], [104.0, 96]
    expected = stats.chi2_contingency(joined, correction=False).pvalue
    assert_allclose(compare_counts(window, reference)[0], expected)
    assert compare_counts(np.array([3.0, 1]), np.array([2.0, 2]))[0] == 1.0
    assert compare_counts(np.zeros(2), np.array([2.0, 2])) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("k", "n", "k_reference", "n_reference"),
    [(0, 50, 9, 60), (7, 1000, 2, 569), (998, 1000, 569, 569), (3, 9, 1, 10_000)],
)
def test_rare_rates_are_compared_by_fishers_test(k, n, k_reference, n_reference):
    law = stats.hypergeom(n + n_reference, k + k_reference, n)
    expected = min(1, 2 * min(law.sf(k - 1), law.cdf(k)))
    assert_allclose(compare_rates(k, n, k_reference, n_reference), expected)


def test_other_rates_are_compared_by_chi_square():
    table = [[40, 60], [300, 700]]
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert_allclose(compare_rates(40, 100, 300, 1000), expected)
    assert compare_rates(0, 100, 0, 1000) == compare_rates(5, 5, 9, 9) == 1.0


def test_holms_adjustment():
    p_values = [0.01, 0.04, 0.03, 0.005, 0.9]
    assert_allclose(adjust(p_values), [0.04, 0.09, 0.09, 0.025, 0.9])
    assert adjust([]) == []


@pytest.mark.parametrize("population", POPULATIONS)
def test_few_healthy_windows_alarm_and_most_shifts_are_found(population):
    shares = measure(POPULATIONS[population], 2000, 1000, 40, seed=1)
    assert shares[HEALTHY] <= 0.05
    assert shares[SHIFTED] >= 0.95


def test_half_of_the_data_beside_the_other_half_is_healthy():
    rng, n_alarms = np.random.default_rng(0), 0
    for _ in range(20):
        here, there = half_of(rng)
        monitor = monitor_of(CANCER[there], BENIGN[there])
        monitor.observe([CANCER[here]], sure_of(BENIGN[here]))
        report = monitor.report()
        n_alarms += report["alarm"]
        assert report["verdict"] in ("drift", "too few rows to tell")
        assert report["n_tests"] == 91
    assert n_alarms <= 1


def test_few_rows_are_enough_for_a_large_change():
    monitor = monitor_of()
    monitor.observe([CANCER[:60] * 3], sure_of(BENIGN[:60]))
    report = monitor.report()
    assert (report["alarm"], report["verdict"]) == (True, "drift")
    assert "mean radius has another distribution (PSI " in report["reasons"][0]


def columns_of(rng, n_rows):
    """Columns whose deciles coincide."""
    return np.column_stack(
        [
            np.full(n_rows, 3.0),
            rng.integers(0, 2, n_rows),
            np.where(rng.random(n_rows) < 0.93, 0.0, rng.exponential(size=n_rows)),
            rng.poisson(2, n_rows),
        ]
    ).astype(float)


@pytest.mark.parametrize("j", range(4))
@pytest.mark.parametrize("sign", [-1, 1])
def test_shifts_of_constants_and_ties_are_found(j, sign):
    rng = np.random.default_rng(0)
    reference, rows = columns_of(rng, 2000), columns_of(rng, 1000)
    codes = rng.integers(0, 2, 2000)
    monitor = monitor_of(reference, codes)
    monitor.observe([rows], sure_of(codes[:1000]))
    assert monitor.report()["verdict"] == "no drift found"
    rows[:, j] += sign * (0.5 * reference[:, j].std() or 1.0)
    monitor = monitor_of(reference, codes)
    monitor.observe([rows], sure_of(codes[:1000]))
    changed = [f["name"] for f in monitor.report()["features"] if f["alarm"]]
    assert changed == [f"c{j}"]


def test_what_is_missing_or_out_of_range_alarms_by_itself():
    rng = np.random.default_rng(0)
    rows = CANCER[rng.integers(0, len(CANCER), 1000)]
    codes = BENIGN[rng.integers(0, len(CANCER), 1000)]
    rows[rng.random(1000) < 0.05, 3] = np.nan
    rows[rng.random(1000) < 0.05, 4] = 1e6
    monitor = monitor_of()
    monitor.observe([rows], sure_of(codes))
    report = monitor.report()
    for name, test in (("mean area", "missing"), ("mean smoothness", "out_of_range")):
        tests = feature(report, name)["tests"]
        alarms = [key for key, found in tests.items() if found["alarm"]]
        assert alarms == [test]
    assert len(report["reasons"]) == 2
    assert report["reasons"][0].startswith("mean area is missing in ")


def test_what_is_sure_but_small_does_not_alarm():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 1))
    monitor = monitor_of(X, np.zeros(10_000, dtype=int), window=10**9)
    rows = rng.normal(size=(200_000, 1)) + 0.1
    monitor.observe([rows], sure_of(np.zeros(200_000, dtype=int)))
    (entry,) = monitor.report()["features"]
    assert entry["tests"]["distribution"]["p_value"] < 1e-9
    assert not entry["alarm"]


def test_other_predictions_alarm():
    rng = np.random.default_rng(0)
    index = rng.integers(0, len(CANCER), 1000)
    codes = np.where(rng.random(1000) < 0.4, 1 - BENIGN[index], BENIGN[index])
    monitor = monitor_of()
    monitor.observe([CANCER[index]], sure_of(np.maximum(codes, BENIGN[index])))
    report = monitor.report()
    assert report["reasons"] == ["the predicted classes have other shares"]
    assert report["predictions"]["n_reference"] == len(BENIGN)


def test_predictions_nobody_knows_of_do_not_alarm():
    monitor = monitor_of(CANCER, None)
    monitor.observe([CANCER], sure_of(np.zeros(len(CANCER), dtype=int)))
    report = monitor.report()
    assert not report["alarm"]
    assert report["predictions"]["psi"] is None
    assert report["predictions"]["classes"][0] == {
        "name": "0",
        "reference": None,
        "window": 1.0,
    }


def test_labels_are_compared_one_by_one():
    labels = np.column_stack([BENIGN, CANCER[:, 0] > 14]).astype(bool)
    signature = signature_of(classes=[0, 1], multilabel=True)
    for said, alarm in ((labels, False), (labels ^ [False, True], True)):
        monitor = Monitor(reference_of(codes=labels), signature)
        monitor.observe([CANCER], np.where(said, 0.9, 0.2))
        report = monitor.report()
        assert report["predictions"]["alarm"] is alarm
        shares = [entry["window"] for entry in report["predictions"]["classes"]]
        assert_allclose(shares, said.mean(0))
