"""Shapley values of logits, from gradients or through shap."""

import numpy as np
import torch
from sklearn.utils import check_random_state

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
    n_samples=32,
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
        - "gradients": expected gradients (Erion et al., 2021) at evenly spaced points
          of the lines from different background samples, scaled to add up. It
          approximates Shapley values, and takes no longer for more features.
        - "exact": all coalitions, through shap; for at most 16 features.
        - "permutation": random orders of the features, through shap.

    n_samples : int, default=32
        Points for each sample ("gradients"), or orders of the features, each taken
        forward and backward ("permutation").

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
    subject = Subject(estimator, X)
    codes = None if target is None else subject.codes(target)
    random_state = check_random_state(random_state)
    flat_background = subject.flatten(background)
    if method == "gradients":
        values = _expected_gradients(
            subject, flat_background, codes, n_samples, random_state
        )
    else:
        values = _through_shap(
            shap, subject, flat_background, codes, method, n_samples, random_state
        )
    base_values = np.tile(subject.decide(flat_background).mean(0), (len(values), 1))
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


def _expected_gradients(subject, flat_background, codes, n_points, random_state):
    """Values of shape (n_samples, n_features, n_outputs), or 1 output for `codes`."""
    starts, _ = subject.enter(subject.tensors(flat_background).take(slice(None)))
    n_starts, n_classes = len(starts[0]), len(subject.net.classes_)
    asked = np.arange(n_classes)
    if subject.is_pair:
        asked = asked[1:]
    rows = subject.tensors(subject.flat)
    n_outputs = len(asked) if codes is None else 1
    values = np.zeros((*subject.flat.shape, n_outputs))
    alpha = (torch.arange(n_points, dtype=subject.module.dtype) + 0.5) / n_points
    for part in subject.chunks(n_points):
        encoded, present = subject.enter(rows.take(part))
        chosen = _choose(n_starts, len(encoded[0]), n_points, random_state)
        points, changes = [], []
        for end, start in zip(encoded, starts, strict=True):
            change = end[:, None] - start[chosen]
            share = alpha.reshape(1, -1, *[1] * (end.ndim - 1))
            points.append((start[chosen] + share * change).flatten(0, 1))
            changes.append(change)
        masks = tuple(mask.repeat_interleave(n_points, 0) for mask in present)
        if codes is None:
            wanted = [torch.full((len(points[0]),), int(c)) for c in asked]
        else:
            of_part = torch.from_numpy(codes[part])
            wanted = [of_part.repeat_interleave(n_points)]
        for k, gradients in enumerate(subject.gradients(points, masks, wanted)):
            products = tuple(
                (g.view_as(change) * change).mean(1)
                for g, change in zip(gradients, changes, strict=True)
            )
            values[part, :, k] = subject.collect(products)
    if codes is None and subject.is_pair:
        values = np.concatenate([-values, values], axis=2)
    return values


def _choose(n_starts, n_rows, n_points, random_state):
    """Background samples for each row, none twice before all have had their turn."""
    turns = -(-n_points // n_starts)
    order = random_state.random_sample((turns, n_rows, n_starts)).argsort(2)
    order = np.concatenate(list(order), axis=1)[:, :n_points]
    return torch.from_numpy(order)


def _through_shap(
    shap, subject, flat_background, codes, method, n_orders, random_state
):
    """As ``_expected_gradients``, by calls of the net."""
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
