"""How much features matter, as pictures."""

import numpy as np
import pytest
from pictures import check_legible

from skdeep.inspection._displays.importance import ImportanceDisplay

LABEL = "fall of the accuracy when shuffled"
SHAPES = {
    ("feature",): (30, 10),
    ("step",): (50, 10),
    ("row", "column"): (8, 8, 10),
    ("channel", "step"): (3, 50, 10),
}


def importances(axes):
    return np.random.default_rng(0).exponential(size=SHAPES[axes])


@pytest.mark.parametrize("axes", SHAPES)
def test_is_legible(axes):
    display = ImportanceDisplay(importances(axes), label=LABEL, axes=axes).plot()
    check_legible(display.figure_)


def test_bars_are_sorted_and_have_a_spread():
    numbers = importances(("feature",))
    names = [f"column {j}" for j in range(30)]
    display = ImportanceDisplay(numbers, label=LABEL, names=names)
    ax = display.plot(max_features=4).ax_
    mean = numbers.mean(axis=1)
    top = mean.argsort()[::-1][:4]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], mean[top])
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == [names[j] for j in top]
    (lines,) = ax.collections
    ends = np.array([segment[:, 0] for segment in lines.get_segments()])
    np.testing.assert_allclose(ends, np.quantile(numbers[top], [0.1, 0.9], axis=1).T)
    assert ax.get_xlabel() == LABEL


def test_time_steps_stand_along_an_axis():
    numbers = importances(("step",))
    ax = ImportanceDisplay(numbers, label=LABEL, axes=("step",)).plot().ax_
    np.testing.assert_allclose(ax.lines[0].get_ydata(), numbers.mean(axis=1))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time step", LABEL)


def test_patches_are_a_map():
    axes = ("row", "column")
    numbers = importances(axes) - 0.5
    ax = ImportanceDisplay(numbers, label=LABEL, axes=axes).plot().ax_
    np.testing.assert_allclose(ax.images[0].get_array(), numbers.mean(axis=-1))
    assert ax.images[0].norm.vmin == 0
    assert (ax.get_ylabel(), ax.get_xlabel()) == axes
