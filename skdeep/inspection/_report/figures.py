"""The pictures of a report; none of them touches pyplot."""

import numpy as np

from skdeep.inspection._report.facts import N_BINS

INK, GREY, BLUE, RED = "#1c2733", "#8a949e", "#1f6fb2", "#c2491d"
# Blue and red of equal weight around white, told apart by the colour-blind too.
SIGNED = "RdBu_r"
_FONT = 12
# Cells of a matrix this small have room for their counts.
_MOST_NUMBERED = 12


def _axes(width, height):
    from matplotlib.figure import Figure

    figure = Figure((width, height), layout="constrained")
    ax = figure.subplots()
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=_FONT - 1, colors=INK)
    return figure, ax


def _label(ax, x=None, y=None):
    ax.set_xlabel(x or "", fontsize=_FONT, color=INK)
    ax.set_ylabel(y or "", fontsize=_FONT, color=INK)


def draw_losses(net):
    """Loss of each epoch."""
    figure, ax = _axes(5.2, 3.4)
    curves = [("training", BLUE, "-", net.loss_curve_)]
    if net.validation_loss_curve_ is not None:
        curves.append(("validation", RED, "--", net.validation_loss_curve_))
    for name, colour, style, curve in curves:
        marker = "o" if len(curve) == 1 else None
        epochs = range(1, len(curve) + 1)
        ax.plot(epochs, curve, style, color=colour, label=name, marker=marker)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(frameon=False, fontsize=_FONT - 1)
    _label(ax, "epoch", "loss")
    return figure


def draw_confusions(matrix, names):
    """Share of each true class that is given each answer."""
    n = len(matrix)
    size = min(max(4.2, 2.0 + 0.5 * n), 7.0)
    figure, ax = _axes(size, size)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    if n <= _MOST_NUMBERED:
        for (i, j), count in np.ndenumerate(matrix):
            colour = "white" if share[i, j] > 0.6 else INK
            ax.text(
                *(j, i), count, ha="center", va="center", color=colour, fontsize=_FONT
            )
    step = -(-n // 24)
    places, shown = range(0, n, step), [_short(name, 14) for name in names[::step]]
    ax.set_yticks(places, shown)
    turned = 90 if max(map(len, shown)) > 3 else 0
    ax.set_xticks(places, shown, rotation=turned)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    _label(ax, "answer", "true class")
    return figure


def draw_reliability(reliability):
    """Accuracy of the answers of each confidence, and how many there are."""
    from matplotlib.figure import Figure

    figure = Figure((5.2, 4.6), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], ":", color=GREY, label="as sure as right")
    filled = reliability.counts > 0
    points = reliability.confidence[filled], reliability.accuracy[filled]
    # Points of few answers say little, and are small.
    area = 20 + 180 * reliability.counts[filled] / reliability.counts.max()
    above.scatter(*points, area, color=BLUE, alpha=0.8, label="this model")
    above.set_ylim(-0.08, 1.08)
    above.legend(frameon=False, fontsize=_FONT - 1, loc="upper left")
    _label(above, y="share right")
    middles = (np.arange(N_BINS) + 0.5) / N_BINS
    below.bar(middles, reliability.counts, 0.9 / N_BINS, color=GREY)
    _label(below, "confidence", "answers")
    for ax in (above, below):
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=_FONT - 1, colors=INK)
    return figure


def draw_map(heat, axes, unit):
    """How much each tile of an image, or window of a series, matters."""
    if heat.ndim == 1:
        figure, ax = _axes(6.4, 3.0)
        ax.step(np.arange(len(heat)), heat, where="mid", color=BLUE)
        ax.axhline(0, color=GREY, linewidth=0.8)
        _label(ax, axes[0], unit)
        return figure
    figure, ax = _axes(4.8, 4.2)
    image = ax.imshow(heat, cmap="Blues", vmin=0, vmax=max(heat.max(), 1e-12))
    figure.colorbar(image, ax=ax, shrink=0.8, label=unit)
    ax.spines[:].set_visible(False)
    _label(ax, axes[1], axes[0])
    return figure


def draw_image(image, heat):
    """An image, (height, width, channels), beside its signed map, (height, width)."""
    from matplotlib.figure import Figure

    figure = Figure((4.4, 2.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    low, high = image.min(), image.max()
    gray = (image - low) / (high - low if high > low else 1.0)
    if gray.shape[2] != 3:
        gray = gray.mean(axis=2)
    left.imshow(gray, cmap="gray", vmin=0, vmax=1)
    limit = np.abs(heat).max() or 1.0
    right.imshow(heat, cmap=SIGNED, vmin=-limit, vmax=limit)
    for ax in (left, right):
        ax.set(xticks=[], yticks=[])
    return figure


def draw_series(series, heat, channels):
    """Channels of a series over the strips of their signed maps, (n_channels, n)."""
    n_channels, n_steps = series.shape
    figure, ax = _axes(4.4, min(1.4 + 0.35 * n_channels, 6.0))
    limit = np.abs(heat).max() or 1.0
    edges = (-0.5, n_steps - 0.5, n_channels - 0.5, -0.5)
    ax.imshow(heat, cmap=SIGNED, vmin=-limit, vmax=limit, aspect="auto", extent=edges)
    low = np.nanmin(series, axis=1, keepdims=True)
    height = np.nanmax(series, axis=1, keepdims=True) - low
    share = (series - low) / np.where(height > 0, height, 1.0)
    for place, trace in enumerate(share):
        ax.plot(np.arange(n_steps), place + 0.4 - 0.8 * trace, color=INK, linewidth=1.2)
    step = -(-n_channels // 12)
    ax.set_yticks(range(0, n_channels, step), channels[::step])
    ax.set_ylim(n_channels - 0.5, -0.5)
    ax.spines[:].set_visible(False)
    _label(ax, "step")
    return figure


def _short(name, n_letters):
    # A dollar would start a formula.
    name = name.replace("$", r"\$")
    return name if len(name) <= n_letters else f"{name[: n_letters - 1]}…"
