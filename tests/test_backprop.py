"""Gradients of any net and the choice between numpy and autograd."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from skdeep._backprop import gradient_function, is_written_out
from skdeep._batches import Batch
from skdeep._flat import FlatParameters
from skdeep._losses import loss_function
from skdeep.modules import allocate, build, initialize

CONFIG = {
    "input_shape": (4,),
    "n_outputs": 3,
    "hidden_layer_sizes": (5,),
    "activation": "tanh",
    "normalization": None,
    "dropout": 0.0,
    "standardize": False,
}


def make_settings(loss="log_loss", mixed_precision=False):
    return {
        "loss": loss,
        "multilabel": False,
        "mixed_precision": mixed_precision,
        "n_operations": 1e3,
    }


def make(loss="log_loss", **config):
    config = {**CONFIG, **config}
    module = allocate(build("MLP", config), torch.float64)
    initialize(module, torch.Generator().manual_seed(0), config["activation"])
    flat = FlatParameters(module)
    per_sample = loss_function(loss, False, 2.0)
    function = gradient_function(
        module, flat, per_sample, make_settings(loss), n_shards=1, n_threads=1
    )
    return flat, module, function


def make_batch(weight=None):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((6, 4)))
    target = torch.eye(3, dtype=torch.float64)[[0, 1, 2, 0, 1, 2]]
    if weight is not None:
        weight = torch.tensor(weight, dtype=torch.float64)
    return Batch(x, target, weight, 6 if weight is None else float(weight.sum()))


@pytest.mark.parametrize(
    ("config", "on_numpy"),
    [
        ({}, True),
        ({"loss": "focal"}, False),
        ({"activation": "gelu"}, False),
        ({"normalization": "layer"}, False),
    ],
)
def test_choice(config, on_numpy):
    module = make(**config)[1]
    settings = make_settings(config.get("loss", "log_loss"))
    assert is_written_out(module, settings) is on_numpy
    assert not is_written_out(module, make_settings(mixed_precision=True))


@pytest.mark.parametrize("loss", ["log_loss", "focal"])
@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 0.5, 3.0, 1.0, 1.0]])
def test_gradient_is_that_of_finite_differences(loss, weight):
    flat, module, gradient = make(loss, activation="silu")
    batch = make_batch(weight)
    with torch.no_grad():
        loss_value = float(gradient(batch))
        got = flat.gradient.clone()
        losses = loss_function(loss, False, 2.0)(module(batch.x), batch.target)
        w = torch.ones(6, dtype=torch.float64) if weight is None else batch.weight
        assert loss_value == pytest.approx(float((losses * w).sum() / w.sum()))
        for i in range(0, len(got), 5):
            values = []
            for step in (1e-6, -2e-6):
                flat.vector[i] += step
                values.append(float(gradient(batch)))
            flat.vector[i] += 1e-6
            assert float(got[i]) == pytest.approx(
                (values[0] - values[1]) / 2e-6, abs=1e-8
            )


def test_gradients_do_not_add_up():
    flat, _, gradient = make("focal")
    gradient(make_batch())
    once = flat.gradient.clone()
    loss = gradient(make_batch())
    assert_allclose(flat.gradient, once)
    assert not loss.requires_grad
    assert once.abs().max() > 0


def test_a_repeated_row_is_a_row_of_weight_two():
    flat, _, gradient = make("focal")
    batch = make_batch([2.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    weighted_loss = float(gradient(batch))
    weighted = flat.gradient.clone()
    rows = [0, 0, 1, 2, 3, 4, 5]
    repeated = Batch(batch.x[rows], batch.target[rows], None, 7)
    assert float(gradient(repeated)) == pytest.approx(weighted_loss)
    assert_allclose(flat.gradient, weighted, atol=1e-15)
