"""What the axes of a sample mean, in the order in which users lay it out."""

import math


def axis_names(net):
    """What the axes of one sample mean, as the user lays it out; a tuple of str."""
    shape, form = net._fold.shape, net._input_format
    if form.table:
        return ("feature",)
    if form.tokens:
        return ("step",)
    names = ["row", "column"] if len(shape) == 3 else ["step"]
    channels_last = len(shape) == 2 and net._time_axis(shape) == 0
    channels_last = channels_last or net._fold.channels_last
    names.insert(len(names) if channels_last else 0, "channel")
    return tuple(names)


def sample_layout(net, X):
    """Shape of one sample of `X`, and what its axes mean.

    Parameters
    ----------
    net : estimator

    X : ndarray, sparse matrix or data frame
        Input of the net, or what a step before it makes that input of.

    Returns
    -------
    shape : tuple of int

    axes : tuple of str
    """
    shape, n_columns = net._fold.shape, math.prod(X.shape[1:])
    if n_columns != math.prod(shape):
        return (n_columns,), ("feature",)
    return shape, axis_names(net)
