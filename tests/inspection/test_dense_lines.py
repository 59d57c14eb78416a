"""The quick way along lines, for dense nets: the same as the way of all other nets."""

import numpy as np
import pytest
import torch
from inspection.explained import CANCER, SICK, TABLE, case_of
from numpy.testing import assert_allclose
from sklearn.base import clone

from skdeep.inspection import _dense_lines, shap_values
from skdeep.inspection._dense_lines import DenseLines, _runs
from skdeep.inspection._expected_gradients import Lines
from skdeep.inspection._subject import Subject

DENSE = ("table", "pair", "labels", "categories", "waves", "members")
TEN = CANCER[:, :10]


def fitted_on_ten(**parameters):
    return clone(TABLE).set_params(**parameters).fit(TEN, SICK)


def values_of(kind, net, X, background, first, n_points=6):
    """Values of all classes, and of a class of each row."""
    subject = Subject(net, X)
    generator = torch.Generator().manual_seed(0)
    x, starts = (
        subject.tensors(flat).take(slice(None))
        for flat in (subject.flat, subject.flatten(background))
    )
    left = torch.rand(len(x) * n_points, x.shape[1], generator=generator)
    alpha = (torch.arange(n_points) + 0.5) / n_points
    classes = np.arange(len(net.classes_))
    wanted = [torch.full((len(x),), code) for code in classes]
    wanted.append(torch.arange(len(x)) % len(classes))
    lines = kind(subject, starts, classes, alpha)
    return np.stack(list(lines.follow(x, left, first, wanted)))


def assert_same_values(net, X, background, **options):
    for first in (0, 3, 11, 47):
        given = net, X, background, first
        values = values_of(Lines, *given, **options)
        assert np.abs(values).max() > 0.01
        assert_allclose(values_of(DenseLines, *given, **options), values, atol=1e-5)


@pytest.mark.parametrize("case", DENSE)
def test_values_are_those_of_other_nets(case):
    net, X, background = case_of(case)
    assert DenseLines.suit(Subject(net, X), len(background), 6)
    assert_same_values(net, X, background)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_members": 3, "activation": "tanh"},
        {"hidden_layer_sizes": (8, 4, 6), "activation": "gelu", "dropout": 0.2},
        {"numerical_embedding": None},
        {"n_members": 2, "numerical_embedding": "periodic"},
    ],
)
def test_of_all_dense_nets(parameters):
    net = fitted_on_ten(**parameters)
    assert_same_values(net, TEN[:5], TEN[10:27])


@pytest.mark.parametrize("n_background", [1, 4, 6, 100])
def test_with_few_starts_and_with_many(n_background):
    net = fitted_on_ten()
    assert_same_values(net, TEN[:9], TEN[-n_background:])
    assert_same_values(net, TEN[:1], TEN[-n_background:], n_points=1)


@pytest.mark.parametrize(
    "parameters",
    [
        {"numerical_embedding": None},
        {"hidden_layer_sizes": ()},
        {"normalization": "layer"},
        {"normalization": "batch"},
        {"n_members": 2, "shared_weights": True},
    ],
)
def test_nets_that_take_the_other_way(parameters):
    net = fitted_on_ten(**parameters)
    assert not DenseLines.suit(Subject(net, TEN[:5]), 20, 10)
    explanation = shap_values(net, TEN[:5], TEN[10:30], target=1, random_state=0)
    total = explanation.values.sum(1) + explanation.base_values
    assert_allclose(total, net.decision_function(TEN[:5]), rtol=1e-5, atol=1e-5)


def test_memory_is_bounded(monkeypatch):
    net, X, background = case_of("pair")
    subject = Subject(net, X)
    assert DenseLines.suit(subject, len(background), 10)
    n_points = subject.n_at_once * subject.fitted.row_size
    assert not DenseLines.suit(subject, len(background), n_points)
    values = shap_values(net, X, background, random_state=0).values
    monkeypatch.setattr(_dense_lines, "_MOST_SHARES", 1000)
    assert not DenseLines.suit(subject, len(background), 10)
    other = shap_values(net, X, background, random_state=0).values
    assert_allclose(other, values, atol=1e-5)


def test_an_estimator_stays_as_it_is():
    net, X, background = case_of("categories")
    before = {k: v.clone() for k, v in net.module_.state_dict().items()}
    shap_values(net, X, background)
    for name, value in net.module_.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(p.grad is None for p in net.module_.parameters())


@pytest.mark.parametrize(
    ("first", "n_lines", "n_starts"),
    [
        (0, 12, 4),
        (0, 3, 4),
        (3, 12, 4),
        (7, 1, 4),
        (5, 9, 100),
        (98, 5, 100),
        (2, 6, 1),
    ],
)
def test_runs_cover_all_lines_in_turn(first, n_lines, n_starts):
    found = []
    for lines, starts in _runs(first, n_lines, n_starts):
        assert lines.start == len(found)
        turn = list(range(starts.start, starts.stop))
        found += turn * ((lines.stop - lines.start) // len(turn))
        assert lines.stop == len(found)
    assert found == [(first + i) % n_starts for i in range(n_lines)]
