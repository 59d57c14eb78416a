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

    def with_totals_on_device(self):
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


def stacked_epoch(streams, standardizer, n_nets):
    """Yield the batches of one epoch of nets that train on the same rows.

    Parameters
    ----------
    streams : list of Batches
        Alike but for the order; only a single one may augment.

    standardizer : callable
        Applied to many batches at once.

    n_nets : list of int
        How many nets each stream is for.

    Yields
    ------
    batch : StackedBatch
    """
    first, batch_size = streams[0], streams[0].batch_size
    if len(streams) == 1:
        for batch in first.epoch(standardizer):
            yield for_nets(batch, *n_nets)
        return
    orders = np.stack([stream.next_order() for stream in streams])
    orders = orders.repeat(n_nets, axis=0)
    n_batches = first.chunk_size(standardizer) // (len(orders) * batch_size)
    for columns in cut(range(orders.shape[1]), max(1, n_batches) * batch_size):
        part = orders[:, columns.start : columns.stop]
        sizes = [len(piece) for piece in cut(columns, batch_size)]
        yield from _split(first, standardizer, part, sizes)


def _split(batches, standardizer, positions, sizes):
    """Batches of these sizes; the positions of each net are a row."""
    x, target, weight = (
        None if values is None else values.unflatten(0, positions.shape)
        for values in batches.gather(positions.ravel(), standardizer)
    )
    n_nets = len(positions)
    weights, totals = [None] * len(sizes), [[size] * n_nets for size in sizes]
    if weight is not None:
        weights = weight.split(sizes, 1)
        totals = batches.sums_of_weights(positions, sizes).T.tolist()
    x, target = x.split(sizes, 1), target.split(sizes, 1)
    return map(StackedBatch, x, target, weights, totals, [[n] * n_nets for n in sizes])


def side_by_side(parts):
    """Lay the batches of nets that train on different rows side by side in one.

    Parameters
    ----------
    parts : list of StackedBatch
        The nets of each have batches of one size.

    Returns
    -------
    batch : StackedBatch
    """
    if len(parts) == 1:
        return parts[0]
    totals = list(chain.from_iterable(part.totals for part in parts))
    sizes = list(chain.from_iterable(part.sizes for part in parts))
    (x, target, _, _, _), shape = parts[0], (len(sizes), max(sizes))
    x = x.new_zeros(*shape, *x.shape[2:])
    n_nets, n_rows = shape
    target, weight = target.new_zeros(n_nets, target.shape[2], n_rows).mT, None
    if min(sizes) < max(sizes) or any(part.weight is not None for part in parts):
        weight = x.new_zeros(shape)
    start = 0
    for part in parts:
        stop = start + len(part.sizes)
        place = slice(start, stop), slice(part.sizes[0])
        x[place], target[place] = part.x, part.target
        if weight is not None:
            weight[place] = 1.0 if part.weight is None else part.weight
        start = stop
    return StackedBatch(x, target, weight, totals, sizes)
