"""Shapley values of logits, from gradients or through shap."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from skdeep.inspection._expected_gradients import expected_gradients
from skdeep.inspection._extras import extra
from skdeep.inspection._masker import NDMasker
from skdeep.inspection._subject import Subject

METHODS = ("gradients", "exact", "permutation")
_MOST_EXACT = 16


def shap_values(
    estimator,
    X,
    background,
    *,
    target=None,
    method="gradients",
    n_samples="auto",
    random_state=None,
):
    """Shapley values of the logits, for shap's plots.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted classifier of skdeep, or a Pipeline that ends in one.

    X : array-like or data frame of shape (n_samples, ...)
        Input to explain.

    background : array-like or data frame of shape (n_background, ...)
        Typical input, such as 100 training samples. Hidden values become theirs, and
        the mean of their outputs is the base value.

    target : label, array-like of shape (n_samples,) or None, default=None
        Class whose logit is explained, for all samples or for each; of two classes,
        the logit less that of the other. None explains all classes, each in a slice of
        its own.

    method : {"gradients", "exact", "permutation"}, default="gradients"
        - "gradients": expected gradients (Erion et al., 2021) near the lines from
          different background samples, scaled to add up. At each point a random half
          of the features is that of one sample or the other, as in a coalition, and
          half is anywhere between; where there are few points, they stay nearer to the
          lines. It approximates Shapley values, and takes no longer for more features.
        - "exact": all coalitions, through shap; for at most 16 features.
        - "permutation": random orders of the features, through shap.

    n_samples : int or "auto", default="auto"
        Points for each sample ("gradients"), or orders of the features, each taken
        forward and backward ("permutation"). "auto" is 10 for tables, and 110 for
        images and sequences.

    random_state : int, RandomState instance or None, default=None
        Draws background samples and orders.

    Returns
    -------
    explanation : shap.Explanation
        `values` of the shape of X and, without a `target`, one more axis for the
        classes: ``explanation[:, :, "label"]`` is a slice. `base_values`, `data`,
        `feature_names` and `output_names` are set.

    See Also
    --------
    NDMasker : For explainers of shap, on groups of features.
    integrated_gradients : From one baseline.

    References
    ----------
    Lundberg and Lee (2017). A unified approach to interpreting model predictions.
    NeurIPS.

    Erion, Janizek, Sturmfels, Lundberg and Lee (2021). Improving performance of deep
    learning models with axiomatic attribution priors and expected gradients. Nature
    Machine Intelligence 3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import DeepMLPClassifier
    >>> from skdeep.inspection import shap_values
    >>> iris = load_iris()
    >>> X, y = iris.data, iris.target_names[iris.target]
    >>> clf = DeepMLPClassifier((16,), max_iter=20, random_state=0).fit(X, y)
    >>> explanation = shap_values(clf, X, X[::5], random_state=0)
    >>> explanation.shape
    (150, 4, 3)
    >>> explanation[:, :, "setosa"].shape
    (150, 4)
    """
    shap = extra("shap")
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {METHODS}. Got {method!r}.")
    if n_samples != "auto" and not (isinstance(n_samples, Integral) and n_samples > 0):
        raise ValueError(
            f"`n_samples` must be a positive integer or 'auto'. Got {n_samples!r}."
        )
    subject = Subject(estimator, X)
    if n_samples == "auto":
        n_samples = 10 if subject.net._input_format.table else 110
    codes = None if target is None else subject.codes(target)
    random_state = check_random_state(random_state)
    flat_background = subject.flatten(background)
    base_values = subject.decide(flat_background).mean(0)
    if method == "gradients":
        gap = subject.decide(subject.flat) - base_values
        values = expected_gradients(
            subject, flat_background, codes, gap, n_samples, random_state
        )
    else:
        values = _through_shap(
            shap, subject, flat_background, codes, method, n_samples, random_state
        )
    base_values = np.tile(base_values, (len(values), 1))
    names = subject.net.output_names
    if codes is not None:
        base_values = base_values[np.arange(len(codes)), codes]
        names = names[codes[0]] if (codes == codes[0]).all() else None
        values = values[:, :, 0]
    return _explanation(shap, subject, values, base_values, names)


def _explanation(shap, subject, values, base_values, output_names):
    if values.ndim == 2:
        values = subject.place(values)
    else:
        classes = [subject.place(part) for part in np.moveaxis(values, 2, 0)]
        values = np.stack(classes, axis=-1)
    data, names = subject.X, subject.feature_names
    data = data.toarray() if hasattr(data, "toarray") else np.asarray(data)
    if names is None and data.ndim == 2:
        names = [f"Feature {j}" for j in range(data.shape[1])]
    return shap.Explanation(
        values,
        base_values=base_values,
        data=data,
        feature_names=None if names is None else list(names),
        output_names=output_names,
    )


def _through_shap(
    shap, subject, flat_background, codes, method, n_orders, random_state
):
    """As ``expected_gradients``, by calls of the net."""
    flat, background = (
        part.toarray() if hasattr(part, "toarray") else np.asarray(part)
        for part in (subject.flat, flat_background)
    )
    n_features = flat.shape[1]
    masker = NDMasker(background)
    if method == "exact":
        if n_features > _MOST_EXACT:
            raise ValueError(
                f"`method` must be 'gradients' or 'permutation' for more than "
                f"{_MOST_EXACT} features. Got 'exact' for {n_features}."
            )
        explainer = shap.explainers.Exact(subject.decide, masker)
        options = {"max_evals": 2**n_features}
    else:
        seed = random_state.randint(2**31 - 1)
        explainer = shap.explainers.Permutation(subject.decide, masker, seed=seed)
        options = {"max_evals": (2 * n_features + 1) * n_orders}
    values = explainer(flat, silent=True, **options).values
    if codes is None:
        return values
    return np.take_along_axis(values, codes[:, None, None], axis=2)
