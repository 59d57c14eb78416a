"""Gradients near lines, for nets whose first layer is dense and wide."""

import torch
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from skdeep._members import modules_of
from skdeep.modules import ACTIVATIONS, MLP

# Shares of all columns that are held at once, of the starts or of some rows.
_MOST_SHARES = 2**24


class DenseLines:
    """As ``Lines``, for dense nets that read several numbers for each column.

    What a first layer adds up is a share of each column, and near a line each share
    lies between those at both ends. So only ends go through that layer, and points cost
    no more for the numbers that a column becomes. What the first layers of several nets
    give stands side by side.

    Parameters
    ----------
    subject : Subject
        One that suits.

    background : Tensor of shape (n_starts, n_columns)

    classes : ndarray of int
        Which classes may be explained.

    alpha : Tensor of shape (n_points,)
        How far along the lines the points are, on average.

    Attributes
    ----------
    copies : int
        How many copies of a row take as much memory as what is computed for it.
    """

    def __init__(self, subject, background, classes, alpha):
        self.subject, self.alpha = subject, alpha
        self.copies = _copies(subject, len(alpha))
        self.n_starts, n_columns = background.shape
        members = modules_of(subject.fitted)
        self.first = [_FirstLayers(part, n_columns) for part in _alike(subject.fitted)]
        self.later = [_LaterLayers(member) for member in members]
        self.sizes = [_n_units(member) for member in members]
        self.starts = self._shares(background)
        self.places = torch.zeros(len(subject.net.classes_), dtype=torch.int64)
        self.places[classes] = torch.arange(len(classes))
        wanted = [torch.full((self.n_starts,), code) for code in classes]
        self.slopes = torch.stack(list(self._slopes(self.starts.sum(0), wanted)))
        # For what is the same on all lines to an end.
        self.mean_start, self.mean_slope = self.starts.mean(1), self.slopes.mean(1)
        moments = self.slopes.flatten(1) @ self.starts.flatten(1).T
        self.mean_moment = moments / self.n_starts

    @staticmethod
    def suit(subject, n_starts, n_points):
        """Whether lines can be followed so, in less time and in bounded memory."""
        members, n_columns = modules_of(subject.fitted), subject.flat.shape[1]
        return (
            all(map(_is_dense, members))
            # Points pass twice through columns, not once through all numbers.
            and all(len(member.sources) > 2 * n_columns for member in members)
            and n_starts * _n_shares(subject) <= _MOST_SHARES
            and _copies(subject, n_points) <= subject.n_at_once
        )

    def follow(self, x, left, first, wanted):
        """Values of some rows, as ``Lines.follow``."""
        ends, n_points = self._shares(x), len(self.alpha)
        chosen = torch.arange(first, first + len(left)) % self.n_starts
        runs = list(_runs(first, len(left), self.n_starts))
        inputs = self._inputs(ends, left, runs)
        at_inputs = [
            torch.cat([codes.repeat_interleave(n_points), codes]) for codes in wanted
        ]
        for codes, slopes in zip(wanted, self._slopes(inputs, at_inputs), strict=True):
            values = self._values(slopes, self.places[codes], ends, chosen, runs)
            yield self.subject.unfold(values)

    @torch.no_grad()
    def _shares(self, x):
        """What columns add to the first layers, (n_columns, n_rows, n_units)."""
        parts = [first.shares(x) for first in self.first]
        return parts[0] if len(parts) == 1 else torch.cat(parts, 2)

    def _inputs(self, ends, left, runs):
        """What first layers give at the points, row by row, and then at the ends."""
        n_columns, n_rows, n_units = ends.shape
        inputs = ends.new_empty(len(left) + n_rows, n_units)
        points, at_ends = inputs[: len(left)], inputs[len(left) :]
        torch.sum(ends, 0, out=at_ends)
        come = (1.0 - left).view(n_rows, -1, n_columns)
        of_rows = points.view(n_rows, -1, n_units)
        torch.bmm(come, ends.transpose(0, 1), out=of_rows)
        for at, starts in runs:
            shares = self.starts[:, starts].transpose(0, 1)
            to_come = _by_start(left[at], len(shares))
            _by_start(points[at], len(shares)).add_(torch.bmm(to_come, shares))
        return inputs

    def _slopes(self, inputs, wanted):
        """Yield gradients of the explained outputs, given what first layers give."""
        for (slopes,) in self.subject.gradients((inputs,), (), wanted, self._read):
            yield slopes

    def _read(self, inputs):
        parts = zip(self.later, inputs.split(self.sizes, 1), strict=True)
        return self.subject.join([later(part) for later, part in parts])

    def _values(self, slopes, places, ends, chosen, runs):
        """Means of the products of slopes and changes, (n_rows, n_columns).

        If slopes changed evenly on the way, those at the ends of all lines would do.
        """
        n_columns, n_rows, n_units = ends.shape
        at_points = slopes[:-n_rows].view(n_rows, -1, n_units)
        at_ends = slopes[-n_rows:]
        n_points = at_points.shape[1]
        lines = places.repeat_interleave(n_points) * self.n_starts + chosen
        at_starts = self.slopes.flatten(0, 1).index_select(0, lines)
        differ = at_starts.view_as(at_points)
        differ.lerp_(at_ends[:, None], self.alpha[:, None])
        torch.sub(at_points, differ, out=differ)
        products = self._products(differ.flatten(0, 1), runs)
        own = differ.sum(1) / n_points + (at_ends + self.mean_slope[places]) / 2
        values = torch.bmm(own[:, None], ends.permute(1, 2, 0)).squeeze(1)
        values -= products.view(n_rows, n_points, n_columns).sum(1) / n_points
        values -= (at_ends @ self.mean_start.T + self.mean_moment[places]) / 2
        return values

    def _products(self, slopes, runs):
        """Products of slopes and starts for each line, (n_lines, n_columns)."""
        products = slopes.new_empty(len(slopes), len(self.starts))
        for at, starts in runs:
            shares = self.starts[:, starts].permute(1, 2, 0)
            found = torch.bmm(_by_start(slopes[at], len(shares)), shares)
            _by_start(products[at], len(shares)).copy_(found)
        return products


