"""Convolutional nets for series and images."""

import math

import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from skdeep.modules import ACTIVATIONS, CNN, Dropout
from skdeep.modules.blocks import STAGES, InceptionBlock, fuse, residual_stage
from skdeep.modules.cnn import global_pool

CONFIG = {
    "input_shape": (2, 8, 6),
    "n_outputs": 3,
    "architecture": "plain",
    "n_filters": (4, 5),
    "depth": 1,
    "kernel_size": ((3, 3), (3, 3)),
    "stride": 1,
    "pool_size": 2,
    "pooling": "flatten",
    "hidden_layer_sizes": (7,),
    "activation": "relu",
    "normalization": None,
    "dropout": 0.0,
    "standardize": False,
}


def make(**config):
    torch.manual_seed(0)
    return CNN(**{**CONFIG, **config})


def residual_block(n_in, n_out, activation, n_spatial):
    return residual_stage(n_in, n_out, (3, 3), 1, activation, None, n_spatial)[0]


def make_x(*shape):
    return torch.randn(5, *shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("shape", [(2, 11), (1, 5), (3, 8, 6), (1, 3, 7)])
@pytest.mark.parametrize("architecture", STAGES)
@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("pooling", ["mean", "max", "flatten"])
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_shapes(shape, architecture, stride, pooling, normalization):
    net = make(
        input_shape=shape,
        architecture=architecture,
        stride=stride,
        pooling=pooling,
        normalization=normalization,
        dropout=0.2,
    )
    assert net(make_x(*shape)).shape == (5, 3)


@pytest.mark.parametrize("kernel_sizes", [(1,), (2, 3), (4, 1, 5), (9, 2)])
@pytest.mark.parametrize("shape", [(2, 7), (2, 7, 6)])
@pytest.mark.parametrize("stage", STAGES)
def test_stages_keep_the_size_of_the_map(stage, shape, kernel_sizes):
    layer = STAGES[stage](2, 9, kernel_sizes, 2, "relu", "batch", len(shape) - 1)
    assert layer(make_x(*shape)).shape == (5, 9, *shape[1:])


@pytest.mark.parametrize(
    ("shape", "pool_size", "n_pooled"),
    [
        ((2, 8, 6), 2, 5 * 2 * 1),
        ((2, 8, 6), 1, 5 * 8 * 6),
        ((2, 9, 9), 3, 5 * 1 * 1),
        ((2, 8, 1), 2, 5 * 2 * 1),
        ((2, 11), 2, 5 * 2),
        ((2, 3), 5, 5 * 3),
        ((1, 1), 2, 5),
        ((1, 1, 1), 2, 5),
    ],
)
def test_axes_shorter_than_the_window_are_left_as_they_are(shape, pool_size, n_pooled):
    net = make(input_shape=shape, pool_size=pool_size, hidden_layer_sizes=())
    assert net.output.in_features == n_pooled
    assert net(make_x(*shape)).shape == (5, 3)


@pytest.mark.parametrize("architecture", ["plain", "residual"])
def test_depth_filters_and_kernels(architecture):
    net = make(
        architecture=architecture,
        n_filters=(4, 6),
        kernel_size=((3, 5), (5, 4, 3)),
        depth=2,
    )
    convolutions = [
        m
        for m in net.features.modules()
        if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)
    ]
    assert [c.kernel_size[0] for c in convolutions] == [3, 5] * 2 + [5, 4, 3] * 2
    assert [c.out_channels for c in convolutions] == [4] * 4 + [6] * 6
    assert sum(isinstance(m, nn.MaxPool2d) for m in net.modules()) == 2


def test_stride_comes_before_the_stages():
    net = make(input_shape=(2, 50), stride=3, pool_size=1, pooling="flatten")
    assert net.features[0][0].stride == (3,)
    assert net.features(make_x(2, 50)).shape == (5, 5, 17)


def test_inception_block_reads_several_widths_side_by_side():
    block = InceptionBlock(12, 10, (5, 3), "relu", "batch", 1)
    assert block.bottleneck.out_channels == 3
    kernels = [branch[-1].kernel_size for branch in block.branches]
    assert kernels == [(5,), (3,)]
    x = make_x(12, 9)
    y = block(x)
    assert y.shape == (5, 10, 9)
    parts = [branch(block.bottleneck(x)) for branch in block.branches]
    together = torch.cat([*parts, block.pooled(x)], dim=1)
    assert torch.equal(y, torch.relu(block.normalization(together)))


def test_inception_block_needs_no_bottleneck_for_a_few_channels():
    assert isinstance(
        InceptionBlock(2, 12, (5, 3), "relu", None, 1).bottleneck, nn.Identity
    )


