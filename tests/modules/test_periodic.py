"""Waves of numbers."""

import math

import torch
from numpy.testing import assert_allclose, assert_array_equal

from skdeep.modules import allocate, build, initialize
from skdeep.modules.periodic import PeriodicEmbedding

NAN = float("nan")
X = torch.tensor([[0.5, 1.0, 3.0], [-2.0, 0.0, 9.0]], dtype=torch.float64)
CONFIG = {
    "input_shape": (4,),
    "n_outputs": 2,
    "hidden_layer_sizes": (5,),
    "activation": "relu",
    "normalization": None,
    "dropout": 0.0,
    "standardize": False,
    # A number with bins, 2 categories, a number without bins, 9 categories.
    "n_categories": (0, 2, 0, 9),
    "missing": (0,),
    "n_bins": (2, 0, 0, 0),
    "numerical_embedding": "periodic",
}


def make(**config):
    net = allocate(build("MLP", {**CONFIG, **config}), torch.float64)
    initialize(net, torch.Generator().manual_seed(0), "relu")
    return net


def embedding(positions):
    layer = PeriodicEmbedding(positions).double()
    with torch.no_grad():
        layer.initialize(torch.Generator().manual_seed(0))
    return layer


def test_three_values_of_sixteen_waves_before_the_input():
    layer = embedding([0, 2])
    out = layer(X).detach()
    assert out.shape == (2, 2 * 3 + 3)
    assert_array_equal(out[:, 6:], X)
    for i, j in enumerate([0, 2]):
        w, b = layer.frequencies.view(2, 16)[i], layer.phases.view(2, 16)[i]
        waves = torch.cos(2 * math.pi * X[:, j, None] * w + b)
        expected = waves @ layer.weight[i] + layer.bias.view(2, 3)[i]
        assert_allclose(out[:, 3 * i : 3 * i + 3], expected.detach(), atol=1e-12)


def test_waves_start_slow_and_at_any_phase():
    layer = embedding(list(range(100)))
    frequencies, phases = layer.frequencies.detach(), layer.phases.detach()
    assert_allclose(frequencies.mean(), 0.0, atol=0.01)
    assert_allclose(frequencies.std(), 0.1, rtol=0.05)
    assert_allclose(phases.aminmax(), (-math.pi, math.pi), rtol=0.01)
    assert layer.weight.abs().max() <= 0.25


def test_penalties_act_on_the_weights_only():
    matrices = [name for name, p in embedding([0]).named_parameters() if p.ndim > 1]
    assert matrices == ["weight"]


def test_only_numbers_with_bins_have_waves():
    net = make()
    assert net.periodic.at == [0]
    assert make(numerical_embedding="piecewise_linear").periodic is None
    assert make(n_bins=()).periodic is None
    before, _ = net.enter(torch.tensor([[1.0, 0.0, 5.0, 3.0]], dtype=torch.float64))
    after, _ = net.enter(torch.tensor([[1.0, 1.0, 6.0, 4.0]], dtype=torch.float64))
    assert_array_equal(before[:, :3].detach(), after[:, :3].detach())


def test_every_input_of_the_first_layer_belongs_to_a_feature():
    net = make()
    # Waves, numbers, bins, indicator, two columns, a vector.
    expected = [0] * 3 + [0, 2] + [0, 0] + [0] + [1, 1] + [3] * 8
    assert net.sources.tolist() == expected
    x = torch.tensor([[1.0, 0.0, 5.0, 3.0], [NAN] * 4], dtype=torch.float64)
    encoded, _ = net.enter(x)
    assert encoded.shape == (2, len(expected))
    assert net.linear_layers[0].in_features == len(expected)
    totals = net.collect(torch.ones_like(encoded))
    assert_array_equal(totals[0], [7, 2, 1, 8])
    torch.testing.assert_close(net.read(encoded), net(x))
