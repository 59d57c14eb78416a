"""Grids of panels, and what is written around them."""

import numpy as np

from skdeep.inspection._extras import extra

SMALL, TINY = 9, 7
_MOST_PANELS = 64
# Letters of a title that fit above an inch of a panel.
_LETTERS = 11
# Inches of a figure that is high enough for a bar with its label at the side.
_BAR_HEIGHT = 2.3


class Panels:
    """Axes in a grid, one for each thing to be drawn.

    Parameters
    ----------
    ax : Axes, array-like of Axes or None
        Where to draw; None makes a figure whose layout is constrained.

    n : int
        Number of panels.

    size : (float, float)
        Width and height of a panel in inches, for a new figure.

    n_columns : int
        Most panels in a row of a new figure.

    layout : {"constrained", "compressed"}
        The second one closes the gaps between panels whose shape is given.

    Attributes
    ----------
    axes : ndarray of Axes, (n,)

    figure : Figure

    width : float
        Of a panel, in inches.
    """

    def __init__(self, ax, n, size, n_columns, layout="constrained"):
        plt = extra("matplotlib.pyplot")
        if n > _MOST_PANELS:
            raise ValueError(
                f"`X` must have at most {_MOST_PANELS} rows to be drawn. Got {n}; "
                "choose some of them."
            )
        if ax is not None:
            self.axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
            if len(self.axes) != n:
                raise ValueError(
                    f"`ax` must be one Axes for each of the {n} panels. "
                    f"Got {len(self.axes)}."
                )
            self.n_columns = 1
            self.figure = self.axes[0].figure
            self.width = self.axes[0].get_position().width * self.figure.get_figwidth()
            return
        self.width = size[0]
        # Rows of equal length leave the fewest gaps.
        n_rows = -(-n // n_columns)
        self.n_columns = -(-n // n_rows)
        height = size[1] * n_rows
        if height < _BAR_HEIGHT:
            # Room for a bar below.
            height += 0.6
        self.figure, grid = plt.subplots(
            n_rows,
            self.n_columns,
            figsize=(size[0] * self.n_columns, height),
            layout=layout,
            squeeze=False,
        )
        self.figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
        for spare in grid.flat[n:]:
            spare.remove()
        self.axes = grid.ravel()[:n]

    def is_left(self, i):
        """Whether panel `i` stands at the left, where labels of rows go."""
        return i % self.n_columns == 0

    def set_xlabel(self, i, label):
        """Tell what runs from left to right, unless a panel below `i` does."""
        if self.n_columns == 1 or i + self.n_columns >= len(self.axes):
            self.axes[i].set_xlabel(label, fontsize=SMALL)
        else:
            self.axes[i].tick_params(labelbottom=False)

    def set_title(self, i, y_true, y_pred, target=None, pad=None):
        """Tell the classes of sample `i`, on as many lines as its panel needs."""
        parts = []
        if y_true is not None:
            parts.append(f"true {np.asarray(y_true)[i]}")
        if y_pred is not None:
            parts.append(f"predicted {np.asarray(y_pred)[i]}")
        if target is not None and (y_pred is None or np.asarray(y_pred)[i] != target):
            parts.append(f"why {target}?")
        title = ", ".join(parts)
        if len(title) > _LETTERS * self.width:
            title = "\n".join(parts)
        self.axes[i].set_title(title, fontsize=SMALL + 1, pad=pad)

    def colour_bar(self, colours, label):
        """Explain `colours`, a ScalarMappable, once for all panels."""
        low = self.figure.get_figheight() < _BAR_HEIGHT
        n_rows = -(-len(self.axes) // self.n_columns)
        bar = self.figure.colorbar(
            colours,
            ax=list(self.axes),
            location="bottom" if low else "right",
            shrink=0.5 if low or n_rows > 2 else 0.9,
            aspect=25,
            extend=colours.extend,
        )
        bar.set_label(label, fontsize=SMALL)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=SMALL)
        bar.locator = few_ticks()
        bar.update_ticks()


def few_ticks(integer=False):
    """Round numbers, so few that their labels never touch."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4, integer=integer)


def tidy(ax):
    """Take away what says nothing."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=SMALL)
