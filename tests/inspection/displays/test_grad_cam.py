"""Class activation maps as pictures."""

import numpy as np
import pytest
from pictures import check_legible, explanation

from skdeep.inspection._displays.grad_cam import GradCAMDisplay


def grad_cam(kind, n):
    explained = explanation(kind, n, method="grad_cam")
    explained.attributions = np.abs(explained.attributions)
    return explained


@pytest.mark.parametrize(("kind", "n"), [("image", 5), ("one channel", 1)])
def test_images_and_series_are_legible(kind, n):
    explained = grad_cam(kind, n)
    display = GradCAMDisplay.from_attributions(explained, y_pred=explained.target)
    assert display.axes_.shape == (n,)
    check_legible(display.figure_)


def test_scale_begins_at_zero():
    (ax,) = GradCAMDisplay.from_attributions(grad_cam("one channel", 1)).axes_
    assert ax.images[0].norm.vmin == 0
    # The darker, the more.
    low, high = ax.images[0].cmap([0.0, 1.0])[:, :3].sum(axis=1)
    assert low > high


def test_map_is_that_of_every_channel():
    explained = grad_cam("image", 1)
    heat = explained.attributions.reshape(1, 1, 8, 8)
    colours = [
        GradCAMDisplay.from_attributions(explained).axes_[0].images[1].get_array()
    ]
    explained.update(
        X=explained.X.reshape(heat.shape).repeat(2, axis=1),
        attributions=heat.repeat(2, axis=1),
        shape=(2, 8, 8),
    )
    (ax,) = GradCAMDisplay.from_attributions(explained).axes_
    np.testing.assert_allclose(ax.images[1].get_array(), colours[0])
