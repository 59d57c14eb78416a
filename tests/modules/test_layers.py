"""Layers shared by the nets."""

import copy
import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn

from skdeep.modules import ACTIVATIONS, Dropout, InputStandardizer, use_generator
from skdeep.modules.layers import Linear, dense_layers
from skdeep.modules.normalization import BatchNorm1d, BatchNorm2d, norm_layer
from skdeep.modules.scaling import standardizer

X = load_wine(return_X_y=True)[0]
WEIGHT = np.random.default_rng(0).integers(1, 5, len(X)).astype(float)


def learned(X, weight=None, shape=None, channel_axis=0, chunks=1, dtype=torch.float64):
    weight = np.ones(len(X)) if weight is None else weight
    layer = InputStandardizer(shape or X.shape[1:], channel_axis).to(dtype)
    pairs = zip(np.array_split(X, chunks), np.array_split(weight, chunks), strict=True)
    for part, w in pairs:
        layer.update(torch.from_numpy(part).to(dtype), torch.from_numpy(w))
    return layer


@pytest.mark.parametrize("chunks", [1, 2, 7, len(X)])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_standardizer_is_standard_scaler(weight, chunks):
    layer = learned(X, weight, chunks=chunks)
    scaler = StandardScaler().fit(X, sample_weight=weight)
    assert_allclose(layer(torch.from_numpy(X)), scaler.transform(X), atol=1e-10)
    assert_allclose(layer.variance, scaler.var_)
    assert float(layer.weight_sum[0]) == (len(X) if weight is None else weight.sum())


def test_weights_act_as_repetitions():
    repeated = learned(np.repeat(X, WEIGHT.astype(int), axis=0))
    weighted = learned(X, WEIGHT)
    assert_allclose(weighted.mean, repeated.mean)
    assert_allclose(weighted.variance, repeated.variance)


def test_rows_of_weight_zero_do_not_count():
    weight = np.where(np.arange(len(X)) < 50, 1.0, 0.0)
    assert_allclose(learned(X, weight, chunks=5).mean, X[:50].mean(0))


def test_float32_statistics_are_those_of_float64():
    shifted = X + 1e4
    layer = learned(shifted, chunks=9, dtype=torch.float32)
    assert_allclose(layer.mean, shifted.mean(0), rtol=1e-6)
    assert_allclose(layer.variance, X.var(0), rtol=2e-2)


def test_channels_first_are_pooled_over_the_map():
    images = np.random.default_rng(0).normal(3.0, 2.0, (20, 3, 4, 5))
    layer = learned(images, chunks=3)
    assert layer.mean.shape == (3, 1, 1)
    assert_allclose(layer.mean.flatten(), images.mean((0, 2, 3)))
    scaled = layer(torch.from_numpy(images))
    assert_allclose(scaled.mean((0, 2, 3)), 0.0, atol=1e-12)
    assert_allclose(scaled.std((0, 2, 3), correction=0), 1.0)


def test_last_channels_are_pooled_over_time_and_missing_values_do_not_count():
    series = np.random.default_rng(0).normal(3.0, 2.0, (20, 7, 2))
    series[3:9, 4:] = np.nan
    layer = learned(series, channel_axis=1, chunks=4)
    assert layer.mean.shape == (1, 2)
    assert_allclose(layer.mean[0], np.nanmean(series, (0, 1)))
    assert_allclose(layer.variance[0], np.nanvar(series, (0, 1)))
    assert_array_equal(layer(torch.from_numpy(series)).isnan(), np.isnan(series))


def test_chunk_of_missing_values_changes_nothing():
    layer = learned(X)
    before = copy.deepcopy(layer.state_dict())
    layer.update(torch.full((2, 13), torch.nan), torch.ones(2))
    for name, tensor in layer.state_dict().items():
        assert_allclose(tensor, before[name], rtol=1e-14)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e8, -3e-5, 1e-200])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_constant_channel_keeps_its_scale(value, dtype):
    constant = X.copy()
    constant[:, 2] = value
    layer = learned(constant, WEIGHT, chunks=7, dtype=dtype)
    scaled = layer(torch.from_numpy(constant).to(dtype))
    assert float(layer.inverse_scale[2]) == 1.0
    assert_allclose(scaled[:, 2], 0.0, atol=abs(value) * 1e-6)
    assert torch.isfinite(scaled).all()


@pytest.mark.parametrize("scale", [1e-100, 1e-3, 1e100])
def test_channels_of_any_scale(scale):
    layer = learned(X * scale)
    assert_allclose(
        layer(torch.from_numpy(X * scale)), StandardScaler().fit_transform(X), atol=1e-8
    )


def test_standardizer_forgets():
    layer = learned(X)
    layer.reset_parameters()
    x = torch.from_numpy(X)
    assert torch.equal(layer(x), x)
    layer.update(x[:50], torch.ones(50))
    assert_allclose(layer.mean, X[:50].mean(0))


def test_statistics_are_buffers():
    layer = learned(X)
    assert not list(layer.parameters())
    assert set(layer.state_dict()) == {
        "weight_sum",
        "mean",
        "variance",
        "inverse_scale",
    }


