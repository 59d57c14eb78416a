"""What the data of a fit looked like, for those who watch the net later."""

from skdeep import _batches as batching
from skdeep import _reference as references
from skdeep._inference import forward, most_probable

# Rows that a fitted net predicts to know how often it names each class.
_MOST_PREDICTED = 1000
_STEPS_FOR_ONE = 100


def describe(estimator, data, *, going_on, incremental):
    """What the training data looked like, and what the fitted net says of it.

    Parameters
    ----------
    estimator : BaseDeepClassifier
        With its fitted attributes.

    data : Data

    going_on, incremental : bool
        As in ``validate``. Later parts of the data don't count.

    Returns
    -------
    reference : dict or None
        Packed. None if the fit that goes on has none.
    """
    if incremental and going_on:
        return getattr(estimator, "_reference", None)
    columns = data.columns
    reference = references.learn_reference(
        data.X, data.present, None if columns is None else columns.categories
    )
    # After one epoch on a part of the data, answers will not stay as they are.
    if not incremental:
        reference["classes"] = _predicted_classes(estimator, data)
    return references.pack(reference)


def _predicted_classes(estimator, data):
    """How often the fitted net names each class, or None."""
    # A forward pass takes a third of a step of training: 1 % of the fit at most.
    n_steps = len(data.present) * estimator.n_iter_
    n_rows = min(_MOST_PREDICTED, n_steps // _STEPS_FOR_ONE)
    if not n_rows:
        return None
    index = references.evenly(data.present, n_rows)
    rows = batching.Rows(data.X[index], data.fold, data.dtype, data.device)
    logits = forward(estimator.module_, rows)
    return references.count_classes(most_probable(logits, data.targets.multilabel))
