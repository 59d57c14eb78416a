"""Shapley values from gradients near the lines that lead to background samples."""

import numpy as np
import torch

# Fewer points than these stay near the lines. Chosen on dense, convolutional and
# recurrent nets; anything from 10 to 60 does.
_FEW_POINTS = 30.0


def expected_gradients(subject, flat_background, codes, gap, n_points, random_state):
    """Expected gradients (Erion et al., 2021), near Shapley values with many points.

    Parameters
    ----------
    subject : Subject

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
        self.at_starts = [
            _Starts(start.flatten(1), torch.stack(of_z).flatten(2))
            for start, of_z in zip(self.starts, by_class, strict=True)
        ]

    def _enter(self, x):
        encoded, present = self.subject.enter(x)
        return tuple(z.float() for z in encoded), present

    def follow(self, x, wanted, random_state):
        """Yield values of the shapes of what the net reads, for each of `wanted`."""
        chosen = _choose(self.n_starts, len(x), self.n_points, random_state)
        alpha = (torch.arange(self.n_points) + 0.5) / self.n_points
        weights = _weights(chosen, alpha, self.n_starts)
        z, present = self._enter(x)
        changes = [
            end[:, None] - start[chosen]
            for end, start in zip(z, self.starts, strict=True)
        ]
        left = _share_left(alpha, x.shape, random_state)
        points = []
        for end, change, part in zip(z, changes, self.net.spread(left), strict=True):
            part = part.view(*change.shape[:2], *part.shape[1:])
            points.append(torch.cat([end[:, None], end[:, None] - part * change], 1))
        n_points = 1 + self.n_points
        masks = [mask.repeat_interleave(n_points, 0) for mask in present]
        repeated = [codes.repeat_interleave(n_points) for codes in wanted]
        by_class = self.net.gradients([p.flatten(0, 1) for p in points], masks, repeated)
        for codes, gradients in zip(wanted, by_class, strict=True):
            places = torch.tensor([self.place[int(code)] for code in codes])
            values = []
            for change, gradient, starts, end in zip(
                changes, gradients, self.at_starts, z, strict=True
            ):
                gradient = gradient.view(len(x), n_points, *end.shape[1:])
                of_end, of_points = gradient[:, 0].flatten(1), gradient[:, 1:]
                sampled = (of_points * change).mean(1)
                known = starts.even(places, weights, end.flatten(1), of_end)
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


def _choose(n_starts, n_rows, n_points, random_state):
    """Background samples for each row, none twice before all have had their turn."""
    turns = -(-n_points // n_starts)
    order = random_state.random_sample((turns, n_rows, n_starts)).argsort(2)
    order = np.concatenate(list(order), axis=1)[:, :n_points]
    return torch.from_numpy(order)
