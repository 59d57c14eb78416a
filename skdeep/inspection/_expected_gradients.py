"""Shapley values from gradients near the lines that lead to background samples."""

import numpy as np
import torch

from skdeep.inspection._dense_lines import DenseLines

# Fewer points than these stay near the lines. Chosen on dense, convolutional and
# recurrent nets; anything from 10 to 60 does.
_FEW_POINTS = 30.0


def expected_gradients(subject, flat_background, codes, gap, n_points, random_state):
    """Expected gradients (Erion et al., 2021), near Shapley values with many points.

    Parameters
    ----------
    subject : Subject
        Of which nothing else can be asked afterwards.

    flat_background : ndarray or CSR of shape (n_background, n_features)

    codes : ndarray of int, (n_samples,), or None
        Class that is explained of each sample; None is all of them.

    gap : ndarray of shape (n_samples, n_classes)
        What the values have to add up to.

    n_points : int
        Gradients for each sample and class.

    random_state : RandomState

    Returns
    -------
    values : ndarray of shape (n_samples, n_features, n_outputs)
        One output for `codes`, or one for each class.
    """
    n_classes, n_rows = len(subject.net.classes_), subject.n_samples
    asked = np.arange(n_classes)[:, None] if codes is None else codes[None]
    # Of two classes, each is what the other isn't.
    outputs = np.ones((1, 1), dtype=int) if subject.is_pair else asked
    outputs = np.broadcast_to(outputs, (len(outputs), n_rows))
    # Rows take their starts in turn, so that each row gets different ones.
    order = random_state.permutation(flat_background.shape[0])
    background = subject.tensors(flat_background).take(order)
    alpha = (torch.arange(n_points) + 0.5) / n_points
    kind = DenseLines if DenseLines.suit(subject, len(order), n_points) else Lines
    lines = kind(subject, background, np.unique(outputs), alpha)
    rows = subject.tensors(subject.flat)
    values = np.zeros((*subject.flat.shape, len(outputs)))
    for part in subject.chunks(lines.copies):
        x = rows.take(part)
        left = _share_left(alpha, x.shape, random_state)
        wanted = [torch.tensor(output[part]) for output in outputs]
        found = lines.follow(x, left, part.start * n_points, wanted)
        values[part] = np.stack(list(found), axis=2)
    for k, output in enumerate(outputs):
        _add_up(values[:, :, k], gap[np.arange(n_rows), output])
    return values * (2 * asked.T - 1)[:, None] if subject.is_pair else values


def _add_up(values, differences):
    """Share out, in place, what is missing: in proportion to the size of the values."""
    sizes = np.abs(values)
    shares = sizes / np.maximum(sizes.sum(1, keepdims=True), np.finfo(float).tiny)
    values += shares * (differences - values.sum(1))[:, None]


