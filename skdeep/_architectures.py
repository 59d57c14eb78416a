"""What the names of convolutional architectures stand for."""

from typing import NamedTuple

from skdeep._parameters import InvalidParameterError, as_sizes, is_auto
from skdeep.modules.random_kernels import RANDOM


class Preset(NamedTuple):
    """An architecture.

    Attributes
    ----------
    stages : str
        Kind of the module's stages.

    n_filters : tuple of int
        Filters of each stage.

    kernels : tuple of int
        Widths of the convolutions: of each stage ("plain"), or of those in a block.

    depth : int
        Blocks in each stage.

    pool_size : int
        Window of the max pooling after each stage.

    stretch : bool
        Whether short series are stretched over their padding.

    differences : bool
        Whether differences of neighbouring steps are read, too.
    """

    stages: str
    n_filters: tuple
    kernels: tuple
    depth: int = 1
    pool_size: int = 1
    stretch: bool = False
    differences: bool = False


# For series and for images.
PRESETS = {
    "auto": (
        Preset("residual", (32, 64, 64), (7, 5, 3), pool_size=2),
        Preset("plain", (16, 64, 128), (3, 3, 3), depth=2, pool_size=2),
    ),
    "plain": (
        Preset("plain", (32, 64, 64), (5, 5, 5), pool_size=2),
        Preset("plain", (32, 64, 64), (3, 3, 3), pool_size=2),
    ),
    "residual": (
        Preset("residual", (32, 64, 64), (5, 5), pool_size=2),
        Preset("residual", (32, 64, 64), (3, 3), pool_size=2),
    ),
    "fcn": (Preset("plain", (128, 256, 128), (8, 5, 3)),) * 2,
    "resnet": (Preset("residual", (64, 128, 128), (8, 5, 3)),) * 2,
    "inception": (
        Preset("inception", (128, 128), (40, 20, 10), depth=3),
        Preset("inception", (128, 128), (5, 3, 1), depth=3),
    ),
    RANDOM: (Preset(RANDOM, (1024,), (9,)), None),
}

# For series, "auto" has members of several kinds, in turns: one is often right where
# another one is wrong.
TRAINED_MEMBERS = (
    PRESETS["auto"][0],
    Preset("residual", (32, 64, 64), (15, 9, 5), pool_size=2, differences=True),
    Preset("plain", (64, 128, 64), (8, 5, 3), pool_size=2),
)
# These cost little to train, and err where the others don't. What a series does at some
# time, and what it does at some share of its length, say different things.
RANDOM_MEMBERS = (
    PRESETS[RANDOM][0],
    PRESETS[RANDOM][0]._replace(stretch=True),
)

# Kinds of stages that hold convolutions of one width.
_OF_ONE_WIDTH = ("plain", RANDOM)
# On images with fewer pixels along an axis, "auto" has one convolution in each stage:
# the few stages see all of them anyway.
_SMALL_IMAGE = 16
# Longer series, and larger images, are read in strides.
_LONGEST = {1: 512, 2: 64}


def kinds(chosen, n_axes):
    """Presets of the members of an ensemble, which take turns.

    Parameters
    ----------
    chosen : dict
        Parameters of the estimator.

    n_axes : int
        One for series, two for images.

    Returns
    -------
    presets : tuple of Preset
    """
    architecture = chosen["architecture"]
    if n_axes == 2 or architecture != "auto" or not is_auto(chosen["kernel_size"]):
        return (PRESETS[architecture][n_axes - 1],)
    # Random kernels see the series only once, and need many filters.
    if chosen["augmentation"] or not is_auto(chosen["n_filters"]):
        return TRAINED_MEMBERS
    return TRAINED_MEMBERS + RANDOM_MEMBERS


def resolve(chosen, size, member=0):
    """Replace "auto" and lay the widths of all convolutions out.

    Parameters
    ----------
    chosen : dict
        Parameters of the estimator.

    size : sequence of int
        Length, or height and width, of the input.

    member : int
        Position among the nets of an ensemble.

    Returns
    -------
    config : dict
        Keyword arguments of the module.
    """
    n_axes = len(size)
    presets = kinds(chosen, n_axes)
    preset = presets[member % len(presets)]
    if preset is None:
        names = [name for name, (_, for_images) in PRESETS.items() if for_images]
        raise InvalidParameterError(
            f"`architecture` must be one of {names} for images. "
            f"Got {chosen['architecture']!r}."
        )
    is_small = n_axes == 2 and min(size) < _SMALL_IMAGE
    auto = {
        "n_filters": preset.n_filters,
        "depth": 1 if is_small and chosen["architecture"] == "auto" else preset.depth,
        "stride": max(1, round(max(size) / _LONGEST[n_axes])),
        "pool_size": preset.pool_size,
        "pooling": "flatten" if preset.stages == "plain" and n_axes == 2 else "mean",
    }
    config = {k: auto[k] if is_auto(chosen[k]) else chosen[k] for k in auto}
    n_filters = as_sizes(config["n_filters"])
    return {
        "architecture": preset.stages,
        "n_filters": n_filters,
        "depth": int(config["depth"]),
        "kernel_size": _lay_out(
            preset.stages, chosen["kernel_size"], preset.kernels, len(n_filters)
        ),
        "stride": int(config["stride"]),
        "pool_size": int(config["pool_size"]),
        "pooling": config["pooling"],
        "stretch": preset.stretch,
        "differences": preset.differences,
    }


def _lay_out(stages, kernel_size, auto, n_stages):
    """For each stage, the widths of the convolutions of a block."""
    if is_auto(kernel_size):
        # Stages beyond those of the preset are like its last one.
        sizes = auto
        if stages in _OF_ONE_WIDTH:
            sizes = (auto + auto[-1:] * n_stages)[:n_stages]
    else:
        sizes = as_sizes(kernel_size)
        if len(sizes) == 1:
            sizes = _of_one(stages, *sizes, n_stages)
    if stages not in _OF_ONE_WIDTH:
        return (sizes,) * n_stages
    if len(sizes) != n_stages:
        raise ValueError(
            "`kernel_size` must be one integer, or one for each of the "
            f"{n_stages} stages of `n_filters`. Got {kernel_size!r}."
        )
    return tuple((size,) for size in sizes)


def _of_one(stages, size, n_stages):
    """Widths that a single number stands for."""
    if stages in _OF_ONE_WIDTH:
        return (size,) * n_stages
    if stages == "residual":
        return (size, size)
    return (size, max(1, size // 2), max(1, size // 4))
