"""Gradients of the explained output: saliency maps and SmoothGrad."""

import numpy as np
import torch
from sklearn.utils import check_random_state

from skdeep._members import modules_of
from skdeep.inspection._subject import Subject
from skdeep.modules import Standardizer, TableInput


def saliency_maps(
    estimator,
    X,
    *,
    target=None,
    absolute=False,
    n_noisy=0,
    noise_level=0.15,
    random_state=None,
):
    """Slope of the explained output in each value of the input.

    It tells what the net reacts to right where the input is, not what made it answer as
    it did: :func:`integrated_gradients` does.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted classifier of skdeep, or a Pipeline that ends in one.

    X : array-like or data frame of shape (n_samples, ...)
        Input to explain.

    target : label, array-like of shape (n_samples,) or None, default=None
        Class whose logit is explained, for all samples or for each; of two classes,
        the logit less that of the other. None is the class that is predicted.

    absolute : bool, default=False
        Whether to take absolute values, as Simonyan et al. (2014) do. Signs tell in
        which direction the output grows.

    n_noisy : int, default=0
        With more than 0, the mean slope of so many noisy copies of the input:
        SmoothGrad (Smilkov et al., 2017).

    noise_level : float, default=0.15
        Standard deviation of that noise, as a share of the input's own, which nets
        learn unless ``standardize=False``; then the noise is as it is.

    random_state : int, RandomState instance or None, default=None
        Of the noise.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        attributions : ndarray of the shape of X
            Slopes. Categories and tokens have none: they get the slope along their
            learned vector, summed, which is what the output would lose without it if it
            were linear.

        target : ndarray of shape (n_samples,)
            The explained classes.

        method : str

        X, input_shape, channels, feature_names
            What the attributions belong to, and how the net folds it.

        space : str
            "input", or the step of the Pipeline whose output was explained because its
            columns can't be traced back.

    See Also
    --------
    integrated_gradients : What the output owes to each value.

    References
    ----------
    Simonyan, Vedaldi and Zisserman (2014). Deep inside convolutional networks:
    visualising image classification models and saliency maps. ICLR workshop.

    Smilkov, Thorat, Kim, Viegas and Wattenberg (2017). SmoothGrad: removing noise by
    adding noise. ICML workshop.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import DeepMLPClassifier
    >>> from skdeep.inspection import saliency_maps
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = DeepMLPClassifier((16,), max_iter=20, random_state=0).fit(X, y)
    >>> result = saliency_maps(clf, X)
    >>> result.attributions.shape
    (150, 4)
    """
    subject = Subject(estimator, X)
    codes = subject.codes(target)
    rows = subject.tensors(subject.flat)
    seed = check_random_state(random_state).randint(2**31 - 1)
    noise = _Noise(subject.module, noise_level, torch.Generator().manual_seed(seed))
    slopes = np.zeros(subject.flat.shape)
    for part in subject.chunks():
        x, of_part = rows.take(part), torch.from_numpy(codes[part])
        for _ in range(max(1, n_noisy)):
            slopes[part] += _slopes(subject, x, of_part, noise if n_noisy else None)
    slopes /= max(1, n_noisy)
    if absolute:
        slopes = np.abs(slopes)
    method = "smoothgrad" if n_noisy else "saliency"
    return subject.result(method, slopes, codes, slope=True)


def _slopes(subject, x, codes, noise):
    if noise is not None and not subject.holds_tokens:
        x = noise.on_input(x)
    x = x.detach().clone().requires_grad_()
    encoded, present = subject.enter(x)
    if noise is not None and subject.holds_tokens:
        encoded = tuple(map(noise.on_vectors, encoded))
    (gradients,) = subject.gradients(encoded, present, [codes])
    if subject.holds_tokens:
        return _along(subject, encoded, gradients)
    if encoded[0].requires_grad:
        (slopes,) = torch.autograd.grad(encoded, x, gradients)
    else:
        slopes = torch.zeros_like(x)
    slopes = subject.unfold(slopes)
    is_categorical = subject.is_categorical
    if is_categorical.any():
        along = _along(subject, encoded, gradients)
        slopes[:, is_categorical] = along[:, is_categorical]
    return slopes


def _along(subject, encoded, gradients):
    """Slope along what stands for a category or a token."""
    pairs = zip(encoded, gradients, strict=True)
    return subject.collect(tuple(z * g for z, g in pairs))


class _Noise:
    """Normal noise, in proportion to the spread of the input.

    captum's draws from the global generator of torch, which is not ours to seed.
    """

    def __init__(self, module, level, generator):
        self.level, self.generator = level, generator
        self.scale = _spread(modules_of(module)[0])

    def on_input(self, x):
        return x + self._draw(x) * self.scale

    def on_vectors(self, z):
        return z + self._draw(z) * z.std()

    def _draw(self, x):
        noise = torch.randn(x.shape, generator=self.generator, dtype=x.dtype)
        return self.level * noise


def _spread(module):
    """Standard deviation of the input, as far as the net knows it."""
    first = module.standardizer
    if isinstance(first, TableInput):
        spread = torch.zeros(module.config["input_shape"], dtype=module.dtype)
        inner = first.standardizer
        spread[first.numbers] = (
            inner.deviation if isinstance(inner, Standardizer) else 1.0
        )
        return spread
    if isinstance(first, Standardizer):
        return first.deviation
    return 1.0
