"""Training in bfloat16; the CPU has it too, though it doesn't pay there."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.base import clone
from small_nets import EACH_NET, NETS, data, fitted, mlp
from torch import nn

from skdeep.model_selection import GridSearchCV


@pytest.fixture
def types(monkeypatch):
    """Types that linear layers compute in while they train."""
    types, forward = set(), nn.Linear.forward

    def watched(self, x):
        result = forward(self, x)
        if torch.is_grad_enabled():
            types.add(result.dtype)
        return result

    monkeypatch.setattr(nn.Linear, "forward", watched)
    return types


@EACH_NET
def test_layers_compute_in_bfloat16_and_weights_stay_in_float32(kind, types):
    X, y = data(kind)
    clf = fitted(kind, mixed_precision=True)
    assert types == {torch.bfloat16}
    assert {p.dtype for p in clf.module_.parameters()} == {torch.float32}
    full = fitted(kind, dtype="float32", normalization=clf.normalization)
    proba, expected = clf.predict_proba(X), full.predict_proba(X)
    assert np.abs(proba - expected).max() > 1e-6
    assert np.abs(proba - expected).mean() < 0.02
    assert abs(clf.score(X, y) - full.score(X, y)) < 0.05


@EACH_NET
def test_searches_train_such_nets_one_by_one(kind, types):
    X, y = data(kind)
    net = clone(NETS[kind]).set_params(mixed_precision=True)
    grid = {"alpha": [0.1, 1.0]}
    search = GridSearchCV(net, grid, cv=2, refit=False, error_score="raise").fit(X, y)
    assert types == {torch.bfloat16}
    assert search.cv_results_["mean_test_score"].min() > 0.5


def test_predictions_are_in_full_precision():
    X, _ = data("mlp")
    clf = fitted("mlp", mixed_precision=True)
    expected = clf.to_module()(torch.from_numpy(X).float()).detach()
    assert_allclose(clf._logits(X), expected, rtol=1e-4, atol=1e-5)


def test_float64_and_mixed_precision_exclude_each_other():
    rule = "`dtype` must be 'auto' or 'float32' with mixed_precision=True"
    with pytest.raises(ValueError, match=rule):
        mlp(mixed_precision=True, dtype="float64").fit(*data("mlp"))
