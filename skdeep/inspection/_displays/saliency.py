"""Signed attributions as pictures."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from skdeep.inspection._displays.attribution import AttributionDisplay
from skdeep.inspection._displays.colours import signed_colours
from skdeep.inspection._integrated_gradients import integrated_gradients
from skdeep.inspection._layout import axis_names
from skdeep.inspection._occlusion import occlusion
from skdeep.inspection._saliency import saliency_maps
from skdeep.inspection._subject import take_apart

_METHODS = {
    "saliency": saliency_maps,
    "integrated_gradients": integrated_gradients,
    "occlusion": occlusion,
}


class SaliencyDisplay(AttributionDisplay):
    """Which parts of the input speak for a class, and which against it.

    Red speaks for the explained class, blue against it; white says nothing. All panels
    share one scale. Drawn are

    - images beside the map over the faded image; of several channels the sum,
    - series as a trace for each channel or feature, over a strip of the map,
    - texts as words on coloured paper,
    - rows of tables as bars of the features that weigh most.

    Parameters
    ----------
    explanation : Bunch
        What :func:`saliency_maps`, :func:`integrated_gradients` or :func:`occlusion`
        returned.

    y_true, y_pred : array-like of shape (n_samples,), default=None
        Classes for the titles.

    feature_names : array-like of str, default=None
        Of the columns of a table, or of the channels or features of a series; None
        takes those of `explanation`.

    words : list of lists of str, default=None
        The tokens of each text; None shows their codes.

    Attributes
    ----------
    axes_ : ndarray of Axes of shape (n_samples,)

    figure_ : Figure

    See Also
    --------
    GradCAMDisplay : Where a convolutional net finds what speaks for a class.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from skdeep import DeepCNNClassifier
    >>> from skdeep.inspection import SaliencyDisplay
    >>> X, y = load_digits(n_class=3, return_X_y=True)
    >>> cnn = DeepCNNClassifier(input_shape=(1, 8, 8), n_filters=(4,), max_iter=2)
    >>> SaliencyDisplay.from_estimator(cnn.fit(X, y), X[:3], y[:3])
    <...>
    >>> plt.show()
    """

    _make_colours = staticmethod(signed_colours)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        method="saliency",
        target=None,
        feature_names=None,
        words=None,
        ax=None,
        max_features=8,
        **options,
    ):
        """Explain samples and draw what comes out.

        Parameters
        ----------
        estimator : estimator
            A fitted net, or a Pipeline that ends in one.

        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples to explain.

        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            True classes, for the titles.

        method : {"saliency", "integrated_gradients", "occlusion"}, default="saliency"
            What explains them: :func:`saliency_maps`, :func:`integrated_gradients` or
            :func:`occlusion`.

        target : label or array-like of shape (n_samples,), default=None
            The class to explain; None is the predicted one.

        feature_names, words, ax, max_features
            As in :meth:`from_attributions` and :meth:`plot`.

        **options
            Passed to the function that explains.

        Returns
        -------
        display : SaliencyDisplay
        """
        if method not in _METHODS:
            raise ValueError(f"`method` must be one of {[*_METHODS]}. Got {method!r}.")
        explanation = _METHODS[method](estimator, X, target=target, **options)
        return cls._from_explained(
            explanation,
            estimator,
            X,
            y,
            feature_names=feature_names,
            words=_words_of(estimator, explanation) if words is None else words,
            ax=ax,
            max_features=max_features,
        )

    @classmethod
    def from_values(
        cls, estimator, X, values, y=None, *, target=None, label, **drawing_options
    ):
        """Draw numbers that something else computed, such as shap or lime.

        Parameters
        ----------
        estimator : estimator
            The net, or a Pipeline that ends in it; it tells how samples are folded.

        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Explained samples, as the net takes them.

        values : array-like of the shape of X
            A signed number for each value.

        y : array-like of shape (n_samples,), default=None
            True classes, for the titles.

        target : label or array-like of shape (n_samples,), default=None
            The explained class; None is the predicted one.

        label : str
            What the numbers are.

        **drawing_options
            `feature_names`, `words`, `ax` and `max_features`, as in
            :meth:`from_estimator`.

        Returns
        -------
        display : SaliencyDisplay
        """
        _, net = take_apart(estimator)
        target = net.predict(X) if target is None else target
        explanation = Bunch(
            attributions=np.asarray(values, dtype=np.float64),
            X=X,
            target=np.broadcast_to(target, len(X)),
            method=label,
            axes=axis_names(net),
            shape=net._fold.shape,
            feature_names=getattr(net, "feature_names_in_", None),
            space="input",
        )
        return cls._from_explained(explanation, net, X, y, **drawing_options)

    def plot(self, ax=None, *, max_features=8):
        """Draw a panel for each sample.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            One for each sample; None makes a figure.

        max_features : int, default=8
            Most bars for a row of a table.

        Returns
        -------
        self : SaliencyDisplay
        """
        return self._plot(ax, max_features)


def _words_of(estimator, explanation):
    """Tokens of each text, if a step of the pipeline knows them, else None."""
    if explanation.axes != ("step",) or not isinstance(estimator, Pipeline):
        return None
    vocabulary = getattr(estimator[-2], "vocabulary_", None)
    if vocabulary is None:
        return None
    tokens = {code: token for token, code in vocabulary.items()}
    # Zeros at the end are padding; what is unknown has no name.
    texts = (np.trim_zeros(row, "b") for row in explanation.X)
    return [[tokens.get(code, "?") for code in text] for text in texts]
