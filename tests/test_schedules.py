"""Schedules against their formulas."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skdeep._schedules import Schedule, make_schedule

SETTINGS = {"learning_rate_init": 0.1, "power_t": 0.5}


def rates(name, n_steps=10):
    """Rate of each step of one fit."""
    schedule = make_schedule({**SETTINGS, "learning_rate": name}, n_steps)
    got = [schedule.rate]
    for _ in range(10):
        schedule.step_done()
        got.append(schedule.rate)
    return np.array(got)


def test_constant_rate():
    assert_allclose(rates("constant"), 0.1)


def test_cosine_falls_from_the_rate_to_zero():
    got = rates("cosine")
    assert_allclose(got, 0.05 * (1 + np.cos(np.pi * np.arange(11) / 10)), atol=1e-15)


def test_one_cycle_rises_for_30_percent_and_falls_to_zero():
    got = rates("one_cycle")
    assert got[0] == pytest.approx(0.04 * 0.1)
    assert np.argmax(got) == 3
    assert got[3] == pytest.approx(0.1)
    assert (np.diff(got[:4]) > 0).all()
    assert (np.diff(got[3:]) < 0).all()
    assert got[-1] == pytest.approx(0.0, abs=1e-15)


def test_rate_never_rises_again_after_the_planned_end():
    assert_allclose(rates("cosine", n_steps=5)[5:], 0.0, atol=1e-15)
    assert_allclose(rates("one_cycle", n_steps=5)[5:], 0.0, atol=1e-15)


@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
def test_schedules_need_a_planned_end(name):
    assert_allclose(rates(name, n_steps=None), 0.1)


@pytest.mark.parametrize(
    ("name", "planned"),
    [
        ("constant", False),
        ("invscaling", False),
        ("adaptive", False),
        ("cosine", True),
        ("one_cycle", True),
    ],
)
def test_planned_end(name, planned):
    schedule = make_schedule({**SETTINGS, "learning_rate": name}, 10)
    assert schedule.planned_end is planned


def test_inverse_scaling_counts_samples():
    settings = {**SETTINGS, "learning_rate": "invscaling", "power_t": 0.3}
    schedule = make_schedule(settings, None)
    assert schedule.rate == 0.1
    schedule.epoch_done(150)
    assert schedule.rate == pytest.approx(0.1 / 151**0.3)
    schedule.epoch_done(300)
    assert schedule.rate == pytest.approx(0.1 / 301**0.3)


def test_adaptive_divides_by_five_until_it_stops():
    schedule = make_schedule({**SETTINGS, "learning_rate": "adaptive"}, None)
    got = []
    while not schedule.plateau():
        got.append(schedule.rate)
    assert_allclose(got, 0.1 / 5.0 ** np.arange(1, len(got) + 1))
    assert got[-1] <= 1e-6 < got[-2]


def test_other_schedules_stop_at_a_plateau():
    assert Schedule(0.1).plateau()
