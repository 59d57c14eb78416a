"""How much each feature matters."""

import math

import numpy as np

from skdeep.inspection._displays import drawing
from skdeep.inspection._displays.attribution import describe
from skdeep.inspection._displays.colours import BLUE, GREY, positive_colours
from skdeep.inspection._displays.folding import Kind
from skdeep.inspection._displays.panels import Panels, few_ticks, tidy
from skdeep.inspection._layout import axis_names
from skdeep.inspection._permutation import permutation_importance
from skdeep.inspection._subject import take_apart

# Ends of the thin lines: quantiles over repeats or samples.
_SPREAD = (0.1, 0.9)


class ImportanceDisplay:
    """How much each feature, time step or patch matters, and how sure that is.

    Features are bars, the most important ones first, with a line from the 10 % to the
    90 % quantile of the repeats; time steps stand along an axis; two axes are a map.

    Parameters
    ----------
    importances : ndarray of shape (n_features, n_repeats) or (..., n_repeats)
        Importance in each repeat, or of each sample.

    label : str
        What the numbers are.

    names : array-like of str, default=None
        Names of the features.

    axes : tuple of str, default=("feature",)
        Names of all axes of `importances` but the last.

    Attributes
    ----------
    ax_ : Axes

    figure_ : Figure
    """

    def __init__(self, importances, *, label, names=None, axes=("feature",)):
        self.importances = importances
        self.label = label
        self.names = names
        self.axes = axes

    @classmethod
    def from_estimator(
        cls, estimator, X, y, *, scoring=None, feature_names=None, ax=None, **options
    ):
        """Shuffle what X consists of, and draw what the score loses.

        Parameters
        ----------
        estimator : estimator
            A fitted net, or a Pipeline that ends in one.

        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples, best ones that were not trained on.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Their targets.

        scoring : str or callable, default=None
            As in scikit-learn; None is accuracy.

        feature_names : array-like of str, default=None
            Names of the groups; None takes those of the columns.

        ax : Axes, default=None
            None makes a figure.

        **options
            Passed to :func:`permutation_importance`, such as `groups`, `n_repeats` and
            `random_state`.

        Returns
        -------
        display : ImportanceDisplay
        """
        result = permutation_importance(estimator, X, y, scoring=scoring, **options)
        label = f"{_fall_of(scoring)} when shuffled"
        how = {"label": label, "feature_names": feature_names, "ax": ax}
        return cls.from_importances(result, estimator=estimator, **how)

    @classmethod
    def from_importances(
        cls,
        result,
        *,
        label,
        estimator=None,
        feature_names=None,
        ax=None,
        **plot_options,
    ):
        """Draw what :func:`permutation_importance` returned.

        Parameters
        ----------
        result : Bunch
            With the keys `importances`, `group_names` and `groups`.

        label : str
            What the numbers are.

        estimator : estimator, default=None
            The net. It tells how its samples are folded, without which there are only
            bars.

        feature_names : array-like of str, default=None
            Names of the groups; None takes those of `result`.

        ax : Axes, default=None
            None makes a figure.

        **plot_options
            Passed to :meth:`plot`.

        Returns
        -------
        display : ImportanceDisplay
        """
        importances, axes = result.importances, ("feature",)
        if estimator is not None:
            _, net = take_apart(estimator)
            axes, shape = axis_names(net), net._fold.shape
            importances, axes = _paint(importances, result.groups, axes, shape)
        names = result.group_names if feature_names is None else feature_names
        display = cls(importances, label=label, names=names, axes=axes)
        return display.plot(ax=ax, **plot_options)

    @classmethod
    def from_attributions(
        cls, explanation, *, feature_names=None, ax=None, **plot_options
    ):
        """Draw the mean size of attributions.

        Parameters
        ----------
        explanation : Bunch
            As :class:`SaliencyDisplay` takes it.

        feature_names : array-like of str, default=None
            None takes those of `explanation`.

        ax : Axes, default=None
            None makes a figure.

        **plot_options
            Passed to :meth:`plot`.

        Returns
        -------
        display : ImportanceDisplay
        """
        kind = Kind(explanation.axes, explanation.shape)
        sizes = np.moveaxis(np.abs(kind.fold(explanation.attributions)), 0, -1)
        names = feature_names
        axes = tuple(sorted(kind.axes, key=lambda axis: axis != "channel"))
        if axes[0] == "channel" and (len(axes) == 3 or len(sizes) == 1):
            sizes, axes = sizes.sum(axis=0), axes[1:]
        if names is None and axes == ("feature",):
            names = explanation.feature_names
        label = f"mean size of: {describe(explanation)}"
        return cls(sizes, label=label, names=names, axes=axes).plot(
            ax=ax, **plot_options
        )

    def plot(self, ax=None, *, max_features=15):
        """Draw the importances.

        Parameters
        ----------
        ax : Axes, default=None
            None makes a figure.

        max_features : int, default=15
            Most bars.

        Returns
        -------
        self : ImportanceDisplay
        """
        mean = np.mean(self.importances, axis=-1)
        if mean.ndim == 2:
            panels = self._plot_map(ax, mean)
        elif self.axes == ("step",):
            panels = self._plot_steps(ax, mean)
        else:
            panels = self._plot_bars(ax, mean, max_features)
        (self.ax_,), self.figure_ = panels.axes, panels.figure
        return self

    def _plot_bars(self, ax, mean, max_features):
        top = mean.argsort(kind="stable")[::-1][:max_features]
        names = self.names
        if names is None:
            names = [f"{self.axes[0]} {j}" for j in range(len(mean))]
        panels = Panels(ax, 1, (5.6, 0.9 + 0.26 * len(top)), 1)
        (panel,) = panels.axes
        spread = np.quantile(self.importances, _SPREAD, axis=-1).T
        shown = [names[j] for j in top]
        drawing.draw_bars(panel, mean[top], shown, BLUE, spread[top])
        panel.set_xlabel(self.label)
        return panels

    def _plot_steps(self, ax, mean):
        panels = Panels(ax, 1, (7.0, 3.0), 1)
        (panel,) = panels.axes
        steps = np.arange(len(mean))
        low, high = np.quantile(self.importances, _SPREAD, axis=-1)
        panel.fill_between(steps, low, high, step="mid", color=BLUE, alpha=0.25)
        panel.step(steps, mean, where="mid", color=BLUE)
        panel.axhline(0, color=GREY, linewidth=0.8)
        panel.set(xlabel="time step", ylabel=self.label, xlim=(-0.5, len(mean) - 0.5))
        panel.xaxis.set_major_locator(few_ticks(integer=True))
        tidy(panel)
        return panels

    def _plot_map(self, ax, mean):
        panels = Panels(ax, 1, (4.8, 3.8), 1)
        (panel,) = panels.axes
        colours = positive_colours(np.maximum(mean, 0.0))
        drawing.draw_map(panel, mean, colours, self.axes)
        panels.colour_bar(colours, self.label)
        return panels


