"""The hidden representation, as a picture."""

import numpy as np
import pytest
from pictures import check_legible
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skdeep.inspection._displays.embedding import EmbeddingDisplay

HIDDEN, DIGIT = load_digits(return_X_y=True)
draw = EmbeddingDisplay.from_hidden


def test_classes_have_a_colour_and_a_marker_each():
    display = draw(HIDDEN[:300], DIGIT[:300], layer="head")
    groups = display.ax_.collections
    assert [group.get_label() for group in groups] == [
        str(digit) for digit in range(10)
    ]
    looks = {
        (tuple(group.get_facecolor()[0]), group.get_paths()[0].vertices.tobytes())
        for group in groups
    }
    assert len(looks) == 10
    points = np.concatenate([group.get_offsets() for group in groups])
    order = np.argsort(DIGIT[:300], kind="stable")
    expected = PCA(2, random_state=0).fit_transform(HIDDEN[:300])[order]
    np.testing.assert_allclose(points, expected)
    assert display.ax_.get_title() == "Hidden representation, layer 'head'"
    check_legible(display.figure_)


def test_wrong_predictions_are_ringed():
    wrong = np.arange(300) == 7
    display = draw(HIDDEN[:300], DIGIT[:300], wrong=wrong)
    rings = display.ax_.collections[-1]
    assert rings.get_label() == "wrong"
    np.testing.assert_allclose(rings.get_offsets(), display.points[[7]])


@pytest.mark.parametrize("shape", [(5, 1), (2, 6), (5, 2, 3)])
def test_any_shape(shape):
    hidden = np.random.default_rng(0).normal(size=shape)
    display = draw(hidden, ["a"] * shape[0])
    assert display.points.shape == (shape[0], 2)
    assert np.isfinite(display.explained).all()


def test_one_sample_has_no_components():
    with pytest.raises(ValueError, match="at least 2 rows"):
        draw(HIDDEN[:1], DIGIT[:1])
