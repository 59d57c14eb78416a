"""Occlusion: what the output loses without a part of the input."""

import numpy as np
import torch

from skdeep.inspection._baselines import baseline_rows
from skdeep.inspection._extras import extra
from skdeep.inspection._subject import Subject

# Windows that are hidden in one forward pass.
_AT_ONCE = 16
# Windows that cover an axis side by side, if nothing else is asked for.
_PER_AXIS = 8


def occlusion(
    estimator,
    X,
    *,
    target=None,
    baseline="mean",
    window=None,
    stride=None,
    by_channel=False,
):
    """Hide one part of the input after the other.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted classifier of skdeep, or a Pipeline that ends in one.

    X : array-like or data frame of shape (n_samples, ...)
        Input to explain.

    target : label, array-like of shape (n_samples,) or None, default=None
        Class whose logit is explained, for all samples or for each; of two classes,
        the logit less that of the other. None is the class that is predicted.

    baseline : {"mean", "zero"} or array-like of shape (n_rows, ...), default="mean"
        What takes the place of a hidden part, as in :func:`integrated_gradients`.

    window : int, tuple of int or None, default=None
        Size of a part along each axis but the channels: height and width, or time
        steps. None is one column, one token, or an eighth of each axis.

    stride : int, tuple of int or None, default=None
        From one part to the next; overlapping ones are averaged. None is half a
        window.

    by_channel : bool, default=False
        Whether channels, or the features of a time step, are hidden one by one.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        attributions : ndarray of the shape of X
            What the output loses.

        target, method, X, input_shape, channels, feature_names, space
            As in :func:`saliency_maps`.

    References
    ----------
    Zeiler and Fergus (2014). Visualizing and understanding convolutional networks.
    ECCV.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import DeepMLPClassifier
    >>> from skdeep.inspection import occlusion
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = DeepMLPClassifier((16,), max_iter=20, random_state=0).fit(X, y)
    >>> occlusion(clf, X).attributions.shape
    (150, 4)
    """
    captum = extra("captum.attr")
    subject = Subject(estimator, X)
    codes = subject.codes(target)
    starts = baseline_rows(subject, baseline)
    window, stride = _windows(subject, window, stride, by_channel)
    explainer = captum.Occlusion(_hide(subject))
    rows, flat = subject.tensors(subject.flat), np.zeros(subject.flat.shape)
    for part in subject.chunks(_AT_ONCE):
        x = rows.take(part)
        for start in starts:
            lost = explainer.attribute(
                torch.ones_like(x),
                sliding_window_shapes=window,
                strides=stride,
                baselines=0,
                target=torch.from_numpy(codes[part]),
                additional_forward_args=(x, start.expand_as(x)),
                perturbations_per_eval=_AT_ONCE,
            )
            flat[part] += subject.unfold(lost)
    if subject.net._input_format.padded:
        # It is never hidden: what it seems to change is rounding.
        flat[np.isnan(subject.flat)] = 0.0
    return subject.result("occlusion", flat / len(starts), codes)


def _hide(subject):
    """Function of what is shown: NaN and codes can't be weighed by 0 and 1."""
    form = subject.net._input_format

    def outputs(shown, x, start):
        hidden = shown == 0
        if form.tokens:
            hidden = hidden & (x != 0)
        elif form.padded:
            hidden = hidden & ~x.isnan()
        with torch.no_grad():
            return subject.outputs(subject.module(torch.where(hidden, start, x)))

    return outputs


def _windows(subject, window, stride, by_channel):
    """Shapes for captum, of all axes of a sample as the module takes it."""
    shape, form = subject.fold.module_shape, subject.net._input_format
    if form.table or form.tokens:
        axes, channels = shape, None
        default = (1,)
    else:
        # Recurrent nets take time steps first.
        channels = 0 if type(subject.net)._module_name == "CNN" else 1
        axes = tuple(np.delete(shape, channels).tolist())
        default = tuple(-(-n // _PER_AXIS) for n in axes)
    window = _per_axis("window", window, default, axes)
    half = tuple(-(-size // 2) for size in window)
    stride = _per_axis("stride", stride, half, window)
    if channels is not None:
        size = 1 if by_channel else shape[channels]
        window = (*window[:channels], size, *window[channels:])
        stride = (*stride[:channels], size, *stride[channels:])
    return window, stride


def _per_axis(name, given, default, most):
    """One size for each axis."""
    if given is None:
        return default
    sizes = tuple(given) if np.ndim(given) else (given,) * len(most)
    fits = len(sizes) == len(most) and all(
        isinstance(size, (int, np.integer)) and 1 <= size <= n
        for size, n in zip(sizes, most, strict=True)
    )
    if not fits:
        raise ValueError(
            f"`{name}` must be an integer, or one for each axis, of at least 1 and at "
            f"most {most}. Got {given!r}."
        )
    return tuple(map(int, sizes))
