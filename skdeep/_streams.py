"""Batches of many nets, each with an order of its own."""

from itertools import chain
from typing import NamedTuple

import numpy as np
import torch

from skdeep._batches import cut


class StackedBatch(NamedTuple):
    """Tensors of one step of many nets; an axis of length one is common to all nets.

    Attributes
    ----------
    x : Tensor of shape (n_nets or 1, n_batch, *module_shape)

    target : Tensor of shape (n_nets or 1, n_batch, n_classes)

    weight : Tensor of shape (n_nets or 1, n_batch) or None

    totals : list of float, or Tensor
        Sum of the weights of each net's batch.

    sizes : list of int
        Rows of each net's batch; what follows is padding of weight zero.
    """

    x: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor | None
    totals: list | torch.Tensor
    sizes: list

    def with_totals_there(self):
        """Take the totals from the weights, on their device."""
        if self.weight is None:
            # Without weights, all batches have one size.
            return self._replace(totals=self.target.new_full((), self.totals[0]))
        return self._replace(totals=self.weight.sum(1))


def for_nets(batch, n_nets=1):
    """Hand a ``Batch`` to so many nets. Returns a ``StackedBatch``."""
    x, target, weight, total = batch
    weight = None if weight is None else weight[None]
    return StackedBatch(
        x[None], target[None], weight, [total] * n_nets, [len(x)] * n_nets
    )


class Streams:
    """Batches of nets that train on the same rows.

    Parameters
    ----------
    streams : list of Batches
        Alike but for the order; only a single one may augment.

    standardizer : callable
        Applied to many batches at once.

    n_nets : list of int
        How many nets each stream is for.
    """

    def __init__(self, streams, standardizer, n_nets):
        self.streams, self.standardizer, self.n_nets = streams, standardizer, n_nets

    def epoch(self):
        """Yield the batches of one epoch, each a ``StackedBatch``."""
        if len(self.streams) == 1:
            for batch in self.streams[0].epoch(self.standardizer):
                yield for_nets(batch, *self.n_nets)
            return
        first, batch_size = self.streams[0], self.streams[0].batch_size
        orders = np.stack([stream.next_order() for stream in self.streams])
        orders = orders.repeat(self.n_nets, axis=0)
        n_batches = first.chunk_size(self.standardizer) // (len(orders) * batch_size)
        for columns in cut(range(orders.shape[1]), max(1, n_batches) * batch_size):
            part = orders[:, columns.start : columns.stop]
            yield from self._batches_of(
                part, [len(c) for c in cut(columns, batch_size)]
            )

    def _batches_of(self, part, sizes):
        first, n_nets = self.streams[0], len(part)
        x, target, weight = first.gather(part.ravel(), self.standardizer)
        x = x.unflatten(0, part.shape).split(sizes, 1)
        target = target.unflatten(0, part.shape).split(sizes, 1)
        weights, totals = [None] * len(sizes), [[size] * n_nets for size in sizes]
        if weight is not None:
            weights = weight.unflatten(0, part.shape).split(sizes, 1)
            totals = first.sums_of_weights(part, sizes).T.tolist()
        yield from map(
            StackedBatch, x, target, weights, totals, [[s] * n_nets for s in sizes]
        )


def side_by_side(parts):
    """Lay the batches of several ``Streams`` side by side in one.

    Parameters
    ----------
    parts : list of StackedBatch
        The nets of each have batches of one size.
    """
    if len(parts) == 1:
        return parts[0]
    totals = list(chain.from_iterable(part.totals for part in parts))
    sizes = list(chain.from_iterable(part.sizes for part in parts))
    if min(sizes) == max(sizes) and all(part.weight is None for part in parts):
        x, target = (
            torch.cat(
                [
                    values.expand(len(part.sizes), *values.shape[1:])
                    for part, values in zip(parts, column, strict=True)
                ]
            )
            for column in ([p.x for p in parts], [p.target for p in parts])
        )
        return StackedBatch(x, target, None, totals, sizes)
    first, shape = parts[0], (len(sizes), max(sizes))
    x = first.x.new_zeros(*shape, *first.x.shape[2:])
    target = first.target.new_zeros(*shape, *first.target.shape[2:])
    weight, start = first.x.new_zeros(shape), 0
    for part in parts:
        stop = start + len(part.sizes)
        place = slice(start, stop), slice(part.sizes[0])
        x[place], target[place] = part.x, part.target
        weight[place] = 1.0 if part.weight is None else part.weight
        start = stop
    return StackedBatch(x, target, weight, totals, sizes)
