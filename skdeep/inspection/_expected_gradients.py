"""Shapley values from gradients near the lines that lead to background samples."""

import numpy as np
import torch


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
        Gradients for each sample and class. They come in pairs.

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

    Each of these lines has two points, and where a value is on its way at the one is
    what it has left at the other (antithetic variates).
    """

    def __init__(self, subject, flat_background, classes, n_points):
        self.subject, self.net = subject, subject.lighter()
        background = subject.tensors(flat_background).take(slice(None))
        self.starts, present = self._enter(background)
        self.n_starts, self.n_lines = len(background), -(-n_points // 2)
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
        chosen = _choose(self.n_starts, len(x), self.n_lines, random_state)
        # All lines count alike, at both ends; the chosen ones less what is measured.
        weights = torch.full((len(x), self.n_starts), 0.5 / self.n_starts)
        own = torch.tensor(-0.5 / self.n_lines).expand(chosen.shape)
        weights.scatter_add_(1, chosen, own)
        z, present = self._enter(x)
        changes = [
            end[:, None] - start[chosen]
            for end, start in zip(z, self.starts, strict=True)
        ]
        points = self._points(x.shape, z, changes, random_state)
        n_points = points[0].shape[1]
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
                of_end, there, back = gradient.split([1, self.n_lines, self.n_lines], 1)
                sampled = ((there + back) * change).mean(1) / 2
                known = starts.even(places, weights, end.flatten(1), of_end.flatten(1))
                values.append(sampled + known.view_as(sampled))
            for mask in present:
                values = [torch.where(mask, part, 0.0) for part in values]
            yield values

    def _points(self, shape, z, changes, random_state):
        """The end of all lines, a point of each line, and another of each line."""
        passed = _passed(shape[0], self.n_lines, shape[1:], random_state)
        points = []
        for end, change, part in zip(
            z, changes, self.net.spread(passed.flatten(0, 1)), strict=True
        ):
            way = part.view(*change.shape[:2], *part.shape[1:]) * change
            end = end[:, None]
            points.append(torch.cat([end, end - change + way, end - way], 1))
        return points


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
        even = of_end * (end * weights.sum(1, keepdim=True) - weights @ self.values)
        for place in places.unique():
            rows = places == place
            w = weights[rows]
            even[rows] += end[rows] * (w @ self.slopes[place]) - w @ self.moments[place]
        return even


def _passed(n_rows, n_lines, shape, random_state):
    """How much of its way to the sample each value has passed at a point.

    Shapley values are about coalitions, in which each value is at one end or the other,
    and about what a single value changes there, wherever it is on its way. So a random
    half of the values is at the ends, and half anywhere; the share at the ends keeps
    the mean near the middle of the point's stratum of the line.
    """
    seed = random_state.randint(2**31 - 1)
    u = torch.rand(
        n_rows, n_lines, *shape, generator=torch.Generator().manual_seed(seed)
    )
    middle = (torch.arange(n_lines) + 0.5) / (2 * n_lines)
    arrived = (2.0 * middle - 0.5).clamp_min(0.0).view(-1, *[1] * len(shape))
    # One draw decides which half, and where in it.
    return torch.where(u < 0.5, 2.0 * u, (2.0 * u - 1.0 < arrived).float())


def _choose(n_starts, n_rows, n_lines, random_state):
    """Background samples for each row, none twice before all have had their turn."""
    turns = -(-n_lines // n_starts)
    order = random_state.random_sample((turns, n_rows, n_starts)).argsort(2)
    order = np.concatenate(list(order), axis=1)[:, :n_lines]
    return torch.from_numpy(order)
