"""Inputs that say nothing, for explanations to start from."""

import numpy as np
import torch

from skdeep._members import modules_of
from skdeep.modules import Standardizer, TableInput
from skdeep.modules.tokens import UNKNOWN


def baseline_rows(subject, baseline):
    """Rows to start from, as the module takes them.

    Parameters
    ----------
    subject : Subject

    baseline : {"mean", "zero"} or array-like of shape (n_rows, ...)
        As ``integrated_gradients`` documents it.

    Returns
    -------
    rows : Tensor of shape (n_rows, *module_shape)
        NaN where a category is missing.
    """
    if not (baseline is None or isinstance(baseline, str)):
        return subject.tensors(subject.flatten(baseline)).take(slice(None))
    if baseline not in ("mean", "zero"):
        raise ValueError(
            "`baseline` must be 'mean', 'zero' or rows of the shape of X. "
            f"Got {baseline!r}."
        )
    module = modules_of(subject.module)[0]
    shape = (1, *subject.fold.module_shape)
    if subject.holds_tokens:
        return torch.full(shape, float(UNKNOWN), dtype=module.dtype)
    rows = torch.zeros(shape, dtype=module.dtype)
    rows[:, torch.from_numpy(np.flatnonzero(subject.is_categorical))] = torch.nan
    if baseline == "mean":
        _fill_in_mean(rows, module.standardizer)
    return rows


def _fill_in_mean(rows, first):
    table = isinstance(first, TableInput)
    standardizer = first.standardizer if table else first
    if not isinstance(standardizer, Standardizer):
        raise ValueError(
            "`baseline` must be 'zero' or rows if standardize=False, for then the net "
            "doesn't know the mean. Got 'mean'."
        )
    if table:
        rows[:, first.numbers] = standardizer.center
    else:
        rows[:] = standardizer.center
