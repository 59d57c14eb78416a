"""What a layer makes of the input."""

import math

import numpy as np

from skdeep._members import modules_of
from skdeep.inspection._activations import layer_activations
from skdeep.inspection._displays import drawing
from skdeep.inspection._displays.colours import GREY, positive_colours, signed_colours
from skdeep.inspection._displays.panels import SMALL, TINY, Panels, tidy
from skdeep.inspection._subject import take_apart
from skdeep.modules import RNN


class ActivationDisplay:
    """Output of a layer for each sample.

    Of images, the channels stand side by side; of series, each channel is a strip along
    time; units without a place are bars. All panels share one scale, which is centred
    at zero if the layer has negative outputs.

    Parameters
    ----------
    activations : ndarray of shape (n_samples, n_channels, ...)
        Output of the layer, channels before rows, columns and time.

    layer : str
        Its name.

    y_true, y_pred : array-like of shape (n_samples,), default=None
        Classes for the titles.

    Attributes
    ----------
    axes_ : ndarray of Axes of shape (n_samples,)

    figure_ : Figure
    """

    def __init__(self, activations, *, layer, y_true=None, y_pred=None):
        self.activations = activations
        self.layer = layer
        self.y_true = y_true
        self.y_pred = y_pred

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, layer, ax=None, **plot_options):
        """Draw what a layer of a net makes of samples.

        Parameters
        ----------
        estimator : estimator
            A fitted net, or a Pipeline that ends in one.

        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Samples.

        y : array-like of shape (n_samples,), default=None
            True classes, for the titles.

        layer : str
            Name of the layer, as :func:`layer_activations` takes it.

        ax : Axes or array-like of Axes, default=None
            One for each sample; None makes a figure.

        **plot_options
            Passed to :meth:`plot`.

        Returns
        -------
        display : ActivationDisplay
        """
        activations = layer_activations(estimator, X, layer).activations
        _, net = take_apart(estimator)
        reads_steps = isinstance(modules_of(net.module_)[0], RNN)
        if activations.ndim == 3 and reads_steps and "convolutions" not in layer:
            # Cells put time before units.
            activations = activations.swapaxes(1, 2)
        classes = {"y_true": y, "y_pred": estimator.predict(X)}
        return cls(activations, layer=layer, **classes).plot(ax=ax, **plot_options)

    def plot(self, ax=None, *, max_channels=16):
        """Draw a panel for each sample.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            One for each sample; None makes a figure.

        max_channels : int, default=16
            Most channels, or units, that are drawn: those that differ most from zero
            over all samples.

        Returns
        -------
        self : ActivationDisplay
        """
        activations = np.asarray(self.activations, dtype=np.float64)
        strength = np.nanmean(
            np.abs(activations),
            axis=tuple(j for j in range(activations.ndim) if j != 1),
        )
        # In the order that they have in the layer.
        shown = np.sort(strength.argsort(kind="stable")[::-1][:max_channels])
        activations = activations[:, shown]
        draw, size, n_columns, layout = {
            2: (_draw_units, (3.6, 2.0), 4, "constrained"),
            3: (_draw_strips, (3.6, 0.8 + 0.16 * len(shown)), 4, "constrained"),
            4: (_draw_maps, (2.5, 2.6), 4, "compressed"),
        }[activations.ndim]
        if len(activations) == 1:
            size = np.multiply(size, 1.7)
        panels = Panels(ax, len(activations), size, n_columns, layout)
        signed = np.nanmin(activations) < 0
        make = signed_colours if signed else positive_colours
        colours = make(activations)
        # Numbers of channels stand between the maps and the title.
        pad = 11 if activations.ndim == 4 else None
        for i, sample in enumerate(activations):
            draw(panels, i, sample, shown, colours)
            panels.set_title(i, self.y_true, self.y_pred, pad=pad)
        label = f"output of layer {self.layer!r}"
        if activations.ndim == 2:
            low, high = min(activations.min(), 0.0), max(activations.max(), 0.0)
            for panel in panels.axes:
                panel.set_ylim(1.05 * low, 1.05 * high or 1.0)
            panels.axes[0].set_ylabel(label, fontsize=SMALL)
        else:
            panels.colour_bar(colours, label)
        self.axes_, self.figure_ = panels.axes, panels.figure
        return self


def _draw_units(panels, i, units, shown, colours):
    panel = panels.axes[i]
    panel.bar(range(len(units)), units, color=colours.to_rgba(units), edgecolor="0.4")
    panel.axhline(0, color=GREY, linewidth=0.8)
    tidy(panel)
    step = -(-len(shown) // 16)
    panel.set_xticks(range(0, len(shown), step), shown[::step], fontsize=TINY)
    panels.set_xlabel(i, "unit")


def _draw_strips(panels, i, channels, shown, colours):
    panel = panels.axes[i]
    drawing.draw_strips(panel, channels, colours)
    panels.set_xlabel(i, "time step of the layer")
    if panels.is_left(i):
        drawing.name_rows(panel, shown)
        panel.set_ylabel("channel", fontsize=SMALL)
    else:
        panel.set_yticks([])


def _draw_maps(panels, i, maps, shown, colours):
    panel = panels.axes[i]
    n_maps, height, width = maps.shape
    n_columns = math.ceil(math.sqrt(n_maps * height / width))
    for k, (channel, one) in enumerate(zip(shown, maps, strict=True)):
        row, column = divmod(k, n_columns)
        x, y = column * 1.12 * width, row * (1.12 * height + 0.08 * width)
        drawing.draw_tile(panel, colours.to_rgba(one), x, y)
        panel.text(x - 0.5, y - 0.55, channel, fontsize=TINY, color=GREY)
    drawing.only_tiles(panel)