def test_inception_stage_has_a_shortcut():
    stage = STAGES["inception"](2, 8, (5, 3), 2, "identity", None, 1)
    for parameter in stage.residual.parameters():
        nn.init.zeros_(parameter)
    x = make_x(2, 9)
    assert torch.equal(stage(x), stage.shortcut(x))


def test_residual_block_adds_a_shortcut():
    block = residual_block(4, 4, "identity", 2)
    assert isinstance(block.shortcut, nn.Identity)
    for parameter in block.residual.parameters():
        nn.init.zeros_(parameter)
    x = make_x(4, 5, 5)
    assert torch.equal(block(x), x)


def test_residual_block_projects_where_the_width_changes():
    block = residual_block(2, 4, "identity", 1)
    for parameter in block.residual.parameters():
        nn.init.zeros_(parameter)
    x = make_x(2, 6)
    assert torch.equal(block(x), block.shortcut(x))


def test_residual_block_activates_the_sum():
    block = residual_block(2, 2, "relu", 1)
    x = make_x(2, 6)
    assert_allclose(
        block(x).detach(), torch.relu(block.residual(x) + x).detach(), atol=1e-6
    )


def test_global_pool():
    x = make_x(3, 4, 5)
    n_places = x[0, 0].numel()
    assert_allclose(global_pool("mean", n_places)(x), x.mean((2, 3)), atol=1e-6)
    assert torch.equal(global_pool("max", n_places)(x), x.amax((2, 3)))


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_global_pooling_does_not_care_where_a_thing_is(pooling):
    net = make(input_shape=(1, 40), pooling=pooling, pool_size=1)
    x = torch.zeros(1, 1, 40)
    x[0, 0, 10:13] = torch.tensor([1.0, -2.0, 3.0])
    assert_allclose(net(x).detach(), net(x.roll(9, dims=2)).detach(), atol=1e-5)


def test_dropout_acts_after_pooling_and_after_dense_activations():
    net = make(dropout=0.4, hidden_layer_sizes=(7, 6))
    assert isinstance(net.head[0], Dropout)
    assert sum(isinstance(m, Dropout) for m in net.modules()) == 3
    assert not any(isinstance(m, Dropout) for m in net.features.modules())


@pytest.mark.parametrize("shape", [(2, 8), (2, 8, 6)])
@pytest.mark.parametrize("architecture", ["plain", "residual"])
def test_convolutions_take_batch_normalization_in(architecture, shape):
    net = make(
        architecture=architecture,
        input_shape=shape,
        normalization="batch",
        kernel_size=((4, 3), (3, 2)),
        hidden_layer_sizes=(),
    )
    x = torch.randn(9, *shape)
    net.train()(x)
    expected = net.eval()(x)
    fuse(net)
    norms = (nn.BatchNorm1d, nn.BatchNorm2d)
    assert not any(isinstance(layer, norms) for layer in net.modules())
    assert_allclose(net(x).detach(), expected.detach(), rtol=1e-4, atol=1e-5)


def test_config_rebuilds_the_net():
    net = make(normalization="batch", architecture="residual", standardize=True)
    again = CNN(**net.config)
    again.load_state_dict(net.state_dict())
    x = make_x(2, 8, 6)
    assert torch.equal(again.eval()(x), net.eval()(x))


def test_sizes_that_plan_threads_and_chunks():
    net = make(kernel_size=((3,), (3,)), hidden_layer_sizes=())
    assert net.row_size == 4 * 8 * 6
    n_first = 4 * (2 * 9 + 1) * 8 * 6
    n_second = 5 * (4 * 9 + 1) * 4 * 3
    assert net.n_operations == n_first + n_second


@pytest.mark.parametrize("architecture", STAGES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_nonlinearity_is_used_once_and_not_in_place(activation, architecture):
    """Hooks of shap and captum count on it."""
    net = make(activation=activation, architecture=architecture, depth=2)
    calls = {}

    def count(layer, inputs, output):
        calls[layer] = calls.get(layer, 0) + 1
        assert inputs[0]._version == 0

    kinds = (ACTIVATIONS[activation], nn.MaxPool2d)
    watched = [m for m in net.modules() if isinstance(m, kinds)]
    for layer in watched:
        layer.register_forward_hook(count)
    net(make_x(2, 8, 6)).sum().backward()
    assert len(watched) >= 2 + 4 + 1
    assert all(calls[layer] == 1 for layer in watched)
    assert not any(getattr(layer, "inplace", False) for layer in net.modules())
    assert math.isfinite(float(net.output.weight.grad.sum()))
