"""Scores of predictions whose labels came later, against scikit-learn and scipy."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binomtest
from serving.watched import BENIGN, CANCER, monitor_of, reference_of, signature_of
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss

from skdeep.serving.monitoring import Monitor
from skdeep.serving.monitoring.labels import UnknownLabelError
from skdeep.serving.monitoring.scores import find_change, wilson

RNG = np.random.default_rng(0)
P = RNG.dirichlet([2, 1], len(BENIGN))
IDS = [f"request-{i}" for i in range(len(BENIGN))]


def asked(**options):
    """Monitor of a model that has answered all of breast_cancer."""
    monitor = monitor_of(**options)
    monitor.observe([CANCER], P, IDS)
    return monitor


def scores_of(monitor):
    return monitor.report()["labels"]


def test_scores_are_those_of_scikit_learn():
    monitor = asked()
    assert scores_of(monitor) == {"n_labels": 0, "alarm": False}
    order = RNG.permutation(len(IDS))
    ids, truth = [IDS[i] for i in order], BENIGN[order]
    assert set(monitor.feedback(ids[:300], truth[:300].tolist())) == {"accepted"}
    monitor.feedback(ids[300:], truth[300:].tolist())
    scores, said = scores_of(monitor), P.argmax(1)
    for name, expected in (
        ("accuracy", accuracy_score(BENIGN, said)),
        ("balanced_accuracy", balanced_accuracy_score(BENIGN, said)),
        ("log_loss", log_loss(BENIGN, P)),
    ):
        score = scores[name]
        assert_allclose(score["value"], expected, rtol=1e-5)
        assert score["low"] < score["value"] < score["high"]
    assert scores["n_labels"] == sum(p["n_labels"] for p in scores["over_time"])
    k, n = int((said == BENIGN).sum()), len(BENIGN)
    interval = binomtest(k, n).proportion_ci(method="wilson")
    found = scores["accuracy"]["low"], scores["accuracy"]["high"]
    assert_allclose(found, (interval.low, interval.high), rtol=1e-6)


def test_intervals_hold_the_truth_nearly_always():
    rng, n_rows = np.random.default_rng(0), 60
    inside = {"accuracy": 0, "balanced_accuracy": 0, "log_loss": 0}
    rates, losses = np.array([0.7, 0.95]), np.array([[0.8, 0.2], [0.1, 0.9]])
    true = {"accuracy": 0.8 * 0.7 + 0.2 * 0.95, "balanced_accuracy": 0.825}
    of_right, of_wrong = -np.log([0.8, 0.9]), -np.log([0.1, 0.2])
    per_class = rates * of_right + (1 - rates) * of_wrong
    true["log_loss"] = 0.8 * per_class[0] + 0.2 * per_class[1]
    monitor = monitor_of(n_labels=n_rows)
    for _ in range(200):
        truth = (rng.random(n_rows) < 0.2).astype(int)
        right = rng.random(n_rows) < rates[truth]
        # What the model says of a row depends on the answer alone.
        monitor.learn_labels(losses[np.where(right, truth, 1 - truth)], truth.tolist())
        scores = scores_of(monitor)
        for name in inside:
            inside[name] += scores[name]["low"] <= true[name] <= scores[name]["high"]
    assert min(inside.values()) > 180


def test_an_interval_of_one_label_is_wide():
    assert wilson(1, 1)["low"] < 0.3
    monitor = asked()
    monitor.feedback(IDS[:1], [0])
    assert scores_of(monitor)["log_loss"]["low"] is None


def test_ids_that_cannot_be_labelled():
    monitor = asked()
    told = monitor.feedback([IDS[5], "nobody", IDS[5]], [1, 0, 1])
    assert told == ["accepted", "unknown", "repeated"]
    assert monitor.feedback([IDS[5]], [0]) == ["repeated"]
    assert scores_of(monitor)["n_labels"] == 1


def test_the_oldest_predictions_are_forgotten():
    monitor = asked(n_remembered=100)
    assert monitor.feedback([IDS[-101], IDS[-100]], [0, 0]) == ["unknown", "accepted"]
    monitor.observe([CANCER[:99]], P[:99], [f"later-{i}" for i in range(99)])
    assert monitor.feedback([IDS[-2], IDS[-1]], [0, 0]) == ["unknown", "accepted"]
    assert monitor.feedback(["later-0"], [0]) == ["accepted"]


def test_rows_of_one_request_are_labelled_in_their_order():
    # The ring closes in the midst of them.
    monitor = monitor_of(n_remembered=7)
    monitor.observe([CANCER[:5]], P[:5], ["first"] * 5)
    sure = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]])
    monitor.observe([CANCER[:4]], sure, ["many"] * 4)
    assert monitor.feedback(["many"], [1]) == ["rows"]
    assert monitor.feedback(["many"], [[0, 1, 1, 1]]) == ["accepted"]
    assert scores_of(monitor)["accuracy"]["value"] == 1.0
    assert_allclose(
        scores_of(monitor)["log_loss"]["value"], -np.log(sure.max(1)).mean()
    )


def test_an_id_that_comes_again_means_the_last_request():
    monitor = monitor_of()
    monitor.observe([CANCER[:3]], P[:3], ["again"] * 3)
    monitor.observe([CANCER[:2]], np.array([[0.9, 0.1]] * 2), ["again"] * 2)
    assert monitor.feedback(["again"], [[0] * 3]) == ["rows"]
    assert monitor.feedback(["again"], [[0] * 2]) == ["accepted"]
    assert scores_of(monitor)["accuracy"]["value"] == 1.0


@pytest.mark.parametrize("label", [2, "2", None, {}, 0.5, [None]])
def test_unknown_labels_are_refused_with_the_list(label):
    monitor = asked()
    with pytest.raises(UnknownLabelError, match=r"must be one of 0, 1\. Got"):
        monitor.feedback([IDS[0], IDS[1]], [1, label])
    assert scores_of(monitor)["n_labels"] == 0


def test_labels_are_known_by_value_and_by_name():
    monitor = Monitor(reference_of(), signature_of(classes=["no", "yes"]))
    monitor.observe([CANCER[:2]], np.array([[0.9, 0.1], [0.1, 0.9]]), ["a", "b"])
    assert monitor.feedback(["a", "b"], ["no", "yes"]) == ["accepted"] * 2
    assert scores_of(monitor)["accuracy"]["value"] == 1.0
    monitor = asked()
    said = P[:3].argmax(1).tolist()
    monitor.feedback(IDS[:3], [str(said[0]), float(said[1]), said[2]])
    assert scores_of(monitor)["accuracy"]["value"] == 1.0


def test_several_labels():
    labels = np.column_stack([BENIGN, CANCER[:, 0] > 14]).astype(int)
    signature = signature_of(classes=[0, 1], multilabel=True)
    monitor = Monitor(reference_of(codes=labels.astype(bool)), signature)
    p = RNG.random(labels.shape).astype(np.float32)
    monitor.observe([CANCER], p, IDS)
    monitor.feedback(IDS[:-2], labels[:-2].tolist())
    # Rows of one request have a list each.
    monitor.observe([CANCER[:2]], p[-2:], ["both"] * 2)
    assert monitor.feedback(["both"], [labels[-2:].tolist()]) == ["accepted"]
    scores, said = scores_of(monitor), (p > 0.5).astype(int)
    assert_allclose(scores["accuracy"]["value"], (said == labels).all(1).mean())
    expected = [balanced_accuracy_score(labels[:, j], said[:, j]) for j in (0, 1)]
    assert_allclose(scores["balanced_accuracy"]["value"], np.mean(expected))
    expected = sum(log_loss(labels[:, j], p[:, j].astype(float)) for j in (0, 1))
    assert_allclose(scores["log_loss"]["value"], expected, rtol=1e-5)
    with pytest.raises(UnknownLabelError, match="must be a list of 2 values"):
        monitor.feedback([IDS[0]], [1])


def test_adwin_notices_when_errors_become_more():
    rng = np.random.default_rng(0)
    errors = rng.random(4000) < np.where(np.arange(4000) < 2000, 0.1, 0.3)
    change = find_change(errors)
    assert change["worse"]
    assert 2000 < change["at"] < 2600
    assert_allclose((change["before"], change["since"]), (0.1, 0.3), atol=0.04)
    assert not find_change(errors[::-1])["worse"]
    assert find_change(errors[:2000])["at"] is None


def test_worse_answers_alarm_though_the_data_is_as_ever():
    rng = np.random.default_rng(0)
    index = rng.integers(0, len(CANCER), 3000)
    monitor, ids = monitor_of(), [str(i) for i in range(3000)]
    said = np.where(np.eye(2)[BENIGN[index]] > 0, 0.9, 0.1)
    monitor.observe([CANCER[index]], said, ids)
    truth = BENIGN[index] ^ (rng.random(3000) < np.repeat([0.05, 0.3], 1500))
    monitor.feedback(ids, truth.tolist())
    report = monitor.report()
    assert (report["alarm"], report["verdict"]) == (True, "worse predictions")
    (reason,) = report["reasons"]
    assert reason.startswith("errors rose from ")


def test_without_river_nothing_is_taken_in(monkeypatch):
    monitor = asked()
    monkeypatch.setitem(sys.modules, "river.drift", None)
    with pytest.raises(ImportError, match=r"pip install 'skdeep\[monitor\]'"):
        monitor.feedback(IDS[:1], [0])
    assert monitor.report()["labels"]["n_labels"] == 0
