"""From numbers in the user's order to images, series and rows of a table."""

from typing import NamedTuple

import numpy as np


class Kind(NamedTuple):
    """What one sample is, in the order in which the user lays it out.

    Attributes
    ----------
    axes : tuple of str
        What its axes mean, such as ("row", "column", "channel").

    shape : tuple of int
        Their lengths.
    """

    axes: tuple
    shape: tuple

    @property
    def is_image(self):
        """Whether it has rows and columns."""
        return "row" in self.axes

    @property
    def is_series(self):
        """Whether it has channels, and steps of time."""
        return {"channel", "step"} == set(self.axes)

    @property
    def is_text(self):
        """Whether it is a sequence of tokens."""
        return self.axes == ("step",)

    def fold(self, numbers):
        """Give samples their axes, channels first.

        Parameters
        ----------
        numbers : array-like of shape (n_samples, n_features) or (n_samples, ...)

        Returns
        -------
        folded : ndarray, float64
            (n, channels, height, width), (n, channels, n_steps) or (n, n_features).
        """
        numbers = np.asarray(numbers, dtype=np.float64)
        folded = numbers.reshape(len(numbers), *self.shape)
        if "channel" not in self.axes:
            return folded
        return np.moveaxis(folded, 1 + self.axes.index("channel"), 1)
