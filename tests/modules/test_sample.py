"""Scaling of each sample by itself."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skdeep.modules import SampleStandardizer

rng = np.random.default_rng(0)
# 30 samples, 2 channels, 20 steps; sizes from a thousandth to a thousand.
SIZES = 10 ** rng.uniform(-3, 3, (30, 2, 1))
X = torch.from_numpy(SIZES * rng.standard_normal((30, 2, 20)) + 5 * SIZES)


def fitted(x, channel_axis=0, weight=None, n_chunks=1):
    layer = SampleStandardizer(x.shape[1:], channel_axis).to(x.dtype)
    weight = torch.ones(len(x)) if weight is None else weight
    for part, w in zip(x.chunk(n_chunks), weight.chunk(n_chunks), strict=True):
        layer.update(part, w)
    return layer


def zscore(a):
    return (a - a.mean(0)) / a.std(0)


@pytest.mark.parametrize("n_chunks", [1, 3])
def test_shape_mean_and_size_of_each_channel(n_chunks):
    out = fitted(X, n_chunks=n_chunks)(X).numpy()
    x = X.numpy()
    mean, deviation = x.mean(2), x.std(2)
    assert out.shape == (30, 6, 20)
    assert_allclose(out[:, :2], (x - mean[..., None]) / deviation[..., None])
    assert_allclose(out[:, 2:4, 7], zscore(mean), atol=1e-9)
    assert_allclose(out[:, 4:, 7], zscore(np.log(deviation)), atol=1e-9)
    assert (out[:, 2:] == out[:, 2:, :1]).all()


def test_channels_last():
    last = X.movedim(1, 2).contiguous()
    assert_allclose(
        fitted(last, channel_axis=-1)(last).movedim(2, 1), fitted(X)(X), atol=1e-12
    )


def test_factors_change_the_size_alone():
    layer = fitted(X)
    once, thrice = layer(X), layer(3 * X)
    assert_allclose(once[:, :2], thrice[:, :2])
    assert not np.allclose(once[:, 4:], thrice[:, 4:])


def test_padding_counts_nowhere():
    padded = X.clone()
    padded[:10, :, 15:] = torch.nan
    layer = fitted(X)
    out, short = layer(padded[:10]), layer(X[:10, :, :15])
    assert_allclose(out[:, :, :15], short, atol=1e-12)
    assert out[:, :, 15:].isnan().all()


def test_weights_are_repetitions():
    weight = torch.from_numpy(rng.integers(0, 3, 30))
    repeated = fitted(X.repeat_interleave(weight, 0))
    assert_allclose(fitted(X, weight=weight.double())(X), repeated(X))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("level", [0.0, 0.1, 1e4])
def test_constant_channels_have_no_shape_and_no_slope(level, dtype):
    x = X.to(dtype).clone()
    x[3, 1] = level
    layer = fitted(x)
    x.requires_grad_()
    out = layer(x)
    assert_array_equal(out[3, 1].detach(), np.zeros(20))
    # As large as any.
    assert_array_equal(out[3, 5].detach(), np.zeros(20))
    out.square().sum().backward()
    assert x.grad.isfinite().all()


def test_far_from_zero_few_digits_are_enough():
    far = (1e-3 * X / torch.from_numpy(SIZES) + 1.0).float()
    out = fitted(far)(far)[:, :2]
    expected = fitted(far.double())(far.double())[:, :2]
    assert_allclose(out, expected, atol=1e-4)


def test_values_are_summed_for_each_channel():
    layer = fitted(X)
    values = torch.from_numpy(rng.standard_normal((4, 6, 20)))
    expected = values[:, :2] + values[:, 2:4] + values[:, 4:]
    assert_allclose(layer.collect(values), expected)
    assert_allclose(layer.collect(layer.spread(expected)), 3 * expected)


def test_it_knows_the_scale_of_its_input():
    layer = fitted(X)
    x = X.numpy()
    assert_allclose(layer.center[:, 0], x.mean((0, 2)))
    assert_allclose(layer.deviation[:, 0], np.exp(np.log(x.std(2)).mean(0)))
