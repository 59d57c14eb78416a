"""Convolutions over small images on numpy: they are those of torch's layers."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits
from torch import nn

from skdeep import DeepCNNClassifier, _small_maps
from skdeep._backprop import gradient_function
from skdeep._batches import Batch
from skdeep._flat import FlatParameters
from skdeep._losses import loss_function
from skdeep.modules import allocate, build, initialize, use_generator

CONFIG = {
    "input_shape": (2, 8, 6),
    "n_outputs": 3,
    "architecture": "plain",
    "n_filters": (4, 5),
    "depth": 1,
    "kernel_size": ((3,), (3,)),
    "stride": 1,
    "pool_size": 2,
    "pooling": "flatten",
    "hidden_layer_sizes": (),
    "activation": "relu",
    "normalization": "batch",
    "dropout": 0.0,
    "standardize": False,
}
SETTINGS = {"loss": "log_loss", "multilabel": False, "mixed_precision": False}
MULTILABEL = {**SETTINGS, "multilabel": True}
CONFIGS = {
    "default": {},
    "one channel": {"input_shape": (1, 8, 8)},
    "odd size": {"input_shape": (3, 7, 5)},
    "one axis pooled": {"input_shape": (2, 9, 1)},
    "not pooled": {"pool_size": 1},
    "wide pool": {"pool_size": 3, "n_filters": (4,), "kernel_size": ((3,),)},
    "deep": {"depth": 2},
    "even kernels": {"kernel_size": ((2,), (4,))},
    "several kernels": {"kernel_size": ((1, 5), (9,))},
    "mean": {"pooling": "mean"},
    "max": {"pooling": "max"},
    "normalized head": {"hidden_layer_sizes": (7,)},
    "dropout": {"dropout": 0.3},
    "focal loss": {"settings": {**SETTINGS, "loss": "focal"}},
    "labels": {"settings": MULTILABEL},
    "labels, normalized head": {"settings": MULTILABEL, "hidden_layer_sizes": (7,)},
}
WEIGHT = torch.tensor([1.0, 2.0, 0.0, 3.0, 1.0, 0.5], dtype=torch.float64)


def make(settings=SETTINGS, **config):
    module = allocate(build("CNN", {**CONFIG, **config}), torch.float64)
    initialize(module, torch.Generator().manual_seed(0), "relu")
    for p in module.parameters():
        if p.ndim == 1:
            nn.init.uniform_(p, -1.0, 2.0, torch.Generator().manual_seed(1))
    flat = FlatParameters(module.train())
    use_generator(module, torch.Generator().manual_seed(2))
    per_sample = loss_function(settings["loss"], settings["multilabel"], 2.0)
    return module, flat, gradient_function(module, flat, per_sample, settings, 1, 1)


def make_batch(module, weight=None, n_samples=6):
    generator = torch.Generator().manual_seed(3)
    shape = (n_samples, *module.config["input_shape"])
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    target = torch.eye(3, dtype=torch.float64)[torch.arange(n_samples) % 3]
    return Batch(x, target, weight, n_samples if weight is None else weight.sum())


def steps(batches, change=None, **config):
    """Losses and gradients of some batches, and the buffers at last."""
    module, flat, gradient = make(**config)
    found = []
    with torch.no_grad():
        if change is not None:
            change(module.features)
        for batch in batches:
            found += [gradient(batch), flat.gradient.clone()]
    return found + [buffer.clone() for buffer in module.buffers()]


@pytest.fixture
def with_layers(monkeypatch):
    """Function of the arguments of ``steps`` that lets torch's layers take them."""

    def run(*args, **kwargs):
        with monkeypatch.context() as patch:
            patch.setattr(_small_maps, "_FEW", 0)
            return steps(*args, **kwargs)

    return run


def count_calls(module):
    """Names of the layers of convolutions that are called from now on."""
    calls = []
    for name, layer in module.features.named_modules():
        layer.register_forward_hook(lambda *_, name=name: calls.append(name))
    return calls


def assert_all_close(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_steps_are_those_of_the_layers(config, weight, with_layers):
    module, _, gradient = make(**config)
    batch, calls = make_batch(module, weight), count_calls(module)
    gradient(batch)
    assert not calls
    batches = [batch, batch._replace(x=batch.x.flip(0).square()), batch]
    assert_all_close(steps(batches, **config), with_layers(batches, **config))


def test_the_first_of_equal_maxima_has_the_gradient(with_layers):
    def look_at_the_center(features):
        for layer in features.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight[:, :, :, [0, 2]] = layer.weight[:, :, [0, 2]] = 0.0

    batch = make_batch(make()[0])
    batches = [batch._replace(x=batch.x.sign())]
    found = steps(batches, look_at_the_center)
    assert_all_close(found, with_layers(batches, look_at_the_center))


def test_relu_is_flat_at_zero(with_layers):
    def switch_off(features):
        for p in features[0][0][1].parameters():
            p.zero_()

    batches = [make_batch(make()[0])]
    assert_all_close(steps(batches, switch_off), with_layers(batches, switch_off))


def test_batches_may_differ_in_size(with_layers):
    module, *_ = make()
    batches = [make_batch(module, n_samples=n) for n in (6, 2, 7, 1)]
    assert_all_close(steps(batches), with_layers(batches))


@pytest.mark.parametrize(
    "config",
    [
        {"architecture": "residual", "kernel_size": ((3, 3), (3, 3))},
        {"activation": "tanh"},
        {"normalization": "layer"},
        {"normalization": None},
        {"stride": 2},
        {"input_shape": (2, 8)},
        {"pool_size": 5},
        {"settings": {**SETTINGS, "mixed_precision": True}},
    ],
)
def test_other_nets_have_their_layers(config):
    module, flat, gradient = make(**config)
    calls = count_calls(module)
    gradient(make_batch(module))
    assert calls
    assert flat.gradient.abs().max() > 0


def test_large_batches_have_their_layers():
    module, _, gradient = make(n_filters=(40, 40))
    calls = count_calls(module)
    n_few = _small_maps._FEW // module.n_operations
    gradient(make_batch(module, n_samples=n_few))
    assert not calls
    gradient(make_batch(module, n_samples=n_few + 1))
    assert calls


def test_large_batches_leave_nothing_to_small_ones(with_layers, monkeypatch):
    module, *_ = make()
    batches = [make_batch(module, n_samples=n) for n in (9, 2)]
    monkeypatch.setattr(_small_maps, "_FEW", 5 * module.n_operations)
    assert_all_close(steps(batches), with_layers(batches))


def test_fits_are_those_of_the_layers(monkeypatch):
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    net = DeepCNNClassifier(
        input_shape=(1, 8, 8), n_filters=(4, 8), max_iter=4, random_state=0
    )
    small = net.set_params(early_stopping=True).fit(X, y, np.arange(300) % 3 + 1.0)
    p, losses = small.predict_proba(X), small.loss_curve_
    monkeypatch.setattr(_small_maps, "_FEW", 0)
    net.fit(X, y, np.arange(300) % 3 + 1.0)
    assert_allclose(net.loss_curve_, losses, rtol=1e-8)
    assert_allclose(net.predict_proba(X), p, atol=1e-8)
