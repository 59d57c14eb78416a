"""From arrays to tensors, and the order of the batches."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from scipy.special import entr

from skdeep._devices import send

# Rows are gathered for many batches at once: few large copies instead of many small
# ones, and yet never a second copy of the data.
_CHUNK_BYTES = 4 * 2**20
# An accelerator has the data already and would idle between small ones.
_DEVICE_CHUNK_BYTES = 64 * 2**20
# What the rows of small data become is computed once, not in each epoch.
_KEPT_BYTES = 64 * 2**20
# Statistics need several float64 copies of a chunk; these fit into the cache.
_STATISTICS_BYTES = 2**19


class Fold(NamedTuple):
    """How a flat row becomes the input of a module.

    Attributes
    ----------
    shape : tuple of int
        Shape of one sample as the user lays it out.

    channels_last : bool
        Whether its last axis holds the channels.
    """

    shape: tuple
    channels_last: bool = False

    @property
    def module_shape(self):
        """Shape of one sample as a module takes it: channels first."""
        if self.channels_last:
            return (self.shape[-1], *self.shape[:-1])
        return self.shape

    def __call__(self, x):
        """Fold a Tensor of shape (n_samples, n_features)."""
        if len(self.shape) == 1:
            return x
        x = x.reshape(len(x), *self.shape)
        return x.movedim(-1, 1).contiguous() if self.channels_last else x


class Rows:
    """Rows of an array, handed out as tensors.

    Arrays of any kind stay as they are (read-only, memory-mapped, sparse, any order)
    and only what is taken is copied. On an accelerator the whole array is moved once.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)

    fold : Fold

    dtype : torch.dtype

    device : torch.device

    subset : ndarray of int or None
        Positions in X of the rows that there are; None for all.
    """

    def __init__(self, X, fold, dtype, device, subset=None):
        self.X, self.subset = X, subset
        self.fold, self.dtype, self.device = fold, dtype, device
        self.row_bytes = X.shape[1] * dtype.itemsize
        self.moved = None
        if device.type != "cpu":
            self.moved = self._to_tensor(X[:] if subset is None else X[subset])

    def __len__(self):
        return self.X.shape[0] if self.subset is None else len(self.subset)

    @property
    def chunk_bytes(self):
        """How much to take at once."""
        return _CHUNK_BYTES if self.moved is None else _DEVICE_CHUNK_BYTES

    def take(self, index):
        """Tensor of shape (n_positions, *module_shape).

        Parameters
        ----------
        index : ndarray of int, or slice
            Positions.
        """
        if self.moved is not None:
            if not isinstance(index, slice):
                index = send(torch.from_numpy(index), self.device)
            return self.fold(self.moved[index])
        if self.subset is not None:
            index = self.subset[index]
        if type(self.X) is np.ndarray and not isinstance(index, slice):
            # Twice as fast as indexing.
            return self.fold(self._to_tensor(self.X.take(index, axis=0)))
        return self.fold(self._to_tensor(self.X[index]))

    def _to_tensor(self, rows):
        if sparse.issparse(rows):
            rows = rows.toarray()
        if not rows.flags.writeable or min(rows.strides) < 0:
            rows = np.array(rows)
        return torch.from_numpy(rows).to(self.device, self.dtype)


class Batch(NamedTuple):
    """Tensors of one step.

    Attributes
    ----------
    x : Tensor of shape (n_batch, *module_shape)
        Standardized input.

    target : Tensor of shape (n_batch, n_classes)
        Target probabilities.

    weight : Tensor of shape (n_batch,) or None
        Sample weights.

    total : float or Tensor
        Their sum, or the number of rows.
    """

    x: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor | None
    total: float | torch.Tensor

    @property
    def totals(self):
        """The total in a list."""
        return [self.total]

    @property
    def sizes(self):
        """The number of rows in a list."""
        return [len(self.x)]

    def with_totals_on_device(self):
        """Take the total from the weights, on their device."""
        if self.weight is None:
            return self
        return self._replace(total=self.weight.sum())


class Batches:
    """Batches of the training data, epoch by epoch.

    Parameters
    ----------
    rows : Rows

    codes : ndarray
        Targets of all rows.

    target_rows : callable
        Positions to target probabilities.

    weight : ndarray of shape (n_samples,) or None

    index : ndarray of int
        Positions of the rows to train on.

    batch_size : int

    order : callable
        Gives the order of ``index`` in the next epoch.

    augment : callable or None
        Changes the inputs and the targets of a batch.
    """

    def __init__(
        self, rows, codes, target_rows, weight, index, batch_size, order, augment=None
    ):
        self.rows, self.codes, self.target_rows = rows, codes, target_rows
        self.weight, self.index, self.order = weight, index, order
        self.batch_size, self.augment = batch_size, augment
        self.release()

    @property
    def n_steps(self):
        """Batches in one epoch."""
        return len(cut(self.index, self.batch_size))

    @property
    def total(self):
        """Sum of the sample weights."""
        index, weight = self.index, self.weight
        return len(index) if weight is None else float(weight[index].sum())

    @property
    def label_bits(self):
        """Bits that all labels hold: their total weight times the entropy of one."""
        codes, weight = self.codes[self.index], self.weight
        weight = None if weight is None else weight[self.index]
        if codes.ndim == 1:
            shares = np.bincount(codes, weight) / self.total
        else:
            share = np.average(codes, axis=0, weights=weight)
            shares = np.stack([share, 1.0 - share])
        return self.total * float(entr(shares).sum()) / np.log(2.0)

    def chunk_size(self, standardizer):
        """Rows that are gathered at once; a table's first stage makes them wider."""
        n_bytes = self._row_bytes(standardizer) * self.batch_size
        per_chunk = max(1, self.rows.chunk_bytes // n_bytes)
        return per_chunk * self.batch_size

    def _row_bytes(self, standardizer):
        return int(self.rows.row_bytes * getattr(standardizer, "widening", 1))

    def learn_statistics(self, standardizer):
        """Show all rows to an ``InputStandardizer``."""
        rows = self.rows
        n_bytes = _STATISTICS_BYTES if rows.moved is None else rows.chunk_bytes // 8
        for part in cut(self.index, max(2, n_bytes // rows.row_bytes)):
            weight = torch.ones(len(part))
            if self.weight is not None:
                weight = torch.from_numpy(self.weight[part])
            # Sums have the same bits whatever the order of X in memory.
            x = rows.take(_as_slice(part)).contiguous()
            standardizer.update(x, weight.to(rows.device))

    def stage_before(self, net):
        """What rows pass before they are changed and trained on."""
        return net.preparation if self.augment is None else net.standardizer

    def epoch(self, standardizer):
        """Yield the batches of one epoch.

        Parameters
        ----------
        standardizer : callable
            Applied to many batches at once.

        Yields
        ------
        batch : Batch
        """
        batches = self._unchanged(standardizer)
        if self.augment is None:
            yield from batches
            return
        for batch in batches:
            x, target = self.augment(batch.x, batch.target)
            yield batch._replace(x=x, target=target)

    def _unchanged(self, standardizer):
        for part in cut(self.next_order(), self.chunk_size(standardizer)):
            sizes = [len(piece) for piece in cut(part, self.batch_size)]
            x, target, weight = self.gather(part, standardizer)
            x, target = x.split(sizes), target.split(sizes)
            if weight is None:
                yield from map(Batch, x, target, [None] * len(sizes), sizes)
                continue
            totals = self.sums_of_weights(part, sizes).tolist()
            yield from map(Batch, x, target, weight.split(sizes), totals)

    def next_order(self):
        """Positions in the order of the next epoch."""
        return self.index[self.order()]

    def gather(self, positions, standardizer):
        """Standardized inputs, targets, and weights or None, at these positions."""
        device, weight = self.rows.device, None
        if self._keep(standardizer):
            x = self.kept.index_select(0, torch.from_numpy(positions))
        else:
            x = standardizer(self.rows.take(positions))
        target = send(self.target_rows(positions), device)
        if self.weight is not None:
            weight = torch.from_numpy(self.weight[positions]).to(self.rows.dtype)
            weight = send(weight, device)
        return x, target, weight

    def _keep(self, standardizer):
        """Fill ``kept`` with what `standardizer` makes of all rows, if it is little.

        Returns
        -------
        is_kept : bool
        """
        rows, widest = self.rows, _KEPT_BYTES // self._row_bytes(standardizer)
        if rows.moved is not None or len(rows) > widest:
            return False
        if self.kept_of is not standardizer:
            parts = cut(range(len(rows)), self.chunk_size(standardizer))
            self.kept = torch.cat(
                [standardizer(rows.take(slice(p.start, p.stop))) for p in parts]
            )
            self.kept_of = standardizer
        return True

    def release(self):
        """Drop what epochs to come would use again."""
        self.kept, self.kept_of = None, None

    def sums_of_weights(self, positions, sizes):
        """Add weights up along the last axis, in parts of these sizes."""
        starts = np.cumsum([0, *sizes[:-1]])
        return np.add.reduceat(self.weight[positions], starts, axis=-1)


def _as_slice(index):
    """A slice instead of positions that follow each other: it needs no copy."""
    first, last = int(index[0]), int(index[-1])
    follow = last - first == len(index) - 1 and bool((index[1:] > index[:-1]).all())
    return slice(first, last + 1) if follow else index


def even_size(n_samples, smallest, largest):
    """Size of batches that hold about a tenth of the samples and are all alike.

    A small last batch would have poor statistics.
    """
    size = max(smallest, min(n_samples // 10, largest))
    return -(-n_samples // max(1, round(n_samples / size)))


def cut(index, size):
    """Cut a sequence into pieces of `size`; a last single one joins those before it.

    Batch normalization can't train on a batch of one row.
    """
    starts = list(range(0, len(index), size))
    if len(starts) > 1 and size > 1 and len(index) - starts[-1] == 1:
        starts.pop()
    return [index[start:stop] for start, stop in pairwise([*starts, len(index)])]


def distinct_rows(X, codes, weight, index):
    """Equal rows of one class as a single row of their weight, in an order of its own.

    lbfgs follows rounding errors far. So weights and repetitions, whatever their order,
    have to make the very same sum.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        Sparse rows are left as they are.

    codes : ndarray of shape (n_samples,) or (n_samples, n_labels)

    weight : ndarray of shape (n_samples,) or None

    index : ndarray of int
        Positions of the rows to look at.

    Returns
    -------
    index : ndarray of int
        Positions.

    weight : ndarray of shape (n_samples,) or None
        At these positions, the weights of all rows that are equal.
    """
    if sparse.issparse(X):
        return index, weight
    rows = X[index]
    missing = np.isnan(rows)
    if missing.any():
        # NaN is equal to nothing, not even to itself.
        rows = np.column_stack([np.where(missing, 0.0, rows), missing])
    rows = np.column_stack([rows, codes[index]])
    _, first, group = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    if weight is None and len(first) == len(index):
        return index[first], None
    own = None if weight is None else weight[index]
    merged = np.zeros(X.shape[0])
    merged[index[first]] = np.bincount(group.ravel(), weights=own)
    return index[first], merged


def sequential_order(n_samples):
    """Rows as they stand, in every epoch."""
    index = np.arange(n_samples)
    return lambda: index


def shuffled_order(n_samples, generator):
    """Draw a new permutation in every epoch."""
    return lambda: torch.randperm(n_samples, generator=generator).numpy()


def balanced_order(codes, n_classes, generator):
    """Order in which any run of rows holds the classes evenly.

    Classes take turns, each one handing out its own rows in a shuffled cycle that goes
    on from epoch to epoch: rare classes come round more often and no row of a frequent
    class is left out for good.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)

    n_classes : int

    generator : torch.Generator or None
        None keeps the rows of a class in their order.

    Returns
    -------
    order : callable
    """
    cycles = [
        _cycle(np.flatnonzero(codes == code), generator)
        for code in range(n_classes)
        if (codes == code).any()
    ]
    n_samples = len(codes)

    def order():
        n_turns = -(-n_samples // len(cycles))
        turns = np.stack([cycle(n_turns) for cycle in cycles], axis=1)
        return turns.ravel()[:n_samples]

    return order


def _cycle(index, generator):
    """Build a function that hands out the next `n` members of `index`, endlessly."""
    waiting = np.empty(0, dtype=index.dtype)

    def take(n):
        nonlocal waiting
        parts = [waiting]
        missing = n - len(waiting)
        for _ in range(-(-missing // len(index))):
            if generator is None:
                parts.append(index)
            else:
                order = torch.randperm(len(index), generator=generator).numpy()
                parts.append(index[order])
        stream = np.concatenate(parts)
        waiting = stream[n:]
        return stream[:n]

    return take
