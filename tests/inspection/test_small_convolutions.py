"""Convolutions that are written out have the outputs and gradients of the layers."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.base import clone
from small_nets import DIGIT, DIGITS, NETS

from skdeep.inspection import shap_values
from skdeep.inspection._small_convolutions import (
    SmallConvolutions,
    is_plain,
    speed_up,
)
from skdeep.inspection._subject import Subject
from skdeep.modules import CNN
from skdeep.modules.blocks import fuse

FEW = clone(NETS["cnn"]).set_params(max_iter=2)
# Kernels and windows that are odd, even, wider than the map or one place wide; sizes
# that windows don't divide; one filter, one channel, several; no pooling.
CASES = {
    "digits": ((1, 8, 8), (16, 64, 128), (3,), 2),
    "odd": ((2, 7, 5), (4, 3), (3,), 2),
    "even_kernel": ((1, 6, 9), (3, 4), (4,), 2),
    "wide_kernel": ((3, 3, 4), (2, 2), (7,), 2),
    "points": ((2, 5, 7), (3, 2), (1,), 3),
    "window_of_three": ((1, 8, 10), (3, 4), (5,), 3),
    "no_pooling": ((2, 4, 3), (1, 2), (2,), 1),
    "two_lines": ((3, 2, 3), (4, 2), (5,), 1),
    "one_column": ((2, 9, 1), (3, 4), (3,), 2),
    "one_line": ((2, 1, 9), (3, 4), (3,), 4),
    "one_place": ((5, 1, 1), (3,), (3,), 2),
    "series": ((3, 11), (4, 3), (5, 2), 2),
    "long_kernel": ((2, 4), (3,), (8,), 1),
}


def net_of(case, **config):
    """A net with random weights and statistics, fused, float64."""
    shape, n_filters, kernel_size, pool_size = CASES[case]
    torch.manual_seed(0)
    net = CNN(
        **{
            "input_shape": shape,
            "n_outputs": 3,
            "architecture": "plain",
            "n_filters": n_filters,
            "depth": 2 if case == "odd" else 1,
            "kernel_size": [kernel_size] * len(n_filters),
            "stride": 1,
            "pool_size": pool_size,
            "pooling": "flatten",
            "hidden_layer_sizes": (),
            "activation": "relu",
            "normalization": "batch",
            "dropout": 0.0,
            "standardize": True,
            **config,
        }
    )
    net = net.double().train()
    net.features(torch.randn(20, *shape).double())
    net.eval().requires_grad_(False)
    fuse(net)
    return net


def both(net, x):
    """Outputs and gradients of the layers, in float64, and of what replaces them."""
    small = SmallConvolutions(deepcopy(net).float())
    results = []
    for features, own in ((net.features, x.double()), (small, x.float())):
        own = own.clone().requires_grad_()
        maps = features(own)
        # Gradients of either sign, which are not alike anywhere.
        slopes = torch.linspace(-1.0, 2.0, maps.numel()).view_as(maps).to(maps.dtype)
        (gradient,) = torch.autograd.grad(maps, own, slopes)
        results.append((maps.detach(), gradient))
    return results


def assert_same(results):
    # Sums of thousands of products in float32, of values near one.
    for one, other in zip(*results, strict=True):
        assert other.dtype == torch.float32
        assert_allclose(other, one, rtol=1e-4, atol=1e-5 * float(one.abs().max()))


@pytest.mark.parametrize("n_samples", [1, 6])
@pytest.mark.parametrize("case", CASES)
def test_maps_and_gradients_are_those_of_the_layers(case, n_samples):
    net = net_of(case)
    x = torch.randn(n_samples, *CASES[case][0])
    assert_same(both(net, x))


@pytest.mark.parametrize("case", ["digits", "series"])
def test_nets_without_normalization_are_the_same(case):
    x = torch.randn(5, *CASES[case][0])
    assert_same(both(net_of(case, normalization=None), x))


@pytest.mark.parametrize("bias", [0.5, 0.0])
def test_of_equal_places_the_first_has_the_gradient(bias):
    net = net_of("window_of_three")
    for layer in net.features.modules():
        if isinstance(layer, torch.nn.Conv2d):
            # Sums of whole numbers are equal to the last digit.
            layer.weight.copy_(layer.weight.sign())
            layer.bias.fill_(bias)
    x = torch.randint(-1, 2, (9, *CASES["window_of_three"][0])).double()
    x[0] = 0.0
    assert_same(both(net, x))


def test_gradients_of_several_outputs_share_a_forward_pass():
    net = net_of("odd")
    small = SmallConvolutions(deepcopy(net).float())
    x = torch.randn(4, 2, 7, 5).requires_grad_()
    maps = small(x)
    alone = [torch.autograd.grad(small(x)[:, k].sum(), x)[0] for k in (0, 1)]
    maps = small(x)
    for k, expected in enumerate(alone):
        (gradient,) = torch.autograd.grad(maps[:, k].sum(), x, retain_graph=True)
        assert_allclose(gradient, expected)


def test_a_backward_pass_that_comes_too_late_is_an_error():
    small = SmallConvolutions(net_of("odd").float())
    x = torch.randn(4, 2, 7, 5).requires_grad_()
    maps = small(x)
    small(x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(maps.sum(), x)


def test_batches_of_other_sizes_leave_results_alone():
    net = net_of("odd")
    small = SmallConvolutions(deepcopy(net).float())
    x = torch.randn(4, 2, 7, 5)
    first, maps = small(x), small(x)
    small(torch.randn(9, 2, 7, 5))
    assert_allclose(first, small(x))
    assert_allclose(first, maps)


@pytest.mark.parametrize(
    "config",
    [
        {"architecture": "residual"},
        {"stride": 2},
        {"activation": "gelu"},
        {"normalization": "layer"},
    ],
    ids=str,
)
def test_other_nets_keep_their_layers(config):
    assert not is_plain(net_of("digits", **config))


def test_only_small_maps_are_written_out():
    nets = [net_of("digits", input_shape=(1, size, size)) for size in (8, 28)]
    for net in nets:
        speed_up(net.float())
    small, large = (isinstance(net.features, SmallConvolutions) for net in nets)
    assert small
    assert not large


@pytest.mark.parametrize(
    "params", [{}, {"n_members": 2}, {"standardize": "sample"}], ids=str
)
@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize("target", [None, 1])
def test_explanations_are_the_same(params, n_classes, target, monkeypatch):
    kept = n_classes > DIGIT
    # Values that are alike tie in pooling windows, where rounding picks the gradient.
    X = DIGITS[kept] + np.random.default_rng(0).uniform(size=DIGITS[kept].shape)
    net = clone(FEW).set_params(**params).fit(X, DIGIT[kept])
    ask = (net, X[:5], X[5:25])
    found = shap_values(*ask, method="gradients", target=target, random_state=0)
    monkeypatch.setattr("skdeep.inspection._subject.speed_up", lambda net: None)
    expected = shap_values(*ask, method="gradients", target=target, random_state=0)
    # Values are sums of float32 gradients.
    size = np.abs(expected.values).max()
    assert_allclose(found.values, expected.values, rtol=1e-4, atol=1e-5 * size)


def test_a_small_net_is_written_out_when_it_is_made_lighter():
    net = clone(FEW).set_params(n_members=2).fit(DIGITS, DIGIT)
    subject = Subject(net, DIGITS[:3])
    subject.lighten()
    for member in subject.module.members:
        assert isinstance(member.features, SmallConvolutions)
