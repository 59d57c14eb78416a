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
    n_samples=16,
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

    n_samples : int, default=16
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
    asked = np.arange(len(subject.net.classes_))
    if codes is not None:
        outputs = [codes]
    else:
        asked = asked[1:] if subject.is_pair else asked
        outputs = [np.full(subject.n_samples, code) for code in asked]
    lines = _Lines(subject, flat_background, np.unique(outputs))
    rows = subject.tensors(subject.flat)
    values = np.zeros((*subject.flat.shape, len(outputs)))
    for part in subject.chunks(n_points):
        x = rows.take(part)
        chosen = _choose(lines.n_starts, len(x), n_points, random_state)
        wanted = [torch.from_numpy(output[part]) for output in outputs]
        for k, products in enumerate(lines.follow(x, chosen, wanted)):
            values[part, :, k] = subject.collect(products)
    gap = subject.decide(subject.flat) - subject.decide(flat_background).mean(0)
    rows = np.arange(subject.n_samples)
    for k, output in enumerate(outputs):
        _add_up(values[:, :, k], gap[rows, output])
    if codes is None and subject.is_pair:
        values = np.concatenate([-values, values], axis=2)
    return values


def _add_up(values, differences):
    """Share out, in place, what is missing: in proportion to the size of the values."""
    sizes = np.abs(values)
    shares = sizes / np.maximum(sizes.sum(1, keepdims=True), np.finfo(float).tiny)
    values += shares * (differences - values.sum(1))[:, None]


class _Lines:
    """Gradients on the lines from all background samples to each sample.

    Those at both ends of all lines are known or cost a single pass. If gradients
    changed evenly on the way, that would be the answer: only how far those at a few
    points on a few lines differ from it is left to chance (a control variate).
    """

    def __init__(self, subject, flat_background, classes):
        self.subject = subject
        background = subject.tensors(flat_background).take(slice(None))
        self.starts, present = subject.enter(background)
        self.n_starts = len(background)
        self.place = {int(code): i for i, code in enumerate(classes)}
        wanted = [torch.full((self.n_starts,), code) for code in self.place]
        by_class = list(subject.gradients(self.starts, present, wanted))
        self.slopes = [torch.stack(of_z) for of_z in zip(*by_class, strict=True)]

    def follow(self, x, chosen, wanted):
        """Yield values of the shapes of what the net reads, for each of `wanted`."""
        subject, n_points = self.subject, chosen.shape[1]
        ends, present = subject.enter(x)
        alpha = (torch.arange(n_points, dtype=subject.module.dtype) + 0.5) / n_points
        changes = [
            end[:, None] - start[chosen]
            for end, start in zip(ends, self.starts, strict=True)
        ]
        points = [
            (end[:, None] - _along(1.0 - alpha, change) * change).flatten(0, 1)
            for end, change in zip(ends, changes, strict=True)
        ]
        masks = [mask.repeat_interleave(n_points, 0) for mask in present]
        repeated = [codes.repeat_interleave(n_points) for codes in wanted]
        at_points = subject.gradients(points, masks, repeated)
        at_ends = subject.gradients(ends, present, wanted)
        for codes, of_points, of_ends in zip(wanted, at_points, at_ends, strict=True):
            places = torch.tensor([self.place[int(code)] for code in codes])
            yield tuple(
                self._products(places, chosen, alpha, present, *parts)
                for parts in zip(
                    ends,
                    changes,
                    of_points,
                    of_ends,
                    self.starts,
                    self.slopes,
                    strict=True,
                )
            )

    def _products(
        self,
        places,
        chosen,
        alpha,
        present,
        end,
        change,
        of_points,
        of_end,
        start,
        slopes,
    ):
        of_points = of_points.view_as(change)
        of_start = slopes[places[:, None], chosen]
        share = _along(alpha, change)
        even = of_start + share * (of_end[:, None] - of_start)
        sampled = ((of_points - even) * change).mean(1)
        mean, moment = slopes.mean(1)[places], (slopes * start).mean(1)[places]
        known = (end * mean - moment + (end - start.mean(0)) * of_end) / 2.0
        values = known + sampled
        for mask in present:
            values = torch.where(mask, values, 0.0)
        return values


def _along(alpha, like):
    """Shape points on lines like something of the shape (n_samples, n_points, ...)."""
    return alpha.reshape(1, -1, *[1] * (like.ndim - 2))


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