def _fall_of(scoring):
    if scoring is None:
        return "fall of the accuracy"
    if not isinstance(scoring, str):
        return "fall of the score"
    name = scoring.replace("_", " ")
    if name.startswith("neg "):
        return f"rise of the {name.removeprefix('neg ')}"
    return f"fall of the {name}"


def _paint(importances, groups, axes, shape):
    """Put the importance of each group where the group is.

    Axes along which nothing changes are left out. Where groups overlap or leave gaps,
    or more than two axes are left, the groups have no place.
    """
    place, n_places = np.concatenate(groups), math.prod(shape)
    if not np.array_equal(np.sort(place), np.arange(n_places)):
        return importances, ("feature",)
    painted = np.empty((n_places, importances.shape[1]))
    for group, numbers in zip(groups, importances, strict=True):
        painted[group] = numbers
    painted = painted.reshape(*shape, -1)
    which = np.empty(n_places, int)
    which[place] = np.repeat(np.arange(len(groups)), list(map(len, groups)))
    which = which.reshape(shape)
    varies = [np.any(which != which.take([0], axis=j)) for j in range(len(shape))]
    left = tuple(axis for axis, does in zip(axes, varies, strict=True) if does)
    if len(left) > 2 or left in ((), ("channel",), ("feature",)):
        return importances, ("feature",)
    painted = painted[tuple(slice(None) if does else 0 for does in varies)]
    if left == ("step", "channel"):
        # Time goes from left to right.
        return painted.swapaxes(0, 1), left[::-1]
    return painted, left
