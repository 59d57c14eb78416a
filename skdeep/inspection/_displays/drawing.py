"""Images, series, maps and bars on one Axes."""

import math

import numpy as np

from skdeep.inspection._displays.colours import BLUE, GREY, RED
from skdeep.inspection._displays.panels import SMALL, TINY, few_ticks, tidy

# Columns of a text.
N_LETTERS = 80
# Inches that a line of text takes.
_SMALL_LINE, _TINY_LINE = 0.16, 0.11


# ------------------------------------------------------------------------- images


def as_pictures(images):
    """Images as a reader knows them.

    Parameters
    ----------
    images : ndarray of shape (n, channels, height, width)
        Three channels are red, green and blue; of others the mean is shown.

    Returns
    -------
    pictures : ndarray of shape (n, height, width, 3)
        Between 0 and 1. Where a quarter of the pixels is blank, as in drawings and
        writing, blank is white and ink is black.
    """
    low, high = np.nanmin(images), np.nanmax(images)
    scaled = np.nan_to_num((images - low) / (high - low if high > low else 1.0))
    if images.shape[1] == 3:
        return np.moveaxis(scaled, 1, -1)
    gray = scaled.mean(axis=1)
    if (gray == gray.min()).mean() > 0.25:
        gray = 1.0 - gray
    return np.repeat(gray[..., np.newaxis], 3, axis=-1)


def draw_image(ax, picture, heat, colours):
    """A picture, and beside it the map over the faded picture."""
    height, width = heat.shape
    gray = picture.mean(axis=-1, keepdims=True)
    blended = colours.to_rgba(heat)[..., :3] * (0.75 + 0.25 * gray)
    wide = is_wide(width, height)
    draw_tile(ax, picture, 0, 0)
    draw_tile(ax, blended, 0 if wide else 1.08 * width, 1.08 * height if wide else 0)
    only_tiles(ax)


def is_wide(width, height):
    """Whether two such pictures stand one above the other."""
    return width > 1.8 * height


def draw_tile(ax, pixels, x, y):
    """A framed picture whose first pixel is centred at (x, y)."""
    from matplotlib.patches import Rectangle

    height, width = pixels.shape[:2]
    edges = (x - 0.5, x + width - 0.5, y + height - 0.5, y - 0.5)
    ax.imshow(pixels, extent=edges, interpolation="nearest")
    frame = Rectangle((edges[0], edges[3]), width, height, fill=False)
    frame.set(edgecolor="0.7", linewidth=0.6, clip_on=False)
    ax.add_patch(frame)


def only_tiles(ax):
    """Show all tiles and nothing else."""
    edges = np.array([image.get_extent() for image in ax.images])
    ax.set(
        xlim=(edges[:, 0].min(), edges[:, 1].max()),
        ylim=(edges[:, 2].max(), edges[:, 3].min()),
        xticks=[],
        yticks=[],
    )
    ax.spines[:].set_visible(False)


def draw_map(ax, heat, colours, axes):
    """A map whose rows and columns are numbered."""
    aspect = "equal" if set(axes) == {"row", "column"} else "auto"
    colours = {"cmap": colours.cmap, "norm": colours.norm}
    ax.imshow(heat, aspect=aspect, interpolation="nearest", **colours)
    ylabel, xlabel = (axis.replace("step", "time step") for axis in axes)
    ax.set(ylabel=ylabel, xlabel=xlabel)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(few_ticks(integer=True))
    ax.spines[:].set_visible(False)
    ax.tick_params(labelsize=SMALL)


# ------------------------------------------------------------------------- series


def draw_series(ax, series, heat, colours, ranges):
    """Trace of each channel over its strip of heat.

    Parameters
    ----------
    ax : Axes

    series, heat : ndarray of shape (n_channels, n_steps)

    colours : ScalarMappable

    ranges : ndarray of shape (n_channels, 2)
        What the height of a strip means. A single channel has an axis that says so.
    """
    from matplotlib.patheffects import withStroke

    n_channels, n_steps = series.shape
    low, high = ranges[:, :1], ranges[:, 1:]
    places = np.arange(n_steps)
    if n_channels == 1:
        edges, traces = (low[0, 0], high[0, 0]), series
    else:
        edges = (n_channels - 0.5, -0.5)
        share = (series - low) / np.where(high > low, high - low, 1.0)
        traces = np.arange(n_channels)[:, np.newaxis] + 0.4 - 0.8 * share
    draw_strips(ax, heat, colours, edges)
    halo = [withStroke(linewidth=2.4, foreground="white", alpha=0.7)]
    for trace in traces:
        ax.plot(places, trace, color="black", linewidth=1.0, path_effects=halo)
    ax.set(xlim=(-0.5, n_steps - 0.5), ylim=edges)


