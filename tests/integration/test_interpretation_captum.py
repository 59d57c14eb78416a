"""captum on the copy that ``to_module()`` makes."""

from functools import cache

import numpy as np
import pytest
import torch
from captum.attr import (
    DeepLift,
    IntegratedGradients,
    LayerGradCam,
    Occlusion,
    Saliency,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier

SCHEDULE = {
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.02,
    "max_iter": 8,
    "batch_size": 32,
    # Differences are looked at closely.
    "dtype": "float64",
    "random_state": 0,
}
RNN = DeepRNNClassifier(
    architecture="recurrent", input_shape=(8, 8), hidden_size=8, **SCHEDULE
)
IMAGE = DeepCNNClassifier(input_shape=(1, 8, 8), n_filters=(8, 8), **SCHEDULE)
NETS = {
    "mlp": DeepMLPClassifier((8, 8), **SCHEDULE),
    "batch": DeepMLPClassifier((8,), normalization="batch", dropout=0.2, **SCHEDULE),
    "image": IMAGE,
    "series": DeepCNNClassifier(input_shape=(8, 8), n_filters=(8,), **SCHEDULE),
    "residual": clone(IMAGE).set_params(architecture="residual", activation="gelu"),
    "gru": RNN,
    "lstm": clone(RNN).set_params(cell_type="lstm", bidirectional=True),
    "attention": clone(RNN).set_params(cell_type="rnn", pooling="attention"),
}
EACH_NET = pytest.mark.parametrize("kind", NETS)


@cache
def zeros_and_ones():
    """Told apart by the rows 2 to 5 only; the other rows are shuffled.

    Shuffled three times, so that nets learn what is noise.
    """
    X, y = load_digits(n_class=2, return_X_y=True)
    X, y = np.tile(X, (3, 1)), np.tile(y, 3)
    rng = np.random.default_rng(0)
    for column in np.concatenate([np.arange(16), np.arange(48, 64)]):
        X[:, column] = rng.permutation(X[:, column])
    return X, y


@cache
def fitted(kind):
    return clone(NETS[kind]).fit(*zeros_and_ones())


def inputs(net, rows=slice(0, 6)):
    X, y = zeros_and_ones()
    X = torch.tensor(X[rows]).reshape(-1, *net.input_shape_)
    return X, torch.tensor(y[rows])


def anatomy(net):
    """All that an explanation could leave behind in a net or in a module."""
    module = getattr(net, "module_", net)
    parts = [
        (
            name,
            part.training,
            {k: len(v) for k, v in vars(part).items() if isinstance(v, dict)},
        )
        for name, part in module.named_modules()
    ]
    weights = {k: v.numpy().tobytes() for k, v in module.state_dict().items()}
    return sorted(vars(net)), parts, weights


@EACH_NET
def test_integrated_gradients_add_up(kind):
    net = fitted(kind)
    module, before = net.to_module(), anatomy(net)
    as_built = anatomy(module)
    X, target = inputs(net)
    baseline = X.mean(0, keepdim=True)
    attributions, delta = IntegratedGradients(module).attribute(
        X, baseline, target=target, n_steps=300, return_convergence_delta=True
    )
    with torch.no_grad():
        rows = torch.arange(len(X))
        gain = (module(X) - module(baseline))[rows, target]
    assert attributions.shape == X.shape
    total = attributions.flatten(1).sum(1)
    assert_allclose(total.numpy(), (gain + delta).numpy())
    # Kinks of relu and max pooling cost a sum of 300 steps some accuracy.
    assert delta.abs().max() < 0.03 * gain.abs().max()
    assert anatomy(module) == as_built
    assert anatomy(net) == before


@EACH_NET
def test_saliency_is_the_slope_of_the_logit(kind):
    net = fitted(kind)
    module, before = net.to_module(), anatomy(net)
    X, target = inputs(net)
    # Off the edges of bins, where the slope changes.
    X = X + 0.3
    slope = Saliency(module).attribute(
        X.clone().requires_grad_(), target=target, abs=False
    )
    assert slope.shape == X.shape
    step = torch.zeros(64).index_fill(0, torch.tensor([27]), 1e-6).reshape(X.shape[1:])
    with torch.no_grad():
        change = (module(X + step) - module(X - step))[torch.arange(len(X)), target]
    assert_allclose(
        slope.flatten(1)[:, 27].numpy(), change.numpy() / 2e-6, rtol=1e-4, atol=1e-7
    )
    assert anatomy(net) == before


@EACH_NET
def test_rows_that_inform_come_first(kind):
    net = fitted(kind)
    X, target = inputs(net, slice(0, 100))
    attributions = IntegratedGradients(net.to_module()).attribute(
        X, X.mean(0, keepdim=True), target=target, n_steps=20
    )
    weight = attributions.abs().reshape(-1, 8, 8).mean((0, 2)).numpy()
    assert weight.argmax() in (2, 3, 4, 5)
    assert weight[2:6].mean() > 2 * weight[[0, 1, 6, 7]].mean()


@pytest.mark.parametrize(
    "kind", ["mlp", "image", "series", "residual", "gru", "attention"]
)
def test_occlusion_is_what_the_logit_loses(kind):
    net = fitted(kind)
    module, before = net.to_module(), anatomy(net)
    X, target = inputs(net)
    window = {"mlp": (8,), "image": (1, 2, 8), "residual": (1, 2, 8)}.get(kind, (1, 8))
    attributions = Occlusion(module).attribute(
        X, sliding_window_shapes=window, strides=window, target=target, baselines=0
    )
    hidden = X.clone().reshape(-1, 64)
    hidden[:, : int(np.prod(window))] = 0
    with torch.no_grad():
        loss = module(X) - module(hidden.reshape(X.shape))
    expected = loss[torch.arange(len(X)), target]
    assert_allclose(attributions.flatten(1)[:, 0].numpy(), expected.numpy(), rtol=1e-6)
    assert anatomy(net) == before


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("image", (1, 4, 4)), ("series", (1, 8)), ("residual", (1, 4, 4))],
)
def test_grad_cam_of_the_last_convolutions(kind, shape):
    net = fitted(kind)
    module, before = net.to_module(), anatomy(net)
    as_built = anatomy(module)
    convolutions = [
        part
        for part in module.modules()
        if isinstance(part, (torch.nn.Conv1d, torch.nn.Conv2d))
    ]
    X, target = inputs(net)
    explainer = LayerGradCam(module, convolutions[-1])
    cam = explainer.attribute(X, target=target)
    assert cam.shape == (len(X), *shape)
    assert cam.detach().abs().max() > 0
    again = explainer.attribute(X, target=target)
    assert_array_equal(cam.detach().numpy(), again.detach().numpy())

    with torch.no_grad():
        kept = {}
        handle = convolutions[-1].register_forward_hook(
            lambda layer, given, output: kept.update(output=output)
        )
        module(X)
        handle.remove()
    # The map is a weighted sum of the maps of all filters, one weight for each.
    maps = kept["output"][0].reshape(kept["output"].shape[1], -1).T.numpy()
    of_first = cam[0].detach().numpy().ravel()
    weight = np.linalg.lstsq(maps, of_first)[0]
    assert_allclose(maps @ weight, of_first, atol=1e-8)
    assert anatomy(module) == as_built
    assert anatomy(net) == before


