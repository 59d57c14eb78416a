"""Batch normalization in which rows count by their weight."""

import copy

import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits
from torch import nn

from skdeep.modules.normalization import BatchNorm1d, BatchNorm2d

IMAGES = torch.from_numpy(load_digits().images)[:60, None]
INPUTS = {
    "table": (BatchNorm1d, nn.BatchNorm1d, IMAGES.flatten(1)[:, 10:16]),
    "series": (BatchNorm1d, nn.BatchNorm1d, IMAGES[:, 0]),
    "images": (BatchNorm2d, nn.BatchNorm2d, IMAGES),
}
REPEATS = torch.arange(60) % 4


@pytest.fixture(params=INPUTS)
def case(request):
    ours, theirs, x = INPUTS[request.param]
    layers = [cls(x.shape[1]).double() for cls in (ours, theirs)]
    for layer in layers:
        layer.weight.data.uniform_(0.5, 2.0, generator=torch.Generator().manual_seed(0))
        layer.bias.data.fill_(0.3)
    return *layers, x


def test_without_weights_it_is_that_of_torch(case):
    ours, theirs, x = case
    assert_allclose(ours(x).detach(), theirs(x).detach(), atol=1e-12)
    ours.eval(), theirs.eval()
    theirs.running_mean, theirs.running_var = ours.running_mean, ours.running_var
    assert_allclose(ours(x).detach(), theirs(x).detach(), atol=1e-12)


def test_weights_act_as_repetitions(case):
    weighted, _, x = case
    repeated = copy.deepcopy(weighted)
    rows = torch.arange(60).repeat_interleave(REPEATS)
    for scale in (1.0, 0.01):
        weighted.row_weight = scale * REPEATS.double()
        assert_allclose(
            weighted(x)[rows].detach(), repeated(x[rows]).detach(), atol=1e-10
        )
    assert_allclose(weighted.running_mean, repeated.running_mean)
    assert_allclose(weighted.running_var, repeated.running_var)


def test_gradients_are_those_of_repetitions(case):
    weighted, _, x = case
    repeated = copy.deepcopy(weighted)
    rows = torch.arange(60).repeat_interleave(REPEATS)
    weighted.row_weight = REPEATS.double()
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    (weighted(one).sin().flatten(1).sum(1) @ weighted.row_weight).backward()
    repeated(other[rows]).sin().sum().backward()
    assert_allclose(one.grad, other.grad, atol=1e-10)
    assert_allclose(weighted.weight.grad, repeated.weight.grad)


def test_first_batches_are_averaged(case):
    """A short training leaves nothing of the initial values."""
    layer, _, x = case
    layer(x[:30]), layer(x[30:])
    dims = (0, *range(2, x.ndim))
    mean = (x[:30].mean(dims) + x[30:].mean(dims)) / 2
    assert_allclose(layer.running_mean, mean)
    for _ in range(200):
        layer(x[:30])
    assert_allclose(layer.running_mean, x[:30].mean(dims), atol=1e-6)


def test_a_lone_value_is_its_own_mean():
    layer = BatchNorm1d(3)
    layer.bias.data.fill_(0.5)
    assert_allclose(layer(torch.randn(1, 3)).detach(), 0.5)


def test_explainers_know_it_by_its_name():
    assert BatchNorm1d.__name__ == nn.BatchNorm1d.__name__
    assert BatchNorm2d.__name__ == nn.BatchNorm2d.__name__