class _FirstLayers:
    """First layers of nets that read the same.

    Parameters
    ----------
    members : list of MLP

    n_columns : int
    """

    def __init__(self, members, n_columns):
        self.encode, sources = members[0].encode, members[0].sources
        layers = [member.linear_layers[0] for member in members]
        weight = torch.cat([layer.weight.detach().float() for layer in layers])
        self.bias = torch.cat([layer.bias.detach().float() for layer in layers])
        counts = sources.bincount(minlength=n_columns).tolist()
        of_columns = sources.argsort(stable=True).split(counts)
        self.numbers = pad_sequence(of_columns, True, len(sources))
        self.weight = self._by_column(weight).permute(1, 2, 0)

    def shares(self, x):
        """What each column adds: (n_columns, n_rows, n_units)."""
        encoded = self._by_column(self.encode(x).float())
        shares = torch.bmm(encoded.transpose(0, 1), self.weight)
        # It may count as any column's, as it doesn't change on the way.
        shares[0] += self.bias
        return shares

    def _by_column(self, values):
        """Give each column what is made of it, and zeros where others have more."""
        index = self.numbers.flatten().expand(len(values), -1)
        found = F.pad(values, (0, 1)).gather(1, index)
        return found.view(len(values), *self.numbers.shape)


class _LaterLayers:
    """All layers of a net but the first, in float32: gradients need few digits."""

    def __init__(self, member):
        self.activation = ACTIVATIONS[member.config["activation"]]()
        self.parameters = [
            (layer.weight.detach().float(), layer.bias.detach().float())
            for layer in member.linear_layers[1:]
        ]

    def __call__(self, x):
        for weight, bias in self.parameters:
            x = F.linear(self.activation(x), weight, bias)
        return x


def _is_dense(member):
    return (
        type(member) is MLP
        and member.config["normalization"] is None
        and len(member.linear_layers) > 1
    )


def _alike(module):
    """Lists of those members that read the same."""
    members = modules_of(module)
    learn = any(part is not None for part in members[0].entry[1:])
    if len(members) > 1 and (learn or not module.reads_alike):
        return [[member] for member in members]
    return [members]


def _n_units(member):
    return member.linear_layers[0].out_features


def _n_shares(subject):
    return subject.flat.shape[1] * sum(map(_n_units, modules_of(subject.fitted)))


def _copies(subject, n_points):
    """How many rows of the net's width take as much memory as what a row needs."""
    n_shares, n_columns = _n_shares(subject), subject.flat.shape[1]
    of_points = (n_points + 1) * (n_shares // n_columns + n_columns)
    at_points = -(-of_points // subject.fitted.row_size)
    return max(at_points, subject.n_at_once * n_shares // _MOST_SHARES)


def _runs(first, n_lines, n_starts):
    """Cut lines, which begin at one start after the other, where a turn begins.

    Yields
    ------
    lines, starts : slice
        There may be several turns of `starts`, but no part of one.
    """
    at = 0
    while at < n_lines:
        start = (first + at) % n_starts
        n = min(n_lines - at, n_starts - start)
        turns = (n_lines - at) // n if start == 0 else 1
        yield slice(at, at + turns * n), slice(start, start + n)
        at += turns * n


def _by_start(values, n_starts):
    """View values of lines as (n_starts, n_turns, ...)."""
    return values.view(-1, n_starts, values.shape[1]).transpose(0, 1)
