"""Which columns of a sample belong together, and what they are called."""

import math
from collections.abc import Mapping
from numbers import Integral

import numpy as np

from skdeep._frames import is_frame
from skdeep.inspection._layout import sample_layout
from skdeep.inspection._subject import count_mixing


def column_names(X):
    """Names of the columns of a frame, a list; None for anything else."""
    return [str(name) for name in X.columns] if is_frame(X) else None


def layout(net, steps, X):
    """Shape of one sample of `X`, and what its axes mean.

    Parameters
    ----------
    net : estimator

    steps : list
        Those before it, which may mix its columns.

    X : ndarray or data frame

    Returns
    -------
    shape : tuple of int

    axes : tuple of str
    """
    if count_mixing(steps):
        return (math.prod(X.shape[1:]),), ("feature",)
    return sample_layout(net, X)


def find_groups(groups, shape, axes, names, patch_size=None):
    """Flat positions of the columns of each group.

    Parameters
    ----------
    groups : str, list or dict
        As :func:`permutation_importance` has it.

    shape : tuple of int
        Of one sample.

    axes : tuple of str
        What its axes mean.

    names : list of str or None
        Names of the columns.

    patch_size : int, tuple of int or None

    Returns
    -------
    groups : dict
        Name to ndarray of int.
    """
    if not isinstance(groups, str):
        return _listed(groups, math.prod(shape), names)
    columns = np.arange(math.prod(shape)).reshape(shape)
    if groups == "feature":
        names = names or place_names(shape, axes)
        return {name: columns.flat[[j]] for j, name in enumerate(names)}
    if groups == "patch":
        return _patches(columns, axes, patch_size)
    axis = {"time_step": "step"}.get(groups, groups)
    if axis not in ("step", "channel"):
        raise ValueError(
            "`groups` must be 'feature', 'time_step', 'channel', 'patch', or a list or "
            f"dict of columns. Got {groups!r}."
        )
    place = _axis(axes, axis, groups)
    parts = np.moveaxis(columns, place, 0).reshape(shape[place], -1)
    return {f"{axis} {i}": part for i, part in enumerate(parts)}


def _axis(axes, axis, groups):
    if axis not in axes:
        raise ValueError(
            f"`groups` must suit samples whose axes are {axes}. Got {groups!r}."
        )
    return axes.index(axis)


def place_names(shape, axes):
    """Names of the places of a sample, a list."""
    if len(shape) == 1 and axes == ("feature",):
        return [f"x{j}" for j in range(shape[0])]
    # An axis of one place tells nothing, unless all are like that.
    told = [i for i, n in enumerate(shape) if n > 1] or [0]
    return [
        " ".join(f"{axes[i]} {place[i]}" for i in told) for place in np.ndindex(shape)
    ]


def _patches(columns, axes, patch_size):
    """Tiles of an image, or windows of a series; smaller ones at the far edges."""
    tiled = [i for i, name in enumerate(axes) if name in ("row", "column", "step")]
    if not tiled:
        _axis(axes, "step", "patch")
    sizes = (patch_size,) * len(tiled) if np.ndim(patch_size) == 0 else patch_size
    if len(sizes) != len(tiled) or not all(
        isinstance(size, Integral) and size > 0 for size in sizes
    ):
        raise ValueError(
            "`patch_size` must be a positive integer, or one for each of "
            f"{tuple(axes[i] for i in tiled)}. Got {patch_size!r}."
        )
    counts = [-(-columns.shape[i] // n) for i, n in zip(tiled, sizes, strict=True)]
    groups = {}
    for tile in np.ndindex(*counts):
        part, name = [slice(None)] * columns.ndim, []
        for i, n, place in zip(tiled, sizes, tile, strict=True):
            stop = min((place + 1) * n, columns.shape[i])
            part[i] = slice(place * n, stop)
            first, last = place * n, stop - 1
            told = f"s {first}-{last}" if last > first else f" {first}"
            name.append(f"{axes[i]}{told}")
        groups[", ".join(name)] = columns[tuple(part)].ravel()
    return groups


def _listed(groups, n_columns, names):
    """Groups that are given by positions or names."""
    if isinstance(groups, Mapping):
        return {
            str(k): _positions(part, n_columns, names) for k, part in groups.items()
        }
    found = {}
    for part in groups:
        part = [part] if isinstance(part, (str, Integral)) else list(part)
        positions = _positions(part, n_columns, names)
        found[", ".join(names[j] if names else f"x{j}" for j in positions)] = positions
    return found


def _positions(part, n_columns, names):
    part = [part] if isinstance(part, (str, Integral)) else list(part)
    known = {name: j for j, name in enumerate(names or ())}
    positions = [known.get(item, item) for item in part]
    if not positions or not all(
        isinstance(j, Integral) and 0 <= j < n_columns for j in positions
    ):
        told = "names of columns or " if names else ""
        raise ValueError(
            f"`groups` must hold {told}positions from 0 to {n_columns - 1}, at least "
            f"one in each group. Got {part!r}."
        )
    return np.array(positions)
