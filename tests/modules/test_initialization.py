"""Initial weights, drawn from one generator."""

import math

import pytest
import torch
from torch import nn

from skdeep.modules import InputStandardizer, allocate, build, initialize

SHARED = {
    "n_outputs": 3,
    "hidden_layer_sizes": (40,),
    "activation": "relu",
    "normalization": "batch",
    "dropout": 0.1,
    "standardize": True,
}
CNN = {
    "n_filters": (8, 16),
    "depth": 1,
    "kernel_size": ((3, 3), (3, 3)),
    "stride": 2,
    "pool_size": 2,
}
RNN = {"hidden_size": 25, "n_layers": 2, "bidirectional": True, "pooling": "attention"}
NETS = {
    "mlp": ("MLP", {"input_shape": (60,)}),
    "series": (
        "CNN",
        {"input_shape": (2, 12), "architecture": "plain", "pooling": "mean", **CNN},
    ),
    "images": (
        "CNN",
        {"input_shape": (3, 8, 8), "architecture": "residual", "pooling": "max", **CNN},
    ),
    **{
        cell: ("RNN", {"input_shape": (6, 2), "cell_type": cell, **RNN})
        for cell in ("rnn", "gru", "lstm")
    },
}


def make(net, dtype=torch.float64, seed=0, activation="relu"):
    name, config = NETS[net]
    module = allocate(
        build(name, {**SHARED, **config, "activation": activation}), dtype
    )
    for tensor in module.state_dict().values():
        tensor.fill_(77)
    initialize(module, torch.Generator().manual_seed(seed), activation)
    return module


@pytest.mark.parametrize("net", NETS)
def test_float32_and_float64_start_alike(net):
    single = make(net, torch.float32).state_dict()
    double = make(net, torch.float64).state_dict()
    assert single.keys() == double.keys()
    for name, tensor in single.items():
        assert torch.equal(tensor, double[name].to(tensor.dtype)), name


@pytest.mark.parametrize("net", NETS)
def test_seed_decides(net):
    first, again, other = make(net), make(net), make(net, seed=1)
    for p, q in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(p, q)
    assert not torch.equal(first.output.weight, other.output.weight)


@pytest.mark.parametrize("net", NETS)
def test_global_generator_is_left_alone(net):
    state = torch.random.get_rng_state()
    make(net)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("net", NETS)
def test_nothing_is_forgotten(net):
    for name, tensor in make(net).state_dict().items():
        assert not (tensor == 77).any(), name


@pytest.mark.parametrize("net", NETS)
def test_no_two_layers_draw_the_same(net):
    drawn = [p.detach() for p in make(net).parameters() if p.ndim >= 2]
    firsts = [float(p.flatten()[0]) / float(p.abs().max()) for p in drawn]
    assert len({round(value, 9) for value in firsts}) == len(drawn)


def assert_uniform(tensor, bound):
    """Within the bound, and filling it."""
    assert tensor.abs().max() <= bound
    if tensor.numel() > 100:
        assert tensor.abs().max() > 0.9 * bound
        expected = bound / math.sqrt(3)
        assert float(tensor.detach().std()) == pytest.approx(expected, rel=0.2)
        assert abs(float(tensor.detach().mean())) < 0.2 * bound


@pytest.mark.parametrize(("activation", "factor"), [("relu", 6), ("logistic", 2)])
def test_dense_layers_are_glorot(activation, factor):
    """As in scikit-learn's MLPClassifier, biases included."""
    first, last = make("mlp", activation=activation).linear_layers
    for layer, total in ((first, 60 + 40), (last, 40 + 3)):
        bound = math.sqrt(factor / total)
        assert_uniform(layer.weight, bound)
        assert_uniform(layer.bias, bound)
        assert layer.bias.std() > 0


@pytest.mark.parametrize("net", ["series", "images"])
def test_convolutions_are_he(net):
    convolutions = [
        layer
        for layer in make(net).modules()
        if isinstance(layer, nn.Conv1d | nn.Conv2d)
    ]
    assert len(convolutions) >= 2
    for layer in convolutions:
        fan_in = layer.in_channels * math.prod(layer.kernel_size)
        assert_uniform(layer.weight, math.sqrt(6 / fan_in))
        assert not layer.bias.any()


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_cells_are_uniform_within_the_root_of_their_size(cell):
    cells = [m for m in make(cell).modules() if isinstance(m, nn.RNNBase)]
    assert len(cells) == 4
    for layer in cells:
        for parameter in layer.parameters():
            assert_uniform(parameter, 1 / math.sqrt(25))


def test_norm_layers_and_standardizers_start_as_identity():
    module = make("images")
    norms = [
        m for m in module.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)
    ]
    assert norms
    for norm in norms:
        assert (norm.weight == 1).all()
        assert (norm.running_var == 1).all()
        assert not norm.bias.any()
        assert not norm.running_mean.any()
    assert isinstance(module.standardizer, InputStandardizer)
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    assert torch.equal(module.standardizer(x), x)
