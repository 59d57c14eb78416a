"""Class activation maps as pictures."""

import numpy as np

from skdeep.inspection._displays.attribution import AttributionDisplay
from skdeep.inspection._displays.colours import positive_colours
from skdeep.inspection._grad_cam import grad_cam


class GradCAMDisplay(AttributionDisplay):
    """Where a convolutional net finds what speaks for a class.

    Each image beside the map over the faded image, or each channel of a series over the
    map. All panels share one scale that begins at zero.

    Parameters
    ----------
    explanation : Bunch
        What :func:`grad_cam` returned.

    y_true, y_pred : array-like of shape (n_samples,), default=None
        Classes for the titles.

    feature_names : array-like of str, default=None
        Names of the channels of a series.

    Attributes
    ----------
    axes_ : ndarray of Axes of shape (n_samples,)

    figure_ : Figure
    """

    _make_colours = staticmethod(positive_colours)
    # The map has no channels: it is the same for all.
    _over_channels = staticmethod(np.mean)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        target=None,
        feature_names=None,
        ax=None,
        **options,
    ):
        """Explain samples and draw what comes out.

        Parameters
        ----------
        estimator : estimator
            A fitted net with convolutions, or a Pipeline that ends in one.

        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples to explain.

        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            True classes, for the titles.

        target : label or array-like of shape (n_samples,), default=None
            The class to explain; None is the predicted one.

        feature_names, ax
            As in :meth:`from_attributions`.

        **options
            Passed to :func:`grad_cam`.

        Returns
        -------
        display : GradCAMDisplay
        """
        explanation = grad_cam(estimator, X, target=target, **options)
        how = {"feature_names": feature_names, "ax": ax}
        return cls._from_explained(explanation, estimator, X, y, **how)

    def plot(self, ax=None):
        """Draw a panel for each sample.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            One for each sample; None makes a figure.

        Returns
        -------
        self : GradCAMDisplay
        """
        return self._plot(ax)
