"""Scaling by quartiles."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import RobustScaler

from skdeep._bins import learn_quantiles
from skdeep.modules.robust import RobustStandardizer
from skdeep.modules.scaling import standardizer

NAN, INF = float("nan"), float("inf")
# Of 4 k + 1 rows, quartiles are rows.
X = load_breast_cancer().data[:401]


def of_quantiles(*columns, dtype=torch.float64):
    layer = RobustStandardizer(len(columns)).to(dtype)
    layer.set_quantiles(torch.tensor(columns, dtype=torch.float64).T)
    return layer


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_robust_scaling_then_a_smooth_limit(dtype):
    layer = standardizer("robust", X.shape[1:], channel_axis=0).to(dtype)
    layer.set_quantiles(torch.from_numpy(learn_quantiles(X, np.arange(401), None)))
    scaled = RobustScaler().fit_transform(X)
    expected = scaled / np.sqrt(1 + (scaled / 3) ** 2)
    tolerance = 1e-4 if dtype == torch.float32 else 1e-12
    assert_allclose(layer(torch.tensor(X, dtype=dtype)), expected, atol=tolerance)
    assert_array_equal(layer.center, np.median(X, 0).astype(layer.center.numpy().dtype))


def test_equal_quartiles_leave_the_whole_range():
    layer = of_quantiles([-1.0, 0.0, 0.0, 0.0, 3.0])
    x = torch.tensor([[2.0], [0.0]], dtype=torch.float64)
    assert_allclose(layer(x)[:, 0], [1 / np.sqrt(1 + 1 / 9), 0.0])


def test_constant_features_are_silent():
    noisy = (1e9 + 1e-7 * np.arange(5)).tolist()
    layer = of_quantiles([7.0] * 5, noisy)
    assert_array_equal(layer(torch.tensor([[9.0, 2e9]]).double()), [[0.0, 0.0]])
    assert_array_equal(layer.deviation, [0.0, 0.0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_number_is_too_large_and_missing_ones_are_the_median(dtype):
    layer = of_quantiles([0.0, 1.0, 2.0, 3.0, 4.0], dtype=dtype)
    x = torch.tensor([[1e30], [-1e30], [INF], [NAN], [2.0]], dtype=dtype)
    assert_allclose(layer(x.requires_grad_()).detach()[:, 0], [3, -3, 3, 0, 0])
    layer(x).sum().backward()
    assert_allclose(x.grad[[0, 1, 4], 0], [0.0, 0.0, 0.5])


def test_the_deviation_is_that_of_normal_numbers():
    normal = np.random.default_rng(0).normal(5.0, 3.0, (10_000, 1))
    quantiles = learn_quantiles(normal, np.arange(10_000), None)
    layer = of_quantiles(quantiles[:, 0].tolist())
    assert layer.deviation.item() == pytest.approx(3.0, rel=0.05)
