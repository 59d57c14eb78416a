"""Convolutions that stay as they are drawn."""

import pytest
import torch
from numpy.testing import assert_allclose
from torch.nn import functional as F

from skdeep.modules import CNN, allocate, build, initialize
from skdeep.modules.random_kernels import RandomKernels

CONFIG = {
    "input_shape": (2, 40),
    "n_outputs": 3,
    "architecture": "rocket",
    "n_filters": (30,),
    "depth": 1,
    "kernel_size": ((5,),),
    "stride": 1,
    "pool_size": 1,
    "pooling": "mean",
    "hidden_layer_sizes": (),
    "activation": "relu",
    "normalization": "batch",
    "dropout": 0.0,
    "standardize": True,
}


def make(seed=0, dtype=torch.float64, **config):
    net = allocate(build("CNN", {**CONFIG, **config}), dtype)
    initialize(net, torch.Generator().manual_seed(seed), "relu")
    return net.eval()


def make_x(*shape):
    x = torch.randn(5, *shape, generator=torch.Generator().manual_seed(1))
    return x.double()


def branches(net):
    return [branch[0] for branch in net.features[0].branches]


def test_maps_are_near_one_where_a_kernel_fits():
    net, x = make(n_filters=(1,)), make_x(2, 40)
    (kernel,) = branches(net)
    product = F.conv1d(x, kernel.weight / 10, kernel.bias / 10, padding=2)
    maps = net.features(x)
    assert_allclose(maps.detach(), torch.sigmoid(10 * product))
    clear = product.abs() > 0.5
    assert clear.double().mean() > 0.5
    assert (abs(maps - (product > 0).double())[clear] < 0.01).all()


def test_half_of_the_kernels_compete_in_groups():
    net, x = make(n_filters=(200,)), make_x(2, 40)
    kernels = branches(net)
    assert [k.out_channels for k in kernels] == [24, 16] * 5
    assert [k.bias is None for k in kernels] == [False, True] * 5
    maps = net.features(x)[:, 24:40].unflatten(1, (2, 8))
    products = F.conv1d(x, kernels[1].weight, padding=2).unflatten(1, (2, 8))
    best = products.amax(2, keepdim=True)
    assert_allclose(maps.detach(), (1 + products - best).clamp(min=0.0), atol=1e-12)
    # Nearly always, there is one winner.
    assert_allclose(maps.sum(2).mean().detach(), 1.0, atol=0.1)
    assert (maps.mean((0, 3)) > 0.02).all()


def test_a_few_kernels_do_not_compete():
    net = make(n_filters=(5 * 15,))
    assert [k.out_channels for k in branches(net)] == [15] * 5


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize(
    ("length", "dilations"),
    [
        (1, [1, 1]),
        (8, [1, 1]),
        (9, [1, 2]),
        (16, [1, 2, 3]),
        (40, [1, 2, 3, 5, 9]),
        (500, [1, 2, 4, 8, 16, 31, 62, 124]),
    ],
)
def test_kernels_of_all_dilations_have_maps_of_one_size(length, dilations, stride):
    kernels = RandomKernels(2, 30, 5, length, stride)
    assert [branch[0].dilation[0] for branch in kernels.branches] == dilations
    assert sum(branch[0].out_channels for branch in kernels.branches) == 30
    n_places = -(-length // stride)
    assert kernels(make_x(2, length).float()).shape == (5, 30, n_places)
    assert len(RandomKernels(2, 3, 5, 500, 1).branches) == 3


def test_weights_have_mean_zero_and_read_some_channels():
    net = make(n_filters=(400,), input_shape=(4, 40))
    weight = torch.cat([b.weight for b in branches(net)])
    assert_allclose(weight.mean(2), 0.0, atol=1e-12)
    n_read = (weight.abs().sum(2) > 0).sum(1)
    assert n_read.bincount().tolist()[0] == 0
    assert (n_read.bincount()[1:] > 20).all()
    threshold = torch.cat([b.bias for b in branches(net) if b.bias is not None])
    assert threshold.abs().max() <= 10
    assert threshold.std() == pytest.approx(10 / 3**0.5, rel=0.1)


def test_every_second_group_of_kernels_reads_differences():
    net = make(n_filters=(1600,), input_shape=(1, 8))
    weight = branches(net)[0].weight.squeeze(1)
    likeness = (weight[:, 1:] * weight[:, :-1]).sum(1) / weight.square().sum(1)
    of_steps, of_differences = (likeness.unflatten(0, (-1, 2, 8))[:, i] for i in (0, 1))
    # Neighbours are as independent as a mean of zero allows, or tend to be opposite.
    assert of_steps.mean().item() == pytest.approx(-1 / 5, abs=0.05)
    assert of_differences.mean().item() == pytest.approx(-1 / 2, abs=0.05)


def test_kernels_follow_the_seed_alone():
    first, again, other = (make(seed).state_dict() for seed in (0, 0, 1))
    name = "features.0.branches.1.0.weight"
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])
    single = make(dtype=torch.float32).state_dict()
    assert torch.equal(single[name], first[name].float())


def test_nothing_but_the_head_trains():
    net = make(hidden_layer_sizes=(7,))
    trained = {n.split(".")[0] for n, p in net.named_parameters() if p.requires_grad}
    assert trained == {"head", "output"}


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("standardize", [True, "sample", False])
@pytest.mark.parametrize("pooling", ["mean", "max", "flatten"])
def test_prepared_rows_have_the_same_logits(stride, standardize, pooling):
    net = make(stride=stride, standardize=standardize, pooling=pooling)
    x = make_x(2, 40)
    x[1, :, 30:] = x[2, 1, 20:] = torch.nan
    prepared = net.preparation(x)
    n_places = -(-40 // stride) if pooling == "flatten" else 1
    assert prepared.shape == (5, 30 * n_places)
    assert net.preparation.widening == max(1.0, prepared.shape[1] / (2 * 40))
    assert_allclose(net.body(prepared).detach(), net(x).detach(), atol=1e-12)
    assert torch.isfinite(net(x)).all()


def test_the_output_starts_at_zero():
    net = make()
    assert not net(make_x(2, 40)).any()
    assert net.output.weight.requires_grad


def test_short_series_are_stretched_if_that_is_asked_for():
    net, other = make(stretch=True), make()
    for module in (net, other):
        torch.nn.init.ones_(module.output.weight[0])
    x = make_x(2, 40)
    x[:2, :, 20:] = torch.nan
    assert_allclose(net.body(net.preparation(x)).detach(), net(x).detach())
    differ = abs(net(x) - other(x)).amax(1) > 1e-3
    assert differ.tolist() == [True, True, False, False, False]


def test_other_nets_are_prepared_by_their_standardizer():
    net = make(architecture="plain", n_filters=(4,))
    assert net.preparation is net.standardizer
    assert isinstance(net, CNN)
