"""Signed attributions as pictures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from pictures import CANCER, KINDS, check_legible, explanation, texts
from scipy import sparse

from skdeep.inspection._displays.colours import BLUE, RED
from skdeep.inspection._displays.saliency import SaliencyDisplay

draw = SaliencyDisplay.from_attributions


def written(figure):
    return [text.get_text() for text in texts(figure)]


@pytest.mark.parametrize("n", [1, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_one_and_sixteen_are_legible(kind, n):
    explained = explanation(kind, n)
    display = draw(explained, y_true=["malignant"] * n, y_pred=explained.target)
    assert display.axes_.shape == (n,)
    assert all(ax.figure is display.figure_ for ax in display.axes_)
    assert display.figure_.get_layout_engine() is not None
    check_legible(display.figure_)


def test_scale_is_centred_shared_and_explained():
    explained = explanation("series", 2)
    display = draw(explained)
    norms = [ax.images[0].norm for ax in display.axes_]
    assert {norm.vmax for norm in norms} == {np.abs(explained.attributions).max()}
    assert all(norm.vmin == -norm.vmax for norm in norms)
    assert len(display.figure_.axes) == 2 + 1
    assert "share in the logit" in written(display.figure_)


def test_image_stands_beside_its_map():
    explained = explanation("image", 1)
    (ax,) = draw(explained).axes_
    picture, blended = (image.get_array() for image in ax.images)
    ink = explained.X.reshape(8, 8)
    # Blank is white.
    np.testing.assert_allclose(picture[..., 0], 1 - ink / ink.max())
    red, _, blue = np.moveaxis(blended[..., :3], -1, 0)
    signed = explained.attributions.reshape(8, 8)
    assert (red > blue)[signed > 2].all()
    assert (red < blue)[signed < -2].all()


def test_photographs_keep_their_colours():
    explained = explanation("image", 1)
    photo = np.random.default_rng(0).uniform(size=(1, 4, 12, 3))
    explained.update(
        X=photo,
        attributions=photo - 0.5,
        shape=(4, 12, 3),
        axes=("row", "column", "channel"),
    )
    (ax,) = draw(explained).axes_
    low, high = photo.min(), photo.max()
    picture, blended = ax.images
    np.testing.assert_allclose(picture.get_array(), (photo[0] - low) / (high - low))
    # A wide one stands above its map.
    assert picture.get_extent()[:2] == blended.get_extent()[:2]


def test_series_are_folded_as_the_net_reads_them():
    explained = explanation("series", 1)
    (ax,) = draw(explained, feature_names=list("abcdefgh")).axes_
    strips = ax.images[0].get_array()
    np.testing.assert_array_equal(strips, explained.attributions.reshape(8, 8).T)
    assert [label.get_text() for label in ax.get_yticklabels()] == list("abcdefgh")
    assert len([line for line in ax.lines if len(line.get_xdata()) == 8]) == 8


def test_single_channel_has_an_axis_of_its_own():
    explained = explanation("one channel", 1)
    (ax,) = draw(explained, feature_names=["voltage (mV)"]).axes_
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), explained.X[0])
    assert ax.get_ylabel() == "voltage (mV)"


def test_bars_tell_names_values_and_signs():
    explained = explanation("table", 1)
    (ax,) = draw(explained, max_features=3).axes_
    row = explained.attributions[0]
    top = np.abs(row).argsort()[::-1][:3]
    np.testing.assert_array_equal([bar.get_width() for bar in ax.patches], row[top])
    for bar, label, j in zip(ax.patches, ax.get_yticklabels(), top, strict=True):
        value = CANCER.data.iloc[0, j]
        assert label.get_text() == f"{CANCER.feature_names[j]} = {value:.4g}"
        assert to_hex(bar.get_facecolor()).upper() == (RED if row[j] > 0 else BLUE)


def test_categories_are_told_as_they_are():
    pandas = pytest.importorskip("pandas")
    explained = explanation("table", 1)
    frame = pandas.DataFrame({"age": [31.25], "town": ["Rome"]})
    explained.update(X=frame, attributions=np.array([[1.0, 2.0]]), shape=(2,))
    explained.feature_names = np.array(["age", "town"])
    (ax,) = draw(explained).axes_
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["town = Rome", "age = 31.25"]


@pytest.mark.parametrize("kind", [list, sparse.csr_array, np.float32])
def test_values_of_any_table(kind):
    explained = explanation("table", 1)
    X = np.array([[0.5, 2.25]])
    explained.X = X.astype(kind) if kind is np.float32 else kind(X)
    explained.update(attributions=X - 1, shape=(2,), feature_names=None)
    (ax,) = draw(explained).axes_
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["feature 1 = 2.25", "feature 0 = 0.5"]


def test_words_stand_on_coloured_paper():
    explained = explanation("text", 1)
    words = ["not", "good", "at", "all"]
    explained.update(
        X=np.array([[2, 3, 4, 5, 0]]),
        attributions=np.array([[4.0, -4.0, 0.0, 0.0, 0.0]]),
        shape=(5,),
    )
    (ax,) = draw(explained, words=[words]).axes_
    assert [text.get_text() for text in ax.texts] == words
    red, blue, white, _ = (text.get_bbox_patch().get_facecolor() for text in ax.texts)
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert min(white[:3]) > 0.9
    (ax,) = draw(explained).axes_
    assert [text.get_text() for text in ax.texts] == ["2", "3", "4", "5"]


def test_titles_tell_the_classes():
    explained = explanation("table", 2)
    classes = {"y_true": ["benign", "benign"], "y_pred": ["malignant", "malignant"]}
    display = draw(explained, **classes)
    assert [ax.get_title() for ax in display.axes_] == [
        "true benign, predicted malignant",
        "true benign, predicted malignant, why benign?",
    ]
    assert draw(explained).axes_[1].get_title() == "why benign?"


def test_says_whose_output_is_explained():
    explained = explanation("table", 1)
    explained.space = "output of 'pca'"
    (ax,) = draw(explained).axes_
    assert ax.get_xlabel() == "share in the logit, output of 'pca'"


@pytest.mark.parametrize("kind", KINDS)
def test_draws_where_it_is_told_to(kind):
    _, ax = plt.subplots()
    assert draw(explanation(kind, 1), ax=ax).axes_.tolist() == [ax]
    _, pair = plt.subplots(1, 2)
    assert draw(explanation(kind, 2), ax=pair).axes_.tolist() == pair.tolist()
    with pytest.raises(ValueError, match=r"for each of the 3 panels\. Got 2"):
        draw(explanation(kind, 3), ax=pair)


def test_refuses_what_nobody_could_read():
    with pytest.raises(ValueError, match=r"at most 64 rows to be drawn\. Got 65"):
        draw(explanation("table", 65))
    with pytest.raises(ValueError, match="must have 30 names"):
        draw(explanation("table", 1), feature_names=["age"])


def test_nothing_to_say_is_drawn_too():
    for kind in KINDS:
        explained = explanation(kind, 1)
        explained.attributions[:] = 0.0
        assert len(draw(explained).axes_) == 1