def draw_strips(ax, heat, colours, edges=None):
    """A strip along time for each row of `heat`, between two `edges` of the y axis."""
    n_rows, n_steps = heat.shape
    ax.imshow(
        heat,
        cmap=colours.cmap,
        norm=colours.norm,
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, n_steps - 0.5, *(edges or (n_rows - 0.5, -0.5))),
    )
    for row in range(1, n_rows):
        ax.axhline(row - 0.5, color="white", linewidth=2)
    ax.xaxis.set_major_locator(few_ticks(integer=True))
    ax.spines[:].set_visible(False)
    ax.tick_params(labelsize=SMALL, length=2)


def ranges_of(series):
    """Lowest and highest value of each channel with some air, (n_channels, 2).

    Parameters
    ----------
    series : ndarray of shape (n_samples, n_channels, n_steps)
    """
    low, high = np.nanmin(series, axis=(0, 2)), np.nanmax(series, axis=(0, 2))
    air = 0.05 * np.where(high > low, high - low, 1.0)
    return np.stack([low - air, high + air], axis=1)


def name_rows(ax, names):
    """Write names beside strips, as many as there is room for."""
    room = ax.get_position().height * ax.figure.get_figheight() / len(names)
    step = max(1, math.ceil(_TINY_LINE / room))
    ax.set_yticks(range(0, len(names), step), names[::step])
    ax.tick_params(axis="y", labelsize=SMALL if room > _SMALL_LINE else TINY)


# ------------------------------------------------------------------------- bars


def draw_bars(ax, numbers, names, colour=None, spread=None):
    """A bar for each name, the first at the top.

    Parameters
    ----------
    ax : Axes

    numbers : ndarray of shape (n,)

    names : list of str

    colour : str, default=None
        None is red for what is positive and blue for what is negative.

    spread : ndarray of shape (n, 2), default=None
        Ends of a thin line for each bar.
    """
    places = np.arange(len(numbers))
    if colour is None:
        colour = np.where(numbers > 0, RED, BLUE)
    ax.barh(places, numbers, color=colour, height=0.7)
    if spread is not None:
        ax.hlines(places, *spread.T, color="black", linewidth=1.2)
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.set_yticks(places, names)
    ax.set_ylim(len(numbers) - 0.4, -0.6)
    ax.xaxis.set_major_locator(few_ticks())
    tidy(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)


# ------------------------------------------------------------------------- texts


def set_words(words):
    """Where each word of a text begins: pairs of line and column."""
    places, line, column = [], 0, 0
    for word in words:
        if column and column + len(word) > N_LETTERS:
            line, column = line + 1, 0
        places.append((line, column))
        column += len(word) + 1
    return places


def draw_words(ax, words, heat, colours, n_lines, width):
    """Words on paper coloured by `heat`, in `n_lines` lines of `width` inches."""
    # A letter is 0.6 of its size wide, and a point is 1/72 of an inch.
    size = 0.9 * width * 72 / N_LETTERS / 0.6
    paper = colours.to_rgba(heat)
    # Contrast as the eye sees it.
    dark = paper[:, :3] @ (0.299, 0.587, 0.114) < 0.5
    for i, (line, column) in enumerate(set_words(words)):
        ax.text(
            column,
            line,
            words[i],
            family="monospace",
            fontsize=size,
            va="center",
            color="white" if dark[i] else "black",
            bbox={"facecolor": paper[i], "edgecolor": "none", "pad": 1.2},
        )
    ax.set(xlim=(0, N_LETTERS), ylim=(n_lines - 0.4, -0.6))
    ax.set_axis_off()
