"""What the monitor counts, alone and in company."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from serving.watched import (
    BENIGN,
    CANCER,
    NAMES,
    feature,
    field,
    monitor_of,
    reference_of,
    signature_of,
    sure_of,
)

from skdeep._reference import learn_reference
from skdeep.serving.monitoring import Monitor
from skdeep.serving.monitoring.bins import Bins
from skdeep.serving.monitoring.counters import Counters
from skdeep.serving.signature import Signature

ODD = [0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e-45, -1e-45, 1e300, -1e300]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_counted_where_the_edges_say(dtype):
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [
            rng.normal(size=500),
            np.where(rng.random(500) < 0.5, 0.0, rng.normal(size=500)),
            np.full(500, -2.5),
            rng.integers(0, 3, 500),
        ]
    )
    reference = reference_of(X, None)
    bins = Bins(reference, signature_of("abcd"))
    rows = rng.normal(size=(400, 4)) * 2
    rows[:100] = np.round(rows[:100])
    rows[: len(ODD)] = np.array(ODD)[:, None]
    with np.errstate(over="ignore"):
        rows = rows.astype(dtype)
        single = rows.astype(np.float32)
    counts = np.bincount(bins.places([rows]), minlength=bins.n_counters)
    for watched, described, values in zip(
        bins.in_order(), reference["features"], single.T, strict=True
    ):
        present = values[~np.isnan(values)]
        places = np.searchsorted(np.float32(described["edges"]), present)
        expected = np.bincount(places, minlength=len(described["counts"]))
        found = counts[watched.start : watched.stop]
        assert_array_equal(found, [*expected, np.isnan(values).sum()])


def test_columns_of_many_kinds():
    kinds = np.array([f"k{j % 60}" for j in range(600)] + ["k0"] * 100)
    codes = {f"k{j}": j for j in range(60)}
    grades = np.array([1.0, 2.0] * 350)
    table = np.column_stack(
        [np.arange(700.0), [codes[kind] for kind in kinds], grades - 1]
    )
    reference = learn_reference(table, np.arange(700), [None, codes, {1.0: 0, 2.0: 1}])
    fields = (
        field("number"),
        field("kind", "category", np.object_),
        field("grade", "category", np.float64),
    )
    signature = Signature(fields, True, None, [0, 1], False)
    monitor = Monitor(reference, signature)
    kind = np.array([["k0"], ["k59"], ["new"], [""]], dtype=object)
    grade = np.array([[1.0], [2.0], [7.0], [np.nan]])
    monitor.observe([np.zeros((4, 1)), kind, grade], sure_of([0, 0, 1, 1]))
    report = monitor.report()
    assert [entry["name"] for entry in report["features"]] == [
        "number",
        "kind",
        "grade",
    ]
    for name in ("kind", "grade"):
        entry = feature(report, name)
        assert (entry["missing"], entry["out_of_range"]) == (0.25, 1 / 3)
        *_, unknown = entry["bins"]
        assert (unknown["name"], unknown["window"]) == ("unknown", 1 / 3)
    of_kind = {b["name"]: b for b in feature(report, "kind")["bins"]}
    assert len(of_kind) == 52
    assert of_kind["10 others"]["window"] == pytest.approx(1 / 3)
    assert of_kind["k0"]["window"] == pytest.approx(1 / 3)
    shares = {
        entry["name"]: entry["window"] for entry in report["predictions"]["classes"]
    }
    assert shares == {"0": 0.5, "1": 0.5}


def test_booleans_and_integers_among_columns():
    table = np.column_stack([np.arange(100.0), np.arange(100) % 2])
    signature = Signature(
        (field("n"), field("b", "boolean", np.bool_)), True, None, [0, 1], False
    )
    monitor = Monitor(learn_reference(table, np.arange(100)), signature)
    flags = np.array([[True], [True], [False], [True]])
    monitor.observe([np.ones((4, 1)), flags], sure_of([0] * 4))
    bins = feature(monitor.report(), "b")["bins"]
    assert [b["window"] for b in bins if b["reference"]] == [0.25, 0.75]


def test_a_window_forgets_what_is_old():
    counters = Counters(2, 100, None, "counts")
    for row in range(1000):
        counters.add(np.array([int(row >= 900)]), 1)
    window = counters.read()
    assert 100 <= window.n_rows <= 110
    assert window.counts[1] == 100
    assert window.first < window.last
    nothing = Counters(2, 100, None, "counts").read()
    assert (nothing.n_rows, nothing.first) == (0, 0)


def test_threads_lose_nothing():
    monitor, n_threads = monitor_of(window=10**6), 8

    def work():
        for start in range(0, 500, 5):
            rows = slice(start, start + 5)
            monitor.observe([CANCER[rows]], sure_of(BENIGN[rows]), ["id"] * 5)

    threads = [threading.Thread(target=work) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = monitor.report()
    assert report["n_rows"] == 500 * n_threads
    assert all(entry["n_rows"] == report["n_rows"] for entry in report["features"])


def test_workers_tell_what_all_have_counted(tmp_path):
    first, second = (monitor_of(folder=tmp_path, window=1000) for _ in range(2))
    first.observe([CANCER[:100]], sure_of(BENIGN[:100]), [f"a{i}" for i in range(100)])
    second.observe([CANCER[100:150]], sure_of(BENIGN[100:150]), ["b"] * 50)
    alone = monitor_of(window=1000)
    alone.observe([CANCER[:150]], sure_of(BENIGN[:150]))
    for worker in (first, second):
        report = worker.report()
        assert report["features"] == alone.report()["features"]
        assert report["window"]["n_rows"] == 150
    # Labels reach the prediction, whichever worker made it.
    assert second.feedback(["a3"], [int(BENIGN[3])]) == ["accepted"]
    assert first.feedback(["a3"], [0]) == ["repeated"]
    assert first.report()["labels"]["n_labels"] == 1
    assert second.report()["labels"]["n_labels"] == 1


WORKER = """
import os, sys
import numpy as np
from skdeep.serving.monitoring.counters import Counters
counters = Counters(3, 1000, sys.argv[1], "counts")
counters.add(np.array([0, 2] * 40), 40)
os.kill(os.getpid(), 9)
"""


def test_a_worker_that_died_leaves_its_counts_to_the_next(tmp_path):
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    for _ in range(2):
        assert subprocess.run(command, check=False, timeout=60).returncode == -9
    (file,) = tmp_path.iterdir()
    heir = Counters(3, 1000, tmp_path, "counts")
    assert list(tmp_path.iterdir()) == [file]
    assert heir.read().counts.tolist() == [80, 0, 80]
    heir.add(np.array([1]), 1)
    assert heir.read().counts.tolist() == [80, 1, 80]


def test_another_model_counts_for_itself(tmp_path):
    monitor_of(folder=tmp_path).observe([CANCER[:9]], sure_of(BENIGN[:9]))
    other = monitor_of(CANCER[::2], BENIGN[::2], folder=tmp_path)
    assert other.report()["n_rows"] == 0


def test_memory_is_what_it_was_at_the_start():
    monitor = monitor_of(window=1000, n_remembered=500, n_labels=100)
    stores = [
        monitor._counters._shared.own,
        monitor._labels._waiting.own,
        monitor._labels._met.own,
    ]
    before = [id(store.base) for store in stores], sum(s.nbytes for s in stores)
    for number in range(40):
        ids = [f"{number}-{i}" for i in range(len(CANCER))]
        monitor.observe([CANCER], sure_of(BENIGN), ids)
        monitor.feedback(ids[-200:], BENIGN[-200:].tolist())
    after = [id(store.base) for store in stores], sum(s.nbytes for s in stores)
    assert before == after
    assert before[1] < 200_000
    assert monitor.report()["labels"]["n_labels"] == 100


def test_wide_inputs_are_watched_in_part():
    X = np.random.default_rng(0).normal(size=(50, 3000))
    names = [f"c{j}" for j in range(3000)]
    monitor = Monitor(reference_of(X, BENIGN[:50]), signature_of(names))
    monitor.observe([X], sure_of(BENIGN[:50]))
    assert len(monitor.report()["features"]) == 512


def test_options_have_rules():
    for name in ("window", "n_remembered", "n_labels"):
        with pytest.raises(ValueError, match=rf"`{name}` must be a positive integer"):
            monitor_of(**{name: 0})


def test_names_are_those_of_the_columns():
    assert [f["name"] for f in monitor_of().report()["features"]] == NAMES
    unnamed = Monitor(reference_of(), signature_of([None] * 30))
    assert unnamed.report()["features"][2]["name"] == "feature 2"
