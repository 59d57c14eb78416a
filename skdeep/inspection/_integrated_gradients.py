"""Integrated gradients: what the output owes to each value of the input."""

import warnings
from typing import NamedTuple

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import gen_batches

from skdeep.inspection._baselines import baseline_rows
from skdeep.inspection._extras import extra
from skdeep.inspection._subject import Subject

# Points of a line, and of each of its parts, with "auto".
_FEWEST_STEPS = 16
# The gap above which lines are cut, and into how many parts.
_TOLERANCE = 0.05
_MOST_PARTS = 64
# Differences of outputs that may be rounding.
_NOISE = 1e-6


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
        Points of each line. "auto" takes 16 and halves the lines that need more, again
        and again where the output jumps, until the gaps are at most 5 % of the
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
            Points of each line, or of the one that has most.

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
    n_points = _FEWEST_STEPS if n_steps == "auto" else n_steps
    lines = _Lines(subject, codes, baseline_rows(subject, baseline), captum, n_points)
    flat, base = lines.follow()
    differences = lines.outputs - base
    delta = flat.sum(1) - differences
    most = _TOLERANCE * np.abs(differences).mean()
    most = max(most, _NOISE * np.abs(lines.outputs).mean())
    if n_steps == "auto" and np.abs(delta).mean() > most:
        far = np.flatnonzero(np.abs(delta) > most)
        flat[far], n_points = lines.follow_closely(far, most)
        delta[far] = flat[far].sum(1) - differences[far]
        if np.abs(delta).mean() > most:
            missed = np.abs(delta).mean() / np.abs(differences).mean()
            warnings.warn(
                f"Attributions miss {missed:.0%} of the difference of the outputs even "
                f"with {n_points} steps; see convergence_delta.",
                ConvergenceWarning,
                stacklevel=2,
            )
    return subject.result(
        "integrated_gradients",
        flat,
        codes,
        base_values=base,
        convergence_delta=delta,
        n_steps=n_points,
    )


class _Points(NamedTuple):
    """Where lines begin, end or are cut.

    Attributes
    ----------
    encoded, present : tuple of Tensor
        As ``Subject.enter`` returns them.

    codes : Tensor of shape (n_points,)
        Which outputs are explained there.
    """

    encoded: tuple
    present: tuple
    codes: torch.Tensor

    def take(self, rows):
        """Some of the points."""
        parts = (tuple(z[rows] for z in part) for part in self[:2])
        return _Points(*parts, self.codes[rows])

    def halfway(self, others):
        """Points in the middle between these and others."""
        pairs = zip(self.encoded, others.encoded, strict=True)
        return self._replace(encoded=tuple((a + b) / 2 for a, b in pairs))

    def followed_by(self, others):
        """These points, then others."""
        parts = (
            tuple(map(torch.cat, zip(*parts, strict=True)))
            for parts in zip(self[:2], others[:2], strict=True)
        )
        return _Points(*parts, torch.cat([self.codes, others.codes]))


class _Lines:
    """From each row of a baseline to each row of a subject."""

    def __init__(self, subject, codes, baseline, captum, n_steps):
        self.subject, self.codes, self.n_steps = subject, codes, n_steps
        self.explainer = captum.IntegratedGradients(subject.read)
        self.starts, _ = subject.enter(baseline)
        self.n_starts = len(baseline)
        rows = np.arange(subject.n_samples)
        self.outputs = subject.decide(subject.flat)[rows, codes]
        self.rows = subject.tensors(subject.flat)

    def follow(self):
        """Attributions of all rows, and outputs of the baseline."""
        flat, base = np.zeros(self.subject.flat.shape), np.zeros(len(self.codes))
        for part in self.subject.chunks(self.n_steps):
            for starts, ends in self._ends(part):
                flat[part] += self._between(starts, ends)
                base[part] += self._outputs(starts)
        return flat / self.n_starts, base / self.n_starts

    def follow_closely(self, rows, most):
        """Attributions of some rows whose lines are cut until they add up.

        Parameters
        ----------
        rows : ndarray of int

        most : float
            Largest gap of a line.

        Returns
        -------
        flat : ndarray of shape (len(rows), n_features)

        n_points : int
            Of the line that took most.
        """
        flat, n_parts = np.zeros((len(rows), self.subject.flat.shape[1])), 1
        for part in self.subject.chunks(self.n_steps, len(rows)):
            for starts, ends in self._ends(rows[part]):
                attributions, n_own = self._halve(starts, ends, most)
                flat[part] += attributions
                n_parts = max(n_parts, n_own)
        return flat / self.n_starts, n_parts * self.n_steps

    def _halve(self, before, after, most):
        """Attributions of lines, in halves where those don't add up, and so on."""
        lines, least = np.arange(len(after.codes)), most / _MOST_PARTS
        n_at_once, n_parts = len(lines), np.ones(len(lines), dtype=int)
        flat = np.zeros((len(lines), self.subject.flat.shape[1]))
        while len(lines):
            values = np.concatenate(
                [
                    self._between(before.take(part), after.take(part))
                    for part in gen_batches(len(lines), n_at_once)
                ]
            )
            gaps = values.sum(1) - self._outputs(after) + self._outputs(before)
            far = (np.abs(gaps) > most) & (n_parts[lines] < _MOST_PARTS)
            np.add.at(flat, lines[~far], values[~far])
            lines, before, after = lines[far], before.take(far), after.take(far)
            np.add.at(n_parts, lines, 1)
            middle = before.halfway(after)
            before, after = before.followed_by(middle), middle.followed_by(after)
            # So the gaps of all parts add up to that of a line.
            lines, most = np.tile(lines, 2), max(most / 2, least)
        return flat, n_parts.max()

    def _ends(self, rows):
        """Yield both ends of the lines to some rows, for each start."""
        encoded, present = self.subject.enter(self.rows.take(rows))
        ends = _Points(encoded, present, torch.from_numpy(self.codes[rows]))
        for k in range(self.n_starts):
            pairs = zip(self.starts, encoded, strict=True)
            starts = tuple(z[k].expand_as(end) for z, end in pairs)
            yield ends._replace(encoded=starts), ends

    def _between(self, before, after):
        """Attributions, (n_points, n_features), of the way from one to the other."""
        return self.subject.collect(
            self.explainer.attribute(
                after.encoded,
                before.encoded,
                target=after.codes,
                additional_forward_args=after.present or None,
                n_steps=self.n_steps,
            )
        )

    @torch.no_grad()
    def _outputs(self, points):
        outputs = self.subject.read(*points.encoded, *points.present)
        return outputs.gather(1, points.codes[:, None])[:, 0].double().numpy()
