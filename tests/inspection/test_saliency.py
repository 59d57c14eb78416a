"""Slopes: against differences of outputs, and against captum."""

import numpy as np
import pytest
import torch
from captum.attr import Saliency
from inspection.explained import case_of, outputs
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from small_nets import DIGIT, DIGITS, NETS

from skdeep.inspection import saliency_maps


@pytest.mark.parametrize(
    "case", ["table", "pair", "members", "images", "last", "steps", "padded_steps"]
)
def test_slope_is_the_change_of_the_output(case):
    net, X, _ = case_of(case)
    rng = np.random.default_rng(0)
    # Off the edges of bins, and without ties, where the slope changes.
    X = X + rng.uniform(1e-3, 1e-2, X.shape)
    result = saliency_maps(net, X)
    codes = np.searchsorted(net.classes_, result.target)
    direction = rng.normal(size=X.shape) * 1e-7
    changes = outputs(net, X + direction, codes) - outputs(net, X - direction, codes)
    slopes = (result.attributions * direction).reshape(len(X), -1).sum(1)
    assert_allclose(slopes, changes / 2, rtol=1e-3, atol=1e-11)


@pytest.mark.parametrize("case", ["images", "series"])
def test_it_is_what_captum_says(case):
    net, X, _ = case_of(case)
    x = torch.tensor(X).reshape(-1, *net.input_shape_).requires_grad_()
    target = torch.tensor(net.predict(X))
    expected = Saliency(net.to_module()).attribute(x, target=target, abs=False)
    result = saliency_maps(net, X)
    assert result.method == "saliency"
    assert_allclose(result.attributions.ravel(), expected.numpy().ravel(), atol=1e-12)
    absolute = saliency_maps(net, X, absolute=True).attributions
    assert_array_equal(absolute, np.abs(result.attributions))


def test_slopes_of_a_pipeline_are_those_of_its_input():
    scaled = make_pipeline(MinMaxScaler(), clone(NETS["cnn"])).fit(DIGITS, DIGIT)
    X = DIGITS[:3] + 0.01
    result = saliency_maps(scaled, X, target=1)
    step = np.zeros_like(X)
    step[:, 27] = 1e-6
    change = (scaled.decision_function(X + step) - scaled.decision_function(X))[:, 1]
    assert_allclose(result.attributions[:, 27], change / 1e-6, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("case", ["pair", "categories", "steps", "tokens"])
def test_smoothgrad_is_repeatable_and_near_the_slope_if_there_is_little_noise(case):
    net, X, _ = case_of(case)
    plain = saliency_maps(net, X).attributions
    options = {"n_noisy": 4, "noise_level": 1e-9}
    quiet = saliency_maps(net, X, **options, random_state=0)
    assert quiet.method == "smoothgrad"
    # Where a value lies on the edge of a bin, noise decides about the slope.
    assert (np.abs(quiet.attributions - plain) < 1e-5).mean() > 0.5
    one, two, other = (
        saliency_maps(net, X, n_noisy=4, random_state=seed).attributions
        for seed in (0, 0, 1)
    )
    assert_array_equal(one, two)
    assert (one != other).any()


def test_slopes_of_categories_and_tokens_are_those_along_their_vectors():
    net, X, _ = case_of("categories")
    slopes = saliency_maps(net, X, target=0).attributions
    missing = X.assign(few=None)
    lost = outputs(net, X, [0] * 5) - outputs(net, missing, [0] * 5)
    # Small changes of an output that is nearly linear.
    assert np.corrcoef(slopes[:, 4], lost)[0, 1] > 0.9
    assert (slopes[X["b"].isna(), 1] == 0).all()
