"""Shapley values of logits, from gradients or through shap."""

import numpy as np
import torch
from sklearn.utils import check_random_state

from skdeep.inspection._extras import extra
from skdeep.inspection._masker import NDMasker
from skdeep.inspection._subject import Subject

METHODS = ("gradients", "exact", "permutation")
_MOST_EXACT = 16
# Where 16 to 400 points per sample came closest to the true values, on dense,
# convolutional and recurrent nets.
_POINTS_ON_LINES = 100.0


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
        - "gradients": expected gradients (Erion et al., 2021) at evenly spaced points
          of the lines from different background samples, scaled to add up. The more
          points there are, the further they leave the lines towards coalitions, in
          which each feature is that of one sample or the other. It approximates
          Shapley values, and takes no longer for more features.
        - "exact": all coalitions, through shap; for at most 16 features.
        - "permutation": random orders of the features, through shap.

    n_samples : int or "auto", default="auto"
        Points for each sample ("gradients"), or orders of the features, each taken
        forward and backward ("permutation"). "auto" is 10 for tables, and 32 for images
        and sequences; images are worth hundreds where time allows.

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
    if n_samples == "auto":
        n_samples = 10 if subject.net._input_format.table else 32
    codes = None if target is None else subject.codes(target)
    random_state = check_random_state(random_state)
    flat_background = subject.flatten(background)
    base_values = subject.decide(flat_background).mean(0)
    if method == "gradients":
        gap = subject.decide(subject.flat) - base_values
        values = _expected_gradients(
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


def _expected_gradients(subject, flat_background, codes, gap, n_points, random_state):
    """Values of shape (n_samples, n_features, n_outputs), or 1 output for `codes`."""
    asked = np.arange(len(subject.net.classes_))
    if codes is not None:
        outputs = [codes]
    else:
        asked = asked[1:] if subject.is_pair else asked
        outputs = [np.full(subject.n_samples, code) for code in asked]
    lines = _Lines(subject, flat_background, np.unique(outputs), n_points)
    rows = subject.tensors(subject.flat)
    values = np.zeros((*subject.flat.shape, len(outputs)))
    for part in subject.chunks(n_points):
        x = rows.take(part)
        wanted = [torch.from_numpy(output[part]) for output in outputs]
        for k, products in enumerate(lines.follow(x, wanted, random_state)):
            values[part, :, k] = subject.collect(products)
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
    """Gradients near the lines from all background samples to each sample.

    Those at both ends of all lines are known or cost a single pass. If gradients
    changed evenly on the way, that would be the answer: only how far those at a few
    points near a few lines differ from it is left to chance (a control variate).
    """

    def __init__(self, subject, flat_background, classes, n_points):
        self.subject, self.net = subject, subject.lighter()
        background = subject.tensors(flat_background).take(slice(None))
        self.starts, present = self._enter(background)
        self.n_starts, self.n_points = len(background), n_points
        self.place = {int(code): i for i, code in enumerate(classes)}
        wanted = [torch.full((self.n_starts,), code) for code in self.place]
        by_class = zip(*self.net.gradients(self.starts, present, wanted), strict=True)
        self.ends = [
            _Starts(start.flatten(1), torch.stack(of_z).flatten(2))
            for start, of_z in zip(self.starts, by_class, strict=True)
        ]

    def _enter(self, x):
        encoded, present = self.subject.enter(x)
        return tuple(z.float() for z in encoded), present

    def follow(self, x, wanted, random_state):
        """Yield values of the shapes of what the net reads, for each of `wanted`."""
        chosen = _choose(self.n_starts, len(x), self.n_points, random_state)
        generator = torch.Generator().manual_seed(random_state.randint(2**31 - 1))
        alpha = (torch.arange(self.n_points) + 0.5) / self.n_points
        weights = _weights(chosen, alpha, self.n_starts)
        z, present = self._enter(x)
        changes = [
            end[:, None] - start[chosen]
            for end, start in zip(z, self.starts, strict=True)
        ]
        points = [
            (end[:, None] - _share_left(alpha, change, generator) * change)
            for end, change in zip(z, changes, strict=True)
        ]
        points = [part.flatten(0, 1) for part in points]
        masks = [mask.repeat_interleave(self.n_points, 0) for mask in present]
        repeated = [codes.repeat_interleave(self.n_points) for codes in wanted]
        at_points = self.net.gradients(points, masks, repeated)
        at_ends = self.net.gradients(z, present, wanted)
        for codes, of_points, of_ends in zip(wanted, at_points, at_ends, strict=True):
            places = torch.tensor([self.place[int(code)] for code in codes])
            values = []
            for change, of_point, starts, end, of_end in zip(
                changes, of_points, self.ends, z, of_ends, strict=True
            ):
                sampled = (of_point.view_as(change) * change).mean(1)
                known = starts.even(places, weights, end.flatten(1), of_end.flatten(1))
                values.append(sampled + known.view_as(sampled))
            for mask in present:
                values = [torch.where(mask, part, 0.0) for part in values]
            yield values


class _Starts:
    """Background samples as a layer reads them, (n, n_values), and gradients there.

    Parameters
    ----------
    values : Tensor of shape (n_starts, n_values)

    slopes : Tensor of shape (n_classes, n_starts, n_values)
    """

    def __init__(self, values, slopes):
        self.values, self.slopes, self.moments = values, slopes, slopes * values

    def even(self, places, weights, end, of_end):
        """Sum of weights, gradients at both ends of lines, and changes along these."""
        at_start, at_end = weights
        even = of_end * (end * at_end.sum(1, keepdim=True) - at_end @ self.values)
        for place in places.unique():
            rows = places == place
            w = at_start[rows]
            even[rows] += end[rows] * (w @ self.slopes[place]) - w @ self.moments[place]
        return even


def _weights(chosen, alpha, n_starts):
    """What each line counts at its start and its end: all alike, less its own points.

    Returns
    -------
    at_start, at_end : Tensor of shape (n_samples, n_starts)
    """
    pair = []
    for share in (1.0 - alpha, alpha):
        weights = torch.full((len(chosen), n_starts), 0.5 / n_starts)
        own = (-share / len(alpha)).expand(chosen.shape)
        pair.append(weights.scatter_add_(1, chosen, own))
    return pair


def _share_left(alpha, change, generator):
    """How much of each change is still to come, 1 - `alpha` in the mean.

    Shapley values are about coalitions, the corners of the box between both ends of a
    line. To draw all points there takes many of them; on the line, few do.
    """
    n_points = len(alpha)
    to_corners = (1.0 + _POINTS_ON_LINES / n_points) ** -0.5
    left = 1.0 - _along(alpha, change)
    corners = torch.rand(change.shape, generator=generator) < left
    return torch.lerp(left, corners.float(), to_corners)


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
