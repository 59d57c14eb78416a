"""Multi-layer perceptron."""

import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from skdeep.modules import ACTIVATIONS, MLP, Dropout

CONFIG = {
    "input_shape": (6,),
    "n_outputs": 3,
    "hidden_layer_sizes": (5, 4),
    "activation": "relu",
    "normalization": None,
    "dropout": 0.0,
    "standardize": False,
}


def make(**config):
    torch.manual_seed(0)
    return MLP(**{**CONFIG, **config})


X = torch.randn(7, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("sizes", [(), (5,), (5, 4, 3)])
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_shapes(sizes, normalization, dropout):
    net = make(hidden_layer_sizes=sizes, normalization=normalization, dropout=dropout)
    assert net(X).shape == (7, 3)
    widths = [layer.in_features for layer in net.linear_layers]
    assert widths == [6, *sizes]
    assert net.linear_layers[-1] is net.output
    n_norms = sum(isinstance(m, nn.BatchNorm1d | nn.LayerNorm) for m in net.modules())
    assert n_norms == (len(sizes) if normalization else 0)
    n_dropouts = sum(isinstance(m, Dropout) for m in net.modules())
    assert n_dropouts == (len(sizes) if dropout else 0)


def test_logits_by_hand():
    net = make(activation="tanh")
    first, second, last = net.linear_layers
    h = torch.tanh(X @ first.weight.T + first.bias)
    h = torch.tanh(h @ second.weight.T + second.bias)
    expected = h @ last.weight.T + last.bias
    assert_allclose(net(X).detach(), expected.detach(), atol=1e-6)


def test_body_takes_what_the_standardizer_made():
    net = make(standardize=True)
    net.standardizer.update(X, torch.ones(7))
    standardized = (X - X.mean(0)) / X.std(0, correction=0)
    assert_allclose(net(X).detach(), net.body(standardized).detach(), atol=1e-5)


def test_config_rebuilds_the_net():
    net = make(normalization="batch", dropout=0.2, standardize=True)
    again = MLP(**net.config)
    again.load_state_dict(net.state_dict())
    assert torch.equal(again.eval()(X), net.eval()(X))


def test_sizes_that_plan_threads_and_chunks():
    net = make(hidden_layer_sizes=(50, 4))
    assert net.row_size == 50
    assert net.n_operations == 6 * 50 + 50 * 4 + 4 * 3
    assert make(hidden_layer_sizes=()).row_size == 6


def test_device_and_dtype():
    net = make().double()
    assert net.dtype == torch.float64
    assert net.device.type == "cpu"
    assert net.to("meta").device.type == "meta"


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_nonlinearity_is_used_once_and_not_in_place(activation):
    """Hooks of shap and captum count on it."""
    net = make(activation=activation, normalization="batch", dropout=0.3)
    calls = {}
    for name, layer in net.named_modules():
        if not list(layer.children()):

            def hook(layer, inputs, output, name=name, before=[]):  # noqa: B006
                calls.setdefault(name, []).append(inputs[0]._version)

            layer.register_forward_hook(hook)
    net(X).sum().backward()
    n_activations = sum(isinstance(m, ACTIVATIONS[activation]) for m in net.hidden)
    assert n_activations == 2
    assert all(versions == [0] for versions in calls.values())
    assert not any(getattr(layer, "inplace", False) for layer in net.modules())
