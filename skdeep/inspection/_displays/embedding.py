"""What the last hidden layer makes of the data."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from skdeep._members import modules_of
from skdeep.inspection._activations import layer_activations
from skdeep.inspection._displays.colours import MARKERS, QUALITATIVE
from skdeep.inspection._displays.panels import SMALL, Panels, tidy
from skdeep.inspection._subject import take_apart

_LEGEND_ROWS = 20


class EmbeddingDisplay:
    """Hidden representation of the samples, seen along two principal components.

    Classes have a colour and a marker each. Samples whose predicted class isn't the
    true one are ringed.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
        Where the samples are.

    y : array-like of shape (n_samples,)
        Their classes.

    explained : array-like of shape (2,)
        Share of the variance along each axis.

    wrong : ndarray of bool of shape (n_samples,), default=None
        Samples to be ringed.

    layer : str, default=None
        Name of the layer for the title.

    Attributes
    ----------
    ax_ : Axes

    figure_ : Figure
    """

    def __init__(self, points, y, *, explained, wrong=None, layer=None):
        self.points = points
        self.y = y
        self.explained = explained
        self.wrong = wrong
        self.layer = layer

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, ax=None):
        """Draw what the last hidden layer of a net makes of X.

        Parameters
        ----------
        estimator : estimator
            A fitted net, or a Pipeline that ends in one.

        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples.

        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            True classes; None takes the predicted ones. Of many labels, each
            combination is a class.

        ax : Axes, default=None
            None makes a figure.

        Returns
        -------
        display : EmbeddingDisplay
        """
        _, net = take_apart(estimator)
        check_is_fitted(net)
        layer = _last_hidden(net.module_)
        hidden = layer_activations(estimator, X, layer).activations
        predicted = _as_classes(estimator.predict(X), net.classes_)
        y = predicted if y is None else _as_classes(y, net.classes_)
        how = {"wrong": predicted != y, "layer": layer, "ax": ax}
        return cls.from_hidden(hidden, y, **how)

    @classmethod
    def from_hidden(cls, hidden, y, *, wrong=None, layer=None, ax=None):
        """Draw numbers of a hidden layer.

        Parameters
        ----------
        hidden : array-like of shape (n_samples, n_units)
            Output of the layer; further axes are flattened.

        y : array-like of shape (n_samples,)
            Classes.

        wrong : ndarray of bool of shape (n_samples,), default=None
            Samples to be ringed.

        layer : str, default=None
            Name of the layer for the title.

        ax : Axes, default=None
            None makes a figure.

        Returns
        -------
        display : EmbeddingDisplay
        """
        hidden = np.asarray(hidden, dtype=np.float64)
        if len(hidden) < 2:
            raise ValueError(f"`X` must have at least 2 rows. Got {len(hidden)}.")
        hidden = hidden.reshape(len(hidden), -1)
        n_components = min(2, *hidden.shape)
        pca = PCA(n_components, random_state=0).fit(hidden)
        points, explained = pca.transform(hidden), pca.explained_variance_ratio_
        missing = 2 - n_components
        return cls(
            np.pad(points, ((0, 0), (0, missing))),
            y,
            explained=np.pad(explained, (0, missing)),
            wrong=wrong,
            layer=layer,
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the samples.

        Parameters
        ----------
        ax : Axes, default=None
            None makes a figure.

        Returns
        -------
        self : EmbeddingDisplay
        """
        panels = Panels(ax, 1, (6.0, 4.6), 1)
        (panel,) = panels.axes
        y = np.asarray(self.y)
        classes = np.unique(y)
        size = np.clip(12000 / len(y), 10, 45)
        for i, label in enumerate(classes):
            panel.scatter(
                *self.points[y == label].T,
                s=size,
                color=QUALITATIVE[i % len(QUALITATIVE)],
                marker=MARKERS[i % len(MARKERS)],
                linewidths=0,
                alpha=0.7,
                label=str(label),
            )
        if self.wrong is not None and np.any(self.wrong):
            ring = {"facecolors": "none", "edgecolors": "black", "linewidths": 1}
            ringed = self.points[self.wrong].T
            panel.scatter(*ringed, s=3 * size + 20, label="wrong", **ring)
        xlabel, ylabel = (
            f"component {i}: {share:.0%} of the variance"
            for i, share in enumerate(self.explained, start=1)
        )
        title = "Hidden representation"
        if self.layer is not None:
            title += f", layer {self.layer!r}"
        panel.set(xlabel=xlabel, ylabel=ylabel, title=title)
        tidy(panel)
        panel.legend(
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
            frameon=False,
            fontsize=SMALL,
            ncols=-(-len(classes) // _LEGEND_ROWS),
        )
        self.ax_, self.figure_ = panel, panels.figure
        return self


def _last_hidden(module):
    """Name of the last layer but one."""
    return [name for name, _ in modules_of(module)[0].named_children()][-2]


def _as_classes(y, classes):
    """One label for each sample, though it may have many."""
    y = np.asarray(y)
    if y.ndim == 1:
        return y
    return np.array([" + ".join(map(str, classes[row > 0])) or "none" for row in y])