class Lines:
    """Gradients near the lines from all background samples to each sample.

    Those at both ends of all lines are known or cost a single pass. If gradients
    changed evenly on the way, that would be the answer: only how far those at a few
    points near a few lines differ from it is left to chance (a control variate).
    """

    def __init__(self, subject, background, classes, alpha):
        subject.lighten()
        self.subject, self.alpha = subject, alpha
        self.n_starts, self.n_points = len(background), len(alpha)
        self.copies = self.n_points + 1
        z, present = self._enter(background)
        wanted = [torch.full((self.n_starts,), code) for code in classes]
        by_class = zip(*self.subject.gradients(z, present, wanted), strict=True)
        self.starts = [
            _Starts(start, dict(zip(classes.tolist(), slopes, strict=True)))
            for start, slopes in zip(z, by_class, strict=True)
        ]

    def _enter(self, x):
        encoded, present = self.subject.enter(x)
        return tuple(z.float() for z in encoded), present

    def follow(self, x, left, first, wanted):
        """Values of some rows.

        Parameters
        ----------
        x : Tensor of shape (n_samples, *module_shape)

        left : Tensor of shape (n_samples * n_points, *module_shape)
            How much of its change each value has still to come at each point.

        first : int
            How many starts other rows have taken.

        wanted : list of Tensor of int64, (n_samples,)
            Which classes are explained.

        Yields
        ------
        values : ndarray of shape (n_samples, n_features)
            For each one of `wanted`.
        """
        chosen = torch.arange(first, first + len(left)) % self.n_starts
        chosen = chosen.view(len(x), self.n_points)
        at_start, at_end = _weights(chosen, self.alpha, self.n_starts)
        z, present = self._enter(x)
        left = self.subject.spread(left)
        ways = [
            starts.ways(end, part, chosen, at_end)
            for starts, end, part in zip(self.starts, z, left, strict=True)
        ]
        totals = [
            [
                starts.known(codes, at_start, end)
                for starts, end in zip(self.starts, z, strict=True)
            ]
            for codes in wanted
        ]
        for piece in self._pieces(len(x)):
            self._add_products(ways, piece, present, wanted, totals)
        for sums in totals:
            for mask in present:
                sums = [torch.where(mask, part, 0.0) for part in sums]
            yield self.subject.collect(sums)

    def _add_products(self, ways, piece, present, wanted, totals):
        """Add gradients at some of the points, times the steps there."""
        points = [points[:, piece] for points, _ in ways]
        n_points = points[0].shape[1]
        by_class = self.subject.gradients(
            [part.flatten(0, 1) for part in points],
            [mask.repeat_interleave(n_points, 0) for mask in present],
            [codes.repeat_interleave(n_points) for codes in wanted],
        )
        for sums, gradients in zip(totals, by_class, strict=True):
            for total, gradient, (_, steps) in zip(sums, gradients, ways, strict=True):
                step = steps[:, piece]
                products = gradient.view_as(step) * step
                total.add_(products.sum(1), alpha=1.0 / self.n_points)

    def _pieces(self, n_rows):
        """Slices of the points of so many samples that fit into memory."""
        size = max(1, self.subject.n_at_once // n_rows)
        for start in range(0, self.n_points + 1, size):
            yield slice(start, start + size)


class _Starts:
    """Background samples as a layer reads them, and gradients there.

    Parameters
    ----------
    values : Tensor of shape (n_starts, ...)

    slopes : dict of int to Tensor of the shape of `values`
        Those of each class.
    """

    def __init__(self, values, slopes):
        self.values, self.slopes = values, slopes
        self.moments = {code: slope * values for code, slope in slopes.items()}

    def ways(self, end, left, chosen, weights):
        """Points near the lines to `end`, which comes last, and steps.

        Parameters
        ----------
        end : Tensor of shape (n_samples, ...)

        left : Tensor of shape (n_samples * n_points, ...)
            How much of the chosen lines is still to come.

        chosen : Tensor of int64, (n_samples, n_points)
            Where these start.

        weights : Tensor of shape (n_samples, n_starts)
            What the gradient at `end` counts for each of all lines.

        Returns
        -------
        points, steps : Tensor of shape (n_samples, n_points + 1, ...)
            The steps are `n_points` times as large as they count.
        """
        n_rows, n_points = chosen.shape
        shape = n_rows, n_points + 1, *end.shape[1:]
        points, steps = end.new_empty(shape), end.new_empty(shape)
        change, left = steps[:, :-1], left.view(n_rows, n_points, *left.shape[1:])
        torch.sub(end[:, None], self.values[chosen], out=change)
        torch.addcmul(end[:, None], left, change, value=-1.0, out=points[:, :-1])
        total = weights.sum(1).view(-1, *[1] * (end.ndim - 1))
        steps[:, -1] = n_points * (end * total - _combine(weights, self.values))
        points[:, -1] = end
        return points, steps

    def known(self, codes, weights, end):
        """Weighted sum of gradients at the starts and changes along the lines."""
        known = torch.empty_like(end)
        for code in codes.unique().tolist():
            rows = codes == code
            w = weights[rows]
            slope = _combine(w, self.slopes[code])
            known[rows] = end[rows] * slope - _combine(w, self.moments[code])
        return known


def _combine(weights, parts):
    """Sums of `parts`, one for each row of weights."""
    return torch.tensordot(weights, parts, 1)


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


def _share_left(alpha, shape, random_state):
    """How much of its change each value has still to come at each point.

    Shapley values are about coalitions, in which other values are at one end or the
    other of their way, and about what a value changes on all of its own. So a random
    half of the values is at an end, and half anywhere. Point and counterpoint mirror
    each other (antithetic variates). Where there are few points, they stay nearer to
    the line, where all values have 1 - `alpha` left: less is left to chance.

    Parameters
    ----------
    alpha : Tensor of shape (n_points,)

    shape : tuple of int
        Of the samples, as the module takes them.

    Returns
    -------
    left : Tensor of shape (n_samples * n_points, ...)
    """
    n_points, n_drawn = len(alpha), -(-len(alpha) // 2)
    generator = torch.Generator().manual_seed(random_state.randint(2**31 - 1))
    # One draw decides for which half, and where there.
    u = torch.rand(shape[0], n_drawn, *shape[1:], generator=generator)
    left = (1.0 - alpha[:n_drawn]).view(-1, *[1] * (len(shape) - 1))
    # So many of those at an end have yet to start that `left` is about the mean.
    corners = (2.0 * u - 1.0 < 2.0 * left - 0.5).float()
    near = torch.where(u < 0.5, 2.0 * u, corners)
    left = torch.lerp(left, near, (1.0 + _FEW_POINTS / n_points) ** -0.5)
    counterpoints = 1.0 - left[:, : n_points // 2].flip(1)
    return torch.cat([left, counterpoints], 1).flatten(0, 1)
