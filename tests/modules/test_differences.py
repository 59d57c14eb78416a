"""Differences of neighbouring steps as further channels."""

import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skdeep.modules import initialize
from skdeep.modules.differences import Differences
from tests.modules.test_cnn import make
from tests.modules.test_stretching import LENGTH, padded


def test_steps_stand_beside_the_series():
    x, present = padded([LENGTH, LENGTH])
    result = Differences(2, None)(x, present)
    assert_array_equal(result[:, :2], x)
    assert_array_equal(result[:, 2:, 0], torch.zeros(2, 2))
    assert_allclose(result[:, 2:].cumsum(2), x - x[:, :, :1], atol=1e-12)


def test_there_is_no_step_to_the_padding():
    x, present = padded([5, 0, 1])
    steps = Differences(2, None)(x, present)[:, 2:]
    assert_allclose(steps[0].sum(1), x[0, :, 4] - x[0, :, 0], atol=1e-12)
    assert_array_equal(steps[0, :, 5:], torch.zeros(2, LENGTH - 5))
    assert_array_equal(steps[1:], torch.zeros(2, 2, LENGTH))


def test_small_steps_are_as_large_as_others():
    smooth = torch.linspace(0, 3, LENGTH, dtype=torch.float64).sin()
    x = smooth * torch.tensor([1.0, -0.5, 0.1])[:, None, None]
    layer = Differences(1, "batch").double()
    steps = layer(x, torch.ones_like(x, dtype=torch.bool))[:, 1].detach()
    assert x.diff(dim=2).std() < 0.3
    assert_allclose(steps.std(correction=0), 1.0, rtol=1e-3)


@pytest.mark.parametrize("normalization", ["batch", "layer", None])
@pytest.mark.parametrize("standardize", [True, "sample"])
def test_convolutions_of_width_one_see_the_order_of_steps(normalization, standardize):
    config = {
        "input_shape": (2, LENGTH),
        "n_filters": (4, 4),
        "kernel_size": ((1,), (1,)),
        "pool_size": 1,
        "pooling": "mean",
        "normalization": normalization,
        "standardize": standardize,
    }
    x = padded([LENGTH, LENGTH])[0].float()
    with_steps, without = (
        make(**config, differences=on).eval() for on in (True, False)
    )
    for net in (with_steps, without):
        initialize(net, torch.Generator().manual_seed(0), "relu")
    backwards = x.flip(2)
    assert_allclose(without(x).detach(), without(backwards).detach(), atol=1e-6)
    change = with_steps(x) - with_steps(backwards)
    assert (change.abs().amax(1) > 1e-3).all()
