"""Grad-CAM: captum's, at the size of the input."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from inspection.explained import CASES, CONVOLUTIONS, case_of
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skdeep._members import modules_of
from skdeep.inspection import grad_cam


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_shape_and_sign(case):
    net, X, _ = case_of(case)
    positive, signed = grad_cam(net, X), grad_cam(net, X, relu=False)
    assert positive.attributions.shape == X.shape
    assert positive.layer in dict(signed_layers(net))
    assert (positive.attributions >= 0).all()
    if len(modules_of(net.module_)) == 1:
        assert_array_equal(positive.maps, np.maximum(signed.maps, 0))
    assert_array_equal(positive.target, net.predict(X))


def signed_layers(net):
    module = net.to_module()
    return getattr(module, "members", [module])[0].named_modules()


@pytest.mark.parametrize("case", ["images", "series"])
@pytest.mark.parametrize("relu", [False, True])
def test_it_is_what_captum_says(case, relu):
    net, X, y = CASES[case]()
    net, X = clone(net).set_params(n_members=1).fit(X, y), X[:5]
    module = net.to_module()
    x = torch.tensor(X).reshape(-1, *net.input_shape_)
    layer = dict(module.named_modules())[grad_cam(net, X).layer]
    expected = LayerGradCam(module, layer).attribute(
        x, target=torch.tensor(net.predict(X)), relu_attributions=relu
    )
    result = grad_cam(net, X, relu=relu)
    assert_allclose(result.maps, expected.detach()[:, 0].numpy(), atol=1e-9)
    assert np.abs(result.maps).max() > 0
    if case == "images":
        # The map is as large as the image.
        assert_allclose(result.attributions.ravel(), result.maps.ravel())


def test_maps_grow_to_the_size_of_the_image():
    net, X, _ = case_of("images")
    net = clone(net).set_params(n_filters=(4, 4)).fit(X, net.predict(X))
    result = grad_cam(net, X)
    assert result.layer == "features.2"
    assert result.maps.shape == (5, 4, 4)
    # Each of the four corners of a place leans to it.
    shrunk = result.attributions.reshape(5, 4, 2, 4, 2).mean((2, 4))
    assert np.corrcoef(shrunk.ravel(), result.maps.ravel())[0, 1] > 0.9


def test_layers_by_name():
    net, X, _ = case_of("images")
    names = r"\['standardizer', .*'features.0.0.0', .*'output'\]"
    with pytest.raises(ValueError, match=f"`layer` must be one of {names}. Got 'x'"):
        grad_cam(net, X, layer="x")
    with pytest.raises(ValueError, match="`estimator` must have convolutions"):
        grad_cam(*case_of("table")[:2])


def test_shortcuts_are_not_the_last_convolution():
    net, X, _ = case_of("residual")
    names = [name for name, _ in signed_layers(net)]
    assert any("shortcut" in name for name in names)
    assert "shortcut" not in grad_cam(net, X).layer
