"""Series of different length brought to one."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skdeep.modules.stretching import stretch

LENGTH = 12


def padded(lengths, n_channels=2, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(len(lengths), n_channels, LENGTH, generator=generator, dtype=dtype)
    present = torch.arange(LENGTH) < torch.tensor(lengths)[:, None, None]
    return torch.where(present, x, 0.0), present.expand_as(x)


@pytest.mark.parametrize("lengths", [[5, 12, 1], [11], [7, 2]])
def test_short_series_are_interpolated(lengths):
    x, present = padded(lengths)
    result = stretch(x, present)
    for series, of_series, n in zip(x, result, lengths, strict=True):
        places = np.linspace(0, n - 1, LENGTH)
        for channel, values in zip(series, of_series, strict=True):
            expected = np.interp(places, np.arange(n), channel[:n])
            assert_allclose(values, expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_long_series_stay_beside_short_ones_to_the_bit(dtype):
    x, present = padded([12, 5], dtype=dtype)
    result = stretch(x, present)
    assert result.dtype == dtype
    assert_array_equal(result[0], x[0])
    assert_array_equal(stretch(x[:1], present[:1]), x[:1])


def test_nothing_but_padding_is_left():
    x, present = padded([0, 4])
    assert_array_equal(stretch(x, present)[0], torch.zeros(2, LENGTH))


def test_a_channel_that_ends_early_goes_on_in_the_other():
    x, present = padded([6])
    present = present.clone()
    present[0, 1, 4:] = False
    assert_allclose(stretch(x, present)[0, 0, -1], x[0, 0, 5])


def test_gradients_go_to_the_steps_that_were_read():
    x, present = padded([4])
    x.requires_grad_()
    stretch(x, present).sum().backward()
    assert (x.grad[:, :, :4] > 0).all()
    assert (x.grad[:, :, 4:] == 0).all()
    assert_allclose(x.grad.sum(), 2.0 * LENGTH)
