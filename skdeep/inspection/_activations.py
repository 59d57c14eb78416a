"""What comes out of a layer."""

import numpy as np
import torch
from sklearn.utils import Bunch

from skdeep.inspection._layers import find_layers
from skdeep.inspection._subject import Subject
from skdeep.modules import SharedMLP


def layer_activations(estimator, X, layer):
    """Output of a layer, of each sample.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted classifier of skdeep, or a Pipeline that ends in one.

    X : array-like or data frame of shape (n_samples, ...)
        Input.

    layer : str
        Its name, as in ``estimator.to_module().named_modules()``; an unknown one is
        answered by a list of all.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        activations : ndarray of shape (n_samples, ...)
            Float64; the mean over the members of an ensemble whose layer is as large
            as that of the first. NaN fills up maps of shorter sequences.

        layer : str
            The name.

        X, input_shape, channels, feature_names, space
            As in :func:`saliency_maps`.

    See Also
    --------
    grad_cam : Which parts of a map speak for a class.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import DeepMLPClassifier
    >>> from skdeep.inspection import layer_activations
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = DeepMLPClassifier((16,), max_iter=5, random_state=0).fit(X, y)
    >>> layer_activations(clf, X, "hidden.0").activations.shape
    (150, 16)
    """
    subject = Subject(estimator, X)
    layers = find_layers(subject.module, layer)
    seen = []
    for found in layers:
        found.register_forward_hook(lambda _, given, output: seen.append(output))
    rows, parts = subject.tensors(subject.flat), []
    for part in subject.chunks():
        seen.clear()
        with torch.no_grad():
            subject.module(rows.take(part))
        # Recurrent cells return their last states too.
        outputs = [output if torch.is_tensor(output) else output[0] for output in seen]
        if isinstance(subject.module, SharedMLP) and outputs[0].ndim == 3:
            outputs = [output.mean(0) for output in outputs]
        alike = [output for output in outputs if output.shape == outputs[0].shape]
        parts.append(torch.stack(alike).double().mean(0).numpy())
    return Bunch(activations=_join(parts), layer=layer, **subject.described())


def _join(chunks):
    """Join maps of samples, NaN where a chunk of shorter sequences ends.

    Parameters
    ----------
    chunks : list of ndarray of shape (n_samples, ...)

    Returns
    -------
    joined : ndarray
    """
    shape = np.max([chunk.shape[1:] for chunk in chunks], axis=0)
    joined = np.full((sum(map(len, chunks)), *shape), np.nan)
    start = 0
    for chunk in chunks:
        stop = start + len(chunk)
        joined[(slice(start, stop), *map(slice, chunk.shape[1:]))] = chunk
        start = stop
    return joined
