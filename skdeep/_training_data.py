"""What a fit is given: checked, in arrays, codes and weights."""

from typing import NamedTuple

import numpy as np
import torch

from skdeep import _batches as batching
from skdeep import _sequences as sequences
from skdeep import _validation as validation
from skdeep._devices import resolve_device, resolve_dtype
from skdeep._facts import find_columns, find_facts
from skdeep._frames import Columns
from skdeep._members import join_modules

# Fewer rows train in no time in float64, in which sums of few terms are exact enough to
# treat weights as repetitions.
_MANY_ROWS = 1000


class Data(NamedTuple):
    """Validated training data.

    Attributes
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)

    index : ndarray of int
        Positions of the rows that count; X is not copied for their sake.

    targets : Targets

    weight : ndarray of shape (n_samples,) or None
        Sample weights times class weights.

    fold : Fold

    device : torch.device

    dtype : torch.dtype

    columns : Columns or None
        Of a table with categories.

    facts : dict
        What the module's configuration holds about X, besides its shape.

    present : ndarray of int
        As `index`, but with each of the rows that are merged there.
    """

    X: object
    index: np.ndarray
    targets: validation.Targets
    weight: np.ndarray | None
    fold: batching.Fold
    device: torch.device
    dtype: torch.dtype
    columns: Columns | None
    facts: dict
    present: np.ndarray

    def fitted_attributes(self, modules):
        """What an estimator needs to predict with `modules`."""
        multilabel = self.targets.multilabel
        return {
            "classes_": self.targets.classes,
            "input_shape_": self.fold.module_shape,
            "out_activation_": "logistic" if multilabel else "softmax",
            "n_outputs_": len(self.targets.classes),
            "module_": join_modules(modules, multilabel),
            "_fold": self.fold,
            "_columns": self.columns,
        }


def validate(estimator, X, y, sample_weight, *, classes, going_on, incremental):
    """From what the user passed to arrays, codes and weights.

    Parameters
    ----------
    estimator : BaseDeepClassifier

    X, y, sample_weight : array-like
        As passed to ``fit``.

    classes : array-like or None
        As passed to ``partial_fit``.

    going_on : bool
        Whether training goes on from an earlier fit.

    incremental : bool
        Whether this is ``partial_fit``.

    Returns
    -------
    data : Data
    """
    form = estimator._input_format
    columns = find_columns(estimator, X, going_on, declared=incremental)
    flat, y = validation.check_X(
        estimator, X, y, input_format=form, reset=not going_on, columns=columns
    )
    if going_on:
        if not incremental:
            validation.check_same_classes(y, estimator.classes_)
        classes = estimator.classes_
    targets = validation.encode_targets(y, classes)
    shape = validation.resolve_input_shape(
        X,
        flat.shape[1],
        getattr(estimator, "input_shape", None),
        form,
        estimator._default_shape(flat.shape[1]),
    )
    if form.padded:
        sequences.check_padding(flat, shape, estimator._time_axis(shape))
    if form.tokens:
        sequences.check_tokens(flat)
    sample_weight = validation.check_sample_weight(sample_weight, flat.shape[0])
    weight = validation.combine_weights(targets, sample_weight, estimator.class_weight)
    index = np.arange(flat.shape[0])
    if weight is not None and not weight.all():
        index = np.flatnonzero(weight)
        if columns is not None and not (going_on or incremental):
            # Rows of weight zero are as good as absent.
            columns = columns.keep_present(flat, index)
    channels_last = getattr(estimator, "channels", "first") == "last"
    fold = batching.Fold(shape, channels_last)
    facts = find_facts(estimator, flat, index, columns, fold, going_on)
    present = index
    if estimator.solver == "lbfgs":
        index, weight = batching.distinct_rows(flat, targets.codes, weight, index)
    if going_on:
        device, dtype = estimator.module_.device, estimator.module_.dtype
    else:
        device = resolve_device(estimator.device)
        name = estimator.dtype
        if name == "auto" and _suits_float32(estimator, flat):
            name = "float32"
        dtype = resolve_dtype(name, flat.dtype, device)
    return Data(
        flat, index, targets, weight, fold, device, dtype, columns, facts, present
    )


def _suits_float32(estimator, flat):
    """Whether float32 saves time and loses nothing."""
    if estimator.mixed_precision or estimator._input_format.tokens:
        return True
    # lbfgs follows rounding errors far.
    enough = flat.shape[0] >= _MANY_ROWS and estimator.solver != "lbfgs"
    return enough and validation.fits_float32(flat)