@pytest.mark.parametrize(
    "parameters",
    [{}, {"activation": "leaky_relu"}, {"activation": "tanh"}, {"dropout": 0.3}],
    ids=str,
)
def test_deep_lift_adds_up(parameters):
    X, y = zeros_and_ones()
    net = clone(NETS["mlp"]).set_params(**parameters).fit(X, y)
    module, before = net.to_module(), anatomy(net)
    as_built = anatomy(module)
    shown, target = inputs(net)
    attributions, delta = DeepLift(module).attribute(
        shown.requires_grad_(),
        torch.tensor(X.mean(0, keepdims=True)),
        target=target,
        return_convergence_delta=True,
    )
    assert attributions.abs().max() > 0.01
    assert delta.abs().max() < 1e-9
    assert anatomy(module) == as_built
    assert anatomy(net) == before


def test_deep_lift_fails_and_the_estimator_stays():
    net = fitted("mlp")
    X, _ = inputs(net)
    before, said = anatomy(net), net.predict_proba(X.numpy())
    with pytest.raises((AssertionError, IndexError)):
        DeepLift(net.to_module()).attribute(X.clone().requires_grad_(), target=7)
    assert anatomy(net) == before
    assert_array_equal(net.predict_proba(X.numpy()), said)


def test_two_modules_share_nothing():
    net = fitted("batch")
    first, second = net.to_module(), net.to_module()
    X, _ = inputs(net)
    with torch.no_grad():
        expected = second(X)
        for parameter in first.parameters():
            parameter.zero_()
        first.train()(X)
        assert_array_equal(second(X), expected)
    assert_allclose(expected[:, 1] - expected[:, 0], net.decision_function(X.numpy()))
    assert not net.module_.training
