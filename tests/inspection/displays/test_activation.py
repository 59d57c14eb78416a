"""What a layer makes of the input, as pictures."""

import numpy as np
import pytest
from pictures import check_legible

from skdeep.inspection._displays.activation import ActivationDisplay

SHAPES = {"maps": (32, 4, 5), "strips": (32, 20), "units": (32,)}


def activations(kind, n):
    return np.random.default_rng(0).exponential(size=(n, *SHAPES[kind]))


@pytest.mark.parametrize(
    ("kind", "n"), [("maps", 1), ("maps", 2), ("strips", 3), ("units", 5)]
)
def test_few_and_many_are_legible(kind, n):
    display = ActivationDisplay(
        activations(kind, n), layer="features", y_pred=["malignant"] * n
    ).plot()
    assert display.axes_.shape == (n,)
    assert display.axes_[0].get_title() == "predicted malignant"
    check_legible(display.figure_)


@pytest.mark.parametrize("kind", SHAPES)
def test_shows_the_strongest_channels_in_their_order(kind):
    numbers = activations(kind, 2)
    numbers[:, [30, 7]] += 10
    (ax, _) = ActivationDisplay(numbers, layer="body").plot(max_channels=2).axes_
    labels = {
        "maps": ax.texts,
        "strips": ax.get_yticklabels(),
        "units": ax.get_xticklabels(),
    }[kind]
    assert [label.get_text() for label in labels] == ["7", "30"]
    if kind == "strips":
        np.testing.assert_array_equal(ax.images[0].get_array(), numbers[0, [7, 30]])
    if kind == "units":
        heights = [bar.get_height() for bar in ax.patches]
        np.testing.assert_array_equal(heights, numbers[0, [7, 30]])


def test_scale_is_centred_where_there_are_both_signs():
    numbers = activations("strips", 1)
    (ax,) = ActivationDisplay(numbers, layer="relu").plot().axes_
    assert ax.images[0].norm.vmin == 0
    (ax,) = ActivationDisplay(numbers - 1, layer="tanh").plot().axes_
    assert ax.images[0].norm.vmin == -ax.images[0].norm.vmax
