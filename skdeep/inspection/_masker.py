"""A masker for shap's explainers, for samples of any shape."""

import numpy as np


class NDMasker:
    """Hide values, or groups of them, behind those of background samples.

    A masker for ``shap.Explainer`` and the like, which have none for samples of more
    than one axis: pass it as `masker`, beside a method of the estimator.

    Parameters
    ----------
    background : array-like of shape (n_background, ...)
        Samples whose values take the place of hidden ones.

    groups : array-like of int of the shape of a sample, or None, default=None
        Values of one number are hidden together, such as those of a time step; None
        hides each one by itself.

    Attributes
    ----------
    shape : tuple of int
        Samples of the background, and number of groups.

    References
    ----------
    Lundberg and Lee (2017). A unified approach to interpreting model predictions.
    NeurIPS.

    Examples
    --------
    Shapley values of the eight rows of a digit, as time steps:

    >>> import numpy as np
    >>> import shap
    >>> from sklearn.datasets import load_digits
    >>> from skdeep import DeepRNNClassifier
    >>> from skdeep.inspection import NDMasker
    >>> X, y = load_digits(n_class=3, return_X_y=True)
    >>> X = X.reshape(-1, 8, 8)
    >>> clf = DeepRNNClassifier(
    ...     architecture="recurrent", hidden_size=8, max_iter=3, random_state=0
    ... ).fit(X, y)
    >>> steps = np.arange(8)[:, np.newaxis].repeat(8, axis=1)
    >>> masker = NDMasker(X[::50], groups=steps)
    >>> explainer = shap.explainers.Exact(clf.decision_function, masker)
    >>> explainer(X[:2], silent=True).shape
    (2, 8, 3)
    """

    # shap need not copy what a call returns.
    immutable_outputs = True

    def __init__(self, background, groups=None):
        self.background = np.asarray(background)
        sample = self.background.shape[1:]
        if groups is None:
            groups = np.arange(self.background[0].size).reshape(sample)
        groups = np.asarray(groups)
        if groups.shape != sample:
            raise ValueError(
                f"`groups` must have the shape of a sample, {sample}. "
                f"Got {groups.shape}."
            )
        self.group_names, inverse = np.unique(groups, return_inverse=True)
        self.groups = inverse.reshape(sample)
        self.shape = (len(self.background), len(self.group_names))

    def __call__(self, mask, x):
        """Samples of the background, with the values of `x` where `mask` is True."""
        mask = np.broadcast_to(mask, self.shape[1:])
        return (np.where(mask[self.groups], x, self.background),)

    def invariants(self, x):
        """Which groups each sample of the background has in common with `x`."""
        x, background = np.asarray(x), self.background
        same = (background == x) | ((background != background) & (x != x))
        order = np.argsort(self.groups, axis=None, kind="stable")
        first = np.searchsorted(self.groups.ravel()[order], np.arange(self.shape[1]))
        flat = same.reshape(len(same), -1)[:, order]
        return np.logical_and.reduceat(flat, first, axis=1)

    def mask_shapes(self, x):
        """Shape of the mask of `x`."""
        return [self.shape[1:]]

    def feature_names(self, x):
        """Names of the groups."""
        return [[f"Feature {name}" for name in self.group_names]]
