"""Random changes of training batches; torch only.

A change of images or series takes the inputs of a batch, its targets and a generator,
and returns both. Places along an axis are picked one axis after another, so series and
images are alike.
"""

import math

import torch

from skdeep._devices import send

# As shares of each axis: the largest move, the largest part that is cut away, the side
# of a hole. Then the parameter of the distribution of shares in mixup.
_MOVE, _CUT, _HOLE, _MIXUP = 0.1, 0.2, 0.4, 0.2


def shift(x, target, generator):
    """Move along each axis; the edge fills what comes in."""
    for axis in range(2, x.ndim):
        length = x.shape[axis]
        most = max(1, round(_MOVE * length))
        by = torch.randint(-most, most + 1, (len(x), 1), generator=generator)
        x = _take(x, axis, torch.arange(length) - by)
    return x, target


def flip(x, target, generator):
    """Mirror half of the samples along the last axis: left and right, or time."""
    length = x.shape[-1]
    mirrored = torch.rand(len(x), 1, generator=generator) < 0.5
    place = torch.arange(length)
    return _take(
        x, x.ndim - 1, torch.where(mirrored, length - 1 - place, place)
    ), target


def crop(x, target, generator):
    """Stretch a part of each axis to the length of the whole (linear interpolation)."""
    for axis in range(2, x.ndim):
        length = x.shape[axis]
        kept = 1.0 - _CUT * torch.rand(len(x), 1, generator=generator)
        start = torch.rand(len(x), 1, generator=generator) * (1.0 - kept)
        place = (start + kept * torch.linspace(0.0, 1.0, length)) * (length - 1)
        low = place.floor()
        share = _along(x, axis, send((place - low).to(x.dtype), x.device))
        x = torch.lerp(
            _take(x, axis, low.long()), _take(x, axis, low.long() + 1), share
        )
    return x, target


def cutout(x, target, generator):
    """Zero, the mean of standardized input, in a box (DeVries and Taylor, 2017)."""
    hole = torch.ones(1, dtype=torch.bool, device=x.device)
    for axis in range(2, x.ndim):
        length = x.shape[axis]
        size = max(1, round(_HOLE * length))
        start = torch.randint(1 - size, length, (len(x), 1), generator=generator)
        place = torch.arange(length) - start
        inside = send((place >= 0) & (place < size), x.device)
        hole = hole & _along(x, axis, inside)
    return x.masked_fill(hole, 0.0), target


def mixup(x, target, generator):
    """Mix pairs of samples and their targets (Zhang et al., 2018)."""
    share = send(_beta(_MIXUP, len(x), generator), x.device)
    other = send(torch.randperm(len(x), generator=generator), x.device)
    # Padding is as good as the mean.
    x = x.nan_to_num(0.0)
    return tuple(
        torch.lerp(values, values[other], _along(values, 0, share.to(values.dtype)))
        for values in (x, target)
    )


def column_dropout(share, n_kept, generator):
    """Build the function that zeroes whole columns of a batch of encoded tables.

    Parameters
    ----------
    share : float
        Probability of each column; the others are scaled up, as in dropout.

    n_kept : int
        Columns at the end that stay as they are: codes.

    generator : torch.Generator
        On the CPU.

    Returns
    -------
    augment : callable
        Inputs of shape (n_samples, n_encoded) and target probabilities to both.
    """

    def augment(x, target):
        keep = torch.ones(x.shape[1], dtype=x.dtype)
        dropped = keep[: x.shape[1] - n_kept]
        dropped.bernoulli_(1.0 - share, generator=generator).div_(1.0 - share)
        return x * send(keep, x.device), target

    return augment


CHANGES = {
    "shift": shift,
    "flip": flip,
    "crop": crop,
    "cutout": cutout,
    "mixup": mixup,
}


def augmentation(names, generator):
    """Build the function that changes a batch.

    Parameters
    ----------
    names : sequence of str
        Of ``CHANGES``; they act in this order.

    generator : torch.Generator
        On the CPU.

    Returns
    -------
    augment : callable
        Inputs of shape (n_samples, channels, *size) and target probabilities to both
        of the same shapes.
    """

    def augment(x, target):
        for name in names:
            x, target = CHANGES[name](x, target, generator)
        return x, target

    return augment


def _along(x, axis, values):
    """Give values, one for each sample and place along an axis, the axes of `x`."""
    shape = [len(x)] + [1] * (x.ndim - 1)
    shape[axis] = x.shape[axis]
    return values.view(shape)


def _take(x, axis, place):
    """Values at `place`, of shape (n_samples, length), along an axis of `x`."""
    place = send(place.clamp(0, x.shape[axis] - 1), x.device)
    return x.gather(axis, _along(x, axis, place).expand_as(x))


def _beta(parameter, n, generator):
    """Draw from Beta(parameter, parameter), at most 1/2, by Johnk's algorithm."""
    share = torch.full((n,), math.nan)
    while share.isnan().any():
        u, v = torch.rand(2, n, generator=generator).pow(1.0 / parameter)
        found = share.isnan() & (u + v <= 1.0)
        share = torch.where(found, u / (u + v), share)
    return torch.minimum(share, 1.0 - share)
