"""Grad-CAM: where the maps of a convolution speak for a class."""

import numpy as np
import torch
from torch.nn import functional as F

from skdeep._members import modules_of
from skdeep.inspection._extras import extra
from skdeep.inspection._layers import find_layers, last_map
from skdeep.inspection._subject import Subject
from skdeep.modules import RNN


def grad_cam(estimator, X, *, target=None, layer=None, relu=True):
    """Weighted sum of the maps of a convolution, at the size of the input.

    Each map counts as much as its mean gradient. It is coarse, quick, and shows places
    rather than values.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted :class:`~skdeep.DeepCNNClassifier`, a
        :class:`~skdeep.DeepRNNClassifier` that has convolutions, or a Pipeline that
        ends in one.

    X : array-like of shape (n_samples, ...)
        Input to explain.

    target : label, array-like of shape (n_samples,) or None, default=None
        Class whose logit is explained, for all samples or for each; of two classes,
        the logit less that of the other. None is the class that is predicted.

    layer : str or None, default=None
        Name of the layer, as in ``estimator.to_module().named_modules()``. None is the
        last stage of convolutions, activation included, before any pooling after it.

    relu : bool, default=True
        Whether what speaks against the class is set to zero, as published.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        attributions : ndarray of the shape of X
            The same for all channels of a place, zero at padding.

        maps : ndarray of shape (n_samples, ...)
            In the resolution of the layer. Of an ensemble, the sum over its members.

        layer : str
            Its name.

        target, method, X, input_shape, channels, feature_names, space
            As in :func:`saliency_maps`.

    See Also
    --------
    layer_activations : The maps themselves.

    References
    ----------
    Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra (2017). Grad-CAM: visual
    explanations from deep networks via gradient-based localization. ICCV.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeep import DeepCNNClassifier
    >>> from skdeep.inspection import grad_cam
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = DeepCNNClassifier(
    ...     input_shape=(1, 8, 8), n_filters=(8,), max_iter=2, random_state=0
    ... )
    >>> grad_cam(clf.fit(X[:200], y[:200]), X[:5]).attributions.shape
    (5, 64)
    """
    captum = extra("captum.attr")
    subject = Subject(estimator, X)
    codes = subject.codes(target)
    layer = last_map(subject.module) if layer is None else layer
    explainers = [
        captum.LayerGradCam(subject.read, found)
        for found in find_layers(subject.module, layer)
    ]
    rows, maps, flat = subject.tensors(subject.flat), [], []
    for part in subject.chunks():
        encoded, present = _with_a_long_one(*subject.enter(rows.take(part)))
        targets = torch.from_numpy(codes[part])
        of_part = sum(
            explainer.attribute(
                tuple(z.requires_grad_() for z in encoded),
                target=targets if not present else F.pad(targets, (0, 1)),
                additional_forward_args=present or None,
                relu_attributions=relu,
            ).detach()[: len(targets)]
            for explainer in explainers
        )
        maps.append(of_part[:, 0].double().numpy())
        flat.append(_spread(subject, of_part, [m[: len(targets)] for m in present]))
    return subject.result(
        "grad_cam",
        np.concatenate(flat),
        codes,
        maps=np.concatenate(maps),
        layer=layer,
    )


def _with_a_long_one(encoded, present):
    """Add a sequence of full length, so that nets cut off no steps of padding."""
    if not present:
        return encoded, present
    encoded = tuple(torch.cat([z, z[:1]]) for z in encoded)
    return encoded, tuple(F.pad(m, (0, 0, 0, 0, 0, 1), value=True) for m in present)


def _spread(subject, maps, present):
    """Maps at the size of the input, as ``flat`` has it."""
    shape = subject.fold.module_shape
    recurrent = isinstance(modules_of(subject.module)[0], RNN)
    size = shape[1:]
    if recurrent:
        # Patches are joined, the last one filled up with steps.
        size = (maps.shape[2] * modules_of(subject.module)[0].patch_size,)
    mode = "bilinear" if maps.ndim == 4 else "linear"
    maps = F.interpolate(maps, size, mode=mode)
    if recurrent:
        maps = F.pad(maps, (0, shape[0] - size[0])).transpose(1, 2)
    for mask in present:
        maps = torch.where(mask, maps, 0.0)
    return subject.unfold(maps.expand(-1, *shape) if len(shape) > 1 else maps)
