"""Colours that all readers can tell apart."""

import numpy as np

# The ends of "RdBu_r".
RED, BLUE, GREY = "#B2182B", "#2166AC", "#666666"
# Okabe and Ito (2008), without the yellow that white paper swallows.
QUALITATIVE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#000000",
)
# Not as many as there are colours, so that the pairs repeat late.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
# What lies beyond this share of the values must not wash out the rest.
_SHOWN_SHARE = 0.995


def signed_colours(values):
    """Red for what is positive, blue for what is negative, white for zero."""
    limit = _limit(values)
    return _colours("RdBu_r", -limit, limit, values)


def positive_colours(values):
    """White for zero, to dark orange."""
    return _colours("Oranges", 0.0, _limit(values), values)


def _limit(values):
    absolute = np.abs(values[np.isfinite(values)])
    if not absolute.any():
        return 1.0
    limit = np.quantile(absolute, _SHOWN_SHARE, method="higher")
    return limit if limit > 0 else absolute.max()


def _colours(name, low, high, values):
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    colours = ScalarMappable(Normalize(low, high), name)
    above, below = np.nanmax(values) > high, low < 0 and np.nanmin(values) < low
    colours.extend = {
        (False, False): "neither",
        (True, False): "max",
        (False, True): "min",
        (True, True): "both",
    }[bool(above), bool(below)]
    return colours
