"""Losses of single samples and target probabilities."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import log_loss

from skdeep._losses import loss_function, target_rows, weighted_mean

LOGITS = torch.tensor(
    [[2.0, -1.0, 0.5], [0.0, 0.0, 0.0], [-3.0, 4.0, 1.0], [1.0, 1.5, -2.0]],
    dtype=torch.float64,
)
CODES = np.array([0, 2, 1, 0])
LABELS = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 1], [1, 1, 1]], dtype=bool)
PROBABILITIES = LOGITS.softmax(1).numpy()


def take_all(codes, smoothing, dtype=torch.float64):
    return target_rows(codes, 3, smoothing, dtype)(np.arange(len(codes)))


def test_target_rows_are_one_hot():
    assert_array_equal(take_all(CODES, 0.0), np.eye(3)[CODES])


def test_target_rows_take_positions():
    rows = target_rows(CODES, 3, 0.0, torch.float32)(np.array([3, 1, 3]))
    assert rows.dtype == torch.float32
    assert_array_equal(rows, np.eye(3)[[0, 2, 0]])


def test_smoothing_mixes_the_uniform_distribution_in():
    rows = take_all(CODES, 0.3)
    assert_allclose(rows, 0.7 * np.eye(3)[CODES] + 0.1)
    assert_allclose(rows.sum(1), 1.0)


def test_smoothing_of_labels_is_per_label():
    assert_allclose(take_all(LABELS, 0.2), np.where(LABELS, 0.9, 0.1))
    assert_array_equal(take_all(LABELS, 0.0), LABELS.astype(float))


def test_taking_labels_leaves_them_alone():
    codes = LABELS.copy()
    take_all(codes, 0.2)
    assert_array_equal(codes, LABELS)


def test_log_loss_is_that_of_scikit_learn():
    losses = loss_function("log_loss", False, 2.0)(LOGITS, take_all(CODES, 0.0))
    assert_allclose(losses, -np.log(PROBABILITIES[np.arange(4), CODES]))
    assert float(losses.mean()) == pytest.approx(log_loss(CODES, PROBABILITIES))


def test_multilabel_log_loss_sums_the_labels():
    losses = loss_function("log_loss", True, 2.0)(LOGITS, take_all(LABELS, 0.0))
    p = torch.sigmoid(LOGITS).numpy()
    expected = -np.log(np.where(LABELS, p, 1 - p)).sum(1)
    assert_allclose(losses, expected)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_loss_is_its_formula(gamma):
    losses = loss_function("focal", False, gamma)(LOGITS, take_all(CODES, 0.0))
    p = PROBABILITIES[np.arange(4), CODES]
    assert_allclose(losses, -((1 - p) ** gamma) * np.log(p))


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_multilabel_focal_loss_is_its_formula(gamma):
    losses = loss_function("focal", True, gamma)(LOGITS, take_all(LABELS, 0.0))
    p = torch.sigmoid(LOGITS).numpy()
    p = np.where(LABELS, p, 1 - p)
    assert_allclose(losses, -((1 - p) ** gamma * np.log(p)).sum(1))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("multilabel", [False, True])
def test_focal_loss_without_gamma_is_the_log_loss(multilabel, smoothing):
    target = take_all(LABELS if multilabel else CODES, smoothing)
    focal = loss_function("focal", multilabel, 0.0)(LOGITS, target)
    assert_allclose(focal, loss_function("log_loss", multilabel, 0.0)(LOGITS, target))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("loss", ["log_loss", "focal"])
def test_extreme_logits_keep_loss_and_gradient_finite(loss, multilabel, gamma, dtype):
    logits = torch.tensor(
        [[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 0.0], [40.0, 0.0, 0.0]],
        dtype=dtype,
        requires_grad=True,
    )
    codes = np.eye(3, dtype=bool)[[0, 0, 0]] if multilabel else np.array([0, 0, 0])
    losses = loss_function(loss, multilabel, gamma)(logits, take_all(codes, 0.0, dtype))
    assert losses[1] >= 1000.0
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    assert torch.isfinite(losses).all()
    assert torch.isfinite(gradient).all()


def test_weighted_mean():
    losses = torch.tensor([1.0, 2.0, 6.0])
    assert weighted_mean(losses, None, 3) == 3.0
    weight = torch.tensor([1.0, 2.0, 0.5])
    assert weighted_mean(losses, weight, 3.5) == pytest.approx(8 / 3.5)
