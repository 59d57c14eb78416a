"""What displays of attributions share: one panel for each explained sample."""

from numbers import Real

import numpy as np

from skdeep._frames import is_frame, named_columns
from skdeep.inspection._displays import drawing
from skdeep.inspection._displays.folding import Kind
from skdeep.inspection._displays.panels import SMALL, Panels

# What the numbers of a method are, for the colour bar.
MEANING = {
    "saliency": "gradient of the logit",
    "smoothgrad": "mean gradient of the logit",
    "integrated_gradients": "share in the logit",
    "occlusion": "fall of the logit when hidden",
    "grad_cam": "Grad-CAM",
}


class AttributionDisplay:
    """Base of the displays of attributions; not to be used directly."""

    _make_colours, _over_channels = None, staticmethod(np.sum)

    def __init__(
        self, explanation, *, y_true=None, y_pred=None, feature_names=None, words=None
    ):
        self.explanation = explanation
        self.y_true = y_true
        self.y_pred = y_pred
        self.feature_names = feature_names
        self.words = words

    @classmethod
    def from_attributions(
        cls,
        explanation,
        *,
        y_true=None,
        y_pred=None,
        feature_names=None,
        words=None,
        ax=None,
        **plot_options,
    ):
        """Draw what an attribution function returned.

        Parameters
        ----------
        explanation : Bunch
            With the keys `attributions`, `X`, `target`, `method`, `axes`, `shape`,
            `feature_names` and `space`.

        y_true, y_pred : array-like of shape (n_samples,), default=None
            Classes for the titles.

        feature_names : array-like of str, default=None
            Of the columns of a table, or of the channels or features of a series;
            None takes those of `explanation`.

        words : list of lists of str, default=None
            The tokens of each text; None shows their codes.

        ax : Axes or array-like of Axes, default=None
            One for each sample; None makes a figure.

        **plot_options
            Passed to :meth:`plot`.

        Returns
        -------
        display : object
        """
        display = cls(
            explanation,
            y_true=y_true,
            y_pred=y_pred,
            feature_names=feature_names,
            words=words,
        )
        return display.plot(ax=ax, **plot_options)

    @classmethod
    def _from_explained(cls, explanation, estimator, X, y, **drawing_options):
        """Add the classes, for the titles, to what explains `X`."""
        y_pred = estimator.predict(X)
        if np.ndim(y_pred) == 2:
            # Of many labels, the title tells of the one that is explained.
            place = np.searchsorted(estimator.classes_, explanation.target)
            rows = np.arange(len(place))
            y_pred = y_pred[rows, place]
            y = None if y is None else np.asarray(y)[rows, place]
        classes = {"y_true": y, "y_pred": y_pred}
        return cls.from_attributions(explanation, **classes, **drawing_options)

    def _plot(self, ax, max_features=8):
        explanation = self.explanation
        kind = Kind(explanation.axes, explanation.shape)
        heat = kind.fold(explanation.attributions)
        if kind.is_image:
            panels, colours = self._plot_images(ax, kind, heat)
        elif kind.is_series:
            panels, colours = self._plot_series(ax, kind, heat)
        elif kind.is_text:
            panels, colours = self._plot_texts(ax, heat)
        else:
            panels, colours = self._plot_tables(ax, heat, max_features), None
        for i, target in enumerate(explanation.target):
            panels.set_title(i, self.y_true, self.y_pred, target)
        if colours is not None:
            panels.colour_bar(colours, describe(self.explanation))
        self.axes_, self.figure_ = panels.axes, panels.figure
        return self

    def _plot_images(self, ax, kind, heat):
        heat = self._over_channels(heat, axis=1)
        pictures = drawing.as_pictures(kind.fold(self.explanation.X))
        height, width = heat.shape[1:]
        size = np.array([2.8, 1.4])
        if drawing.is_wide(width, height):
            size[1] = 0.4 + 2.2 * size[0] * height / width
        if len(heat) == 1:
            size *= 1.7
        panels = Panels(ax, len(heat), size, 4, layout="compressed")
        colours = self._make_colours(heat)
        for panel, picture, one in zip(panels.axes, pictures, heat, strict=True):
            drawing.draw_image(panel, picture, one, colours)
        return panels, colours

    def _plot_series(self, ax, kind, heat):
        series = kind.fold(self.explanation.X)
        n_channels = series.shape[1]
        height = min(1.3 + 0.22 * n_channels, 5.0)
        size = (7.0, 1.5 * height) if len(heat) == 1 else (4.2, height)
        panels = Panels(ax, len(heat), size, 4 if len(heat) > 6 else 2)
        colours, ranges = self._make_colours(heat), drawing.ranges_of(series)
        names = self._names("channel", n_channels)
        for i, panel in enumerate(panels.axes):
            drawing.draw_series(panel, series[i], heat[i], colours, ranges)
            panels.set_xlabel(i, "time step")
            if not panels.is_left(i):
                panel.set_yticks([])
            elif n_channels > 1:
                drawing.name_rows(panel, names)
            else:
                panel.set_ylabel(names[0], fontsize=SMALL)
        return panels, colours

    def _plot_texts(self, ax, heat):
        words = self.words
        if words is None:
            # Zeros at the end are padding.
            codes = [np.trim_zeros(row, "b") for row in np.asarray(self.explanation.X)]
            words = [[f"{code:g}" for code in row] for row in codes]
        places = [place for text in words for place in drawing.set_words(text)]
        n_lines = 1 + max((line for line, _ in places), default=0)
        panels = Panels(ax, len(heat), (6.0, 0.5 + 0.2 * n_lines), 2)
        colours = self._make_colours(heat)
        for panel, text, row in zip(panels.axes, words, heat, strict=True):
            row = row[: len(text)]
            drawing.draw_words(panel, text, row, colours, n_lines, panels.width)
        return panels, colours

    def _plot_tables(self, ax, heat, max_features):
        n_features = heat.shape[1]
        n_shown = min(max_features, n_features)
        size = (5.0, 0.9 + 0.26 * n_shown)
        panels = Panels(ax, len(heat), size, 2 if len(heat) <= 4 else 3)
        names = self._names("feature", n_features)
        limit = 1.05 * np.abs(heat).max() or 1.0
        for i, (panel, row) in enumerate(zip(panels.axes, heat, strict=True)):
            top = np.abs(row).argsort(kind="stable")[::-1][:n_shown]
            told = [f"{names[j]} = {self._value(i, j)}" for j in top]
            drawing.draw_bars(panel, row[top], told)
            panel.set_xlim(-limit, limit)
            panels.set_xlabel(i, describe(self.explanation))
        return panels

    def _names(self, axis, n):
        names = self.feature_names
        if names is None and axis == "feature":
            names = self.explanation.feature_names
        if names is None:
            names = [f"{axis} {j}" for j in range(n)]
        if len(names) != n:
            raise ValueError(
                f"`feature_names` must have {n} names, one for each row of the "
                f"picture. Got {len(names)}."
            )
        return list(names)

    def _value(self, i, j):
        X = self.explanation.X
        if is_frame(X):
            value = np.asarray(named_columns(X)[1][j], dtype=object)[i]
        else:
            # Of a sparse matrix too.
            value = X[i, j] if hasattr(X, "shape") else X[i][j]
        return f"{value:.4g}" if isinstance(value, Real) else str(value)


def describe(explanation):
    """What the numbers are, and whose input they are about."""
    meaning = MEANING.get(explanation.method, explanation.method)
    about = explanation.space
    return meaning if about == "input" else f"{meaning}, {about}"
