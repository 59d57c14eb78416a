"""Integrated gradients: what the output owes to each value of the input."""

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from skdeep.inspection._baselines import baseline_rows
from skdeep.inspection._extras import extra
from skdeep.inspection._subject import Subject

# Where "auto" begins and ends, and the gap that it goes on above.
_FEWEST_STEPS, _MOST_STEPS = 16, 1024
_TOLERANCE = 0.05


def integrated_gradients(estimator, X, *, target=None, baseline="mean", n_steps="auto"):
    """Divide the difference between two outputs among the values of the input.

    The output is followed along the straight line from a baseline to the input, and
    each value gets the sum of its slopes times its change. So attributions add up to
    the difference of the output, but for the error of a sum of few steps.

    The line is one of standardized numbers, of what ``numerical_embedding`` and
    categories become, and of the vectors of tokens: of what the layers with weights
    see.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted classifier of skdeep, or a Pipeline that ends in one.

    X : array-like or data frame of shape (n_samples, ...)
        Input to explain.

    target : label, array-like of shape (n_samples,) or None, default=None
        Class whose logit is explained, for all samples or for each; of two classes,
        the logit less that of the other. None is the class that is predicted.

    baseline : {"mean", "zero"} or array-like of shape (n_rows, ...), default="mean"
        What to compare with: the mean of the training data (the median with
        ``standardize="robust"``), which a net knows of each column or channel unless
        ``standardize=False``; zero, which is what the net gets, after the steps of a
        Pipeline; or rows like those of X, over which attributions are averaged.
        In the first two, categories are missing and tokens unknown.

    n_steps : int or "auto", default="auto"
        Points of each line. "auto" doubles them until the gaps are at most 5 % of the
        differences, on average.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        attributions : ndarray of the shape of X
            Of tokens one number each, of categories one for each column.

        base_values : ndarray of shape (n_samples,)
            Output of the baseline.

        convergence_delta : ndarray of shape (n_samples,)
            Sum of the attributions, less the difference of the outputs.

        n_steps : int
            Points of each line.

        target, method, X, input_shape, channels, feature_names, space
            As in :func:`saliency_maps`.

    See Also
    --------
    shap_values : The mean over lines from many baselines, in less time.

    References
    ----------
    Sundararajan, Taly and Yan (2017). Axiomatic attribution for deep networks. ICML.

    Sturmfels, Lundberg and Lee (2020). Visualizing the impact of feature attribution
    baselines. Distill.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import DeepMLPClassifier
    >>> from skdeep.inspection import integrated_gradients
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = DeepMLPClassifier((16,), max_iter=20, random_state=0).fit(X, y)
    >>> result = integrated_gradients(clf, X)
    >>> result.attributions.shape
    (150, 4)
    >>> bool(abs(result.convergence_delta).mean() < 0.1)
    True
    """
    captum = extra("captum.attr")
    subject = Subject(estimator, X)
    codes = subject.codes(target)
    lines = _Lines(subject, codes, baseline_rows(subject, baseline), captum)
    n_points = _FEWEST_STEPS if n_steps == "auto" else n_steps
    flat, base, delta = lines.follow(n_points)
    while n_steps == "auto" and _mean_gap(flat, delta) > _TOLERANCE:
        if n_points >= _MOST_STEPS:
            warnings.warn(
                f"Attributions miss {_mean_gap(flat, delta):.0%} of the difference of "
                f"the outputs even with {n_points} steps; see convergence_delta.",
                ConvergenceWarning,
                stacklevel=2,
            )
            break
        n_points *= 2
        flat, base, delta = lines.follow(n_points)
    return subject.result(
        "integrated_gradients",
        flat,
        codes,
        base_values=base,
        convergence_delta=delta,
        n_steps=n_points,
    )


def _mean_gap(flat, delta):
    """Mean gap, as a share of the mean difference of the outputs."""
    difference = np.abs(flat.sum(1) - delta).mean()
    return np.abs(delta).mean() / max(difference, np.finfo(float).tiny)


class _Lines:
    """From each row of a baseline to each row of a subject."""

    def __init__(self, subject, codes, baseline, captum):
        self.subject, self.codes = subject, codes
        self.explainer = captum.IntegratedGradients(subject.read)
        self.starts, _ = subject.enter(baseline)
        self.n_starts = len(baseline)
        rows = np.arange(subject.n_samples)
        self.outputs = subject.decide(subject.flat)[rows, codes]

    def follow(self, n_steps):
        """Attributions, outputs of the baseline, and gaps."""
        subject = self.subject
        flat, base = np.zeros(subject.flat.shape), np.zeros(subject.n_samples)
        rows = subject.tensors(subject.flat)
        for part in subject.chunks(n_steps):
            encoded, present = subject.enter(rows.take(part))
            codes = torch.from_numpy(self.codes[part])
            for k in range(self.n_starts):
                pairs = zip(self.starts, encoded, strict=True)
                start = tuple(z[k].expand_as(end) for z, end in pairs)
                flat[part] += subject.collect(
                    self.explainer.attribute(
                        encoded,
                        start,
                        target=codes,
                        additional_forward_args=present or None,
                        n_steps=n_steps,
                    )
                )
                with torch.no_grad():
                    outputs = subject.read(*start, *present).gather(1, codes[:, None])
                base[part] += outputs[:, 0].double().numpy()
        flat /= self.n_starts
        base /= self.n_starts
        return flat, base, flat.sum(1) - (self.outputs - base)