@pytest.mark.parametrize("standardize", [True, False])
def test_missing_values_are_filled_if_asked_for(standardize):
    layer = standardizer(standardize, (2,), channel_axis=0, fill_missing=True)
    x = torch.tensor([[1.0, np.nan], [3.0, 5.0], [np.nan, 7.0]])
    if standardize:
        layer.update(x, torch.ones(3))
    expected = [[-1, 0], [1, -1], [0, 1]] if standardize else [[1, 0], [3, 5], [0, 7]]
    assert_allclose(layer(x), expected, atol=1e-6)
    x[0, 0] = np.inf
    assert layer(x)[0, 0] == np.inf


def test_no_standardizer():
    assert isinstance(standardizer(False, (3,), 0), nn.Identity)
    assert isinstance(standardizer(True, (3,), 0), InputStandardizer)


def make_dropout(p, seed=0, shared=False):
    layer = Dropout(p, shared).train()
    use_generator(layer, torch.Generator().manual_seed(seed))
    return layer


def test_dropout_drops_its_share_and_scales_the_rest():
    x = torch.full((400, 500), 3.0)
    dropped = make_dropout(0.3)(x)
    assert float((dropped == 0).double().mean()) == pytest.approx(0.3, abs=0.01)
    assert_allclose(dropped[dropped != 0], 3.0 / 0.7, rtol=1e-6)
    assert (x == 3.0).all()


def test_dropout_draws_from_its_own_generator():
    x = torch.ones(50, 50)
    state = torch.random.get_rng_state()
    first = make_dropout(0.5)(x)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(3)
    layer = make_dropout(0.5)
    assert torch.equal(layer(x), first)
    assert not torch.equal(layer(x), first)


def test_shared_dropout_drops_the_same_units_everywhere():
    dropped = make_dropout(0.3, shared=True)(torch.ones(50, 2000))
    assert (dropped == dropped[0]).all()
    assert (dropped[0] == 0).double().mean() == pytest.approx(0.3, abs=0.05)


def test_dropout_lets_everything_through_in_eval_mode():
    x = torch.ones(5, 5)
    assert make_dropout(0.5).eval()(x) is x
    assert make_dropout(0.0)(x) is x


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_dropout_can_be_copied_without_its_generator(copied):
    layer = make_dropout(0.5)
    assert copied(layer).generator is None
    assert copied(layer).p == 0.5
    assert layer.generator is not None


def test_every_dropout_layer_gets_the_generator():
    net = nn.Sequential(Dropout(0.1), nn.Sequential(nn.ReLU(), Dropout(0.2)))
    generator = torch.Generator()
    use_generator(net, generator)
    assert net[0].generator is net[1][1].generator is generator


@pytest.mark.parametrize(
    ("kind", "n_spatial", "expected"),
    [
        (None, 0, nn.Identity),
        ("batch", 0, BatchNorm1d),
        ("batch", 1, BatchNorm1d),
        ("batch", 2, BatchNorm2d),
        ("layer", 0, nn.LayerNorm),
        ("layer", 1, nn.GroupNorm),
        ("layer", 2, nn.GroupNorm),
    ],
)
def test_norm_layer(kind, n_spatial, expected):
    layer = norm_layer(kind, 4, n_spatial)
    assert type(layer) is expected
    x = torch.randn(6, 4, *[5] * n_spatial) * 3 + 1
    y = layer(x)
    assert y.shape == x.shape
    if kind == "batch":
        assert_allclose(y.detach().transpose(0, 1).flatten(1).mean(1), 0, atol=1e-5)
    if kind == "layer":
        assert_allclose(y.detach().flatten(1).mean(1), 0, atol=1e-5)
        assert_allclose(y.detach().flatten(1).std(1, correction=0), 1, atol=1e-3)


def test_order_of_dense_layers():
    layers = dense_layers((3, 4, 5), "tanh", "batch", 0.2)
    block = [Linear, BatchNorm1d, nn.Tanh, Dropout]
    assert [type(layer) for layer in layers] == 2 * block
    assert [type(layer) for layer in dense_layers((3, 4), "relu", None, 0)] == [
        Linear,
        nn.ReLU,
    ]
    (nothing,) = dense_layers((3,), "relu", "batch", 0.2)
    assert type(nothing) is nn.Identity


def test_dense_layers_draw_their_weights_where_there_is_memory():
    assert Linear(2, 3, device="meta").weight.is_meta
    torch.manual_seed(0)
    ours = Linear(2, 3)
    torch.manual_seed(0)
    assert torch.equal(ours.weight, nn.Linear(2, 3).weight)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_new_modules_and_never_in_place(name):
    x = torch.linspace(-3, 3, 20)
    given = x.clone()
    first, second = ACTIVATIONS[name](), ACTIVATIONS[name]()
    assert first is not second
    assert not getattr(first, "inplace", False)
    first(x)
    assert torch.equal(x, given)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("identity", lambda x: x),
        ("logistic", lambda x: 1 / (1 + np.exp(-x))),
        ("tanh", np.tanh),
        ("relu", lambda x: np.maximum(x, 0)),
        ("leaky_relu", lambda x: np.where(x > 0, x, 0.01 * x)),
        ("elu", lambda x: np.where(x > 0, x, np.expm1(x))),
        ("silu", lambda x: x / (1 + np.exp(-x))),
    ],
)
def test_activations_are_what_their_names_say(name, formula):
    x = np.linspace(-3, 3, 20)
    assert_allclose(ACTIVATIONS[name]()(torch.from_numpy(x)), formula(x), atol=1e-12)
