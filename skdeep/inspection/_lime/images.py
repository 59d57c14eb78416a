"""LIME of images, of any number of channels."""

import numpy as np
from lime.lime_image import LimeImageExplainer

from skdeep.inspection._layout import axis_names

_MOST_TILES = 8
_CHUNK_BYTES = 2**25


class _Explainer(LimeImageExplainer):
    """lime's explainer, which asks in large batches and shows no progress bar.

    Parameters
    ----------
    image : ndarray of shape (height, width, channels)
        What is explained.

    hidden : ndarray of shape (channels,) or float
        What hides a pixel.
    """

    def __init__(self, image, hidden, random_state):
        super().__init__(random_state=random_state)
        self.image, self.hidden = image, hidden

    def data_labels(
        self, image, fudged_image, segments, classifier_fn, num_samples, batch_size=10
    ):
        """Changed images, as lime draws them, and the answers."""
        _, places = np.unique(segments, return_inverse=True)
        places = places.reshape(segments.shape)
        shape = (num_samples, places.max() + 1)
        shown = self.random_state.randint(0, 2, shape[0] * shape[1]).reshape(shape)
        shown[0] = 1
        size = max(1, _CHUNK_BYTES // self.image.nbytes)
        answers = []
        for start in range(0, num_samples, size):
            part = shown[start : start + size, places, np.newaxis]
            answers.append(classifier_fn(np.where(part, self.image, self.hidden)))
        return shown, np.concatenate(answers)


def explain_image(
    asked, sample, *, segments, baseline, n_features, n_samples, random_state
):
    """Explain an image by its segments."""
    fold = asked.net._fold
    flat = np.asarray(sample, dtype=np.float64).reshape(1, -1)
    if flat.shape[1] != np.prod(fold.shape):
        raise ValueError(
            f"`sample` must be one image of shape {fold.shape}. Got {np.shape(sample)}."
        )
    image = _channels_last(flat.reshape(fold.shape), fold)
    segments = _check_segments(segments, image.shape[:2])
    ask, code, _ = asked.choose(flat)

    def predict(images):
        if not fold.channels_last:
            images = np.moveaxis(images, -1, 1)
        return ask(images.reshape(len(images), -1))

    hidden = image.mean(axis=(0, 1)) if baseline is None else baseline
    explanation = _Explainer(image, hidden, random_state).explain_instance(
        _as_rgb(image),
        predict,
        labels=(code,),
        top_labels=None,
        num_features=n_features or int(np.prod(segments.shape)),
        num_samples=n_samples,
        segmentation_fn=lambda image: segments,
    )
    numbers = np.unique(segments)
    weights = np.zeros(len(numbers))
    for place, weight in explanation.local_exp[code]:
        weights[place] = weight
    heat = weights[np.searchsorted(numbers, segments)]
    # All channels of a pixel are changed together, and share its segment's weight.
    axis = -1 if fold.channels_last else 0
    heat = np.broadcast_to(np.expand_dims(heat, axis), fold.shape)
    shape = _shape_of(sample, fold.shape)
    return asked.tell(
        explanation,
        code,
        heat.reshape(shape).copy(),
        X=np.asarray(sample, dtype=np.float64).reshape(shape),
        shape=fold.shape,
        axes=axis_names(asked.net),
        feature_names=None,
    )


def _channels_last(image, fold):
    return image if fold.channels_last else np.moveaxis(image, 0, -1)


def _shape_of(sample, shape):
    """Of a batch of one, as the user lays it out."""
    given = np.shape(sample)
    n_axes = len(given) - (given[0] == 1 and len(given) not in (1, len(shape)))
    return (1, *given[len(given) - n_axes :])


def _check_segments(segments, size):
    if segments is None:
        height, width = (-(-n // _MOST_TILES) for n in size)
        rows, columns = np.indices(size)
        return rows // height * _MOST_TILES + columns // width
    segments = np.asarray(segments)
    if segments.shape != size or segments.dtype.kind not in "iu":
        raise ValueError(
            f"`segments` must be integers of shape {size}. Got {segments.dtype} of "
            f"shape {segments.shape}."
        )
    return segments


def _as_rgb(image):
    """Picture that lime shows; of other than three channels their mean."""
    if image.shape[2] == 3:
        return image
    return np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
