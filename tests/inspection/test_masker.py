"""A masker for samples of any shape."""

import numpy as np
import pytest
import shap
from inspection.explained import case_of
from numpy.testing import assert_allclose, assert_array_equal

from skdeep.inspection import NDMasker


def test_hidden_groups_come_from_the_background():
    background = np.arange(12.0).reshape(2, 3, 2)
    masker = NDMasker(background, groups=[[0, 0], [1, 1], [2, 2]])
    x = -np.ones((3, 2))
    (rows,) = masker(np.array([True, False, True]), x)
    assert rows.shape == background.shape
    assert_array_equal(rows[:, [0, 2]], np.full((2, 2, 2), -1.0))
    assert_array_equal(rows[:, 1], background[:, 1])


def test_invariant_groups_are_those_in_common():
    background = np.array([[[1.0, 2.0], [np.nan, 4.0]], [[1.0, 0.0], [3.0, 4.0]]])
    masker = NDMasker(background, groups=[[1, 0], [0, 1]])
    common = masker.invariants(np.array([[1.0, 2.0], [np.nan, 4.0]]))
    assert_array_equal(common, [[True, True], [False, True]])


def test_groups_need_the_shape_of_a_sample():
    with pytest.raises(ValueError, match=r"`groups` must have the shape .* \(3, 2\)"):
        NDMasker(np.zeros((5, 3, 2)), groups=[0, 1, 2])


def test_exact_values_of_time_steps_add_up():
    net, X, background = case_of("padded_steps")
    steps = np.arange(8)[:, None].repeat(8, axis=1)
    full = background[~np.isnan(background).any((1, 2))][:3]
    masker = NDMasker(full, groups=steps)
    rows = X[:1]
    assert not np.isnan(rows).any()
    explanation = shap.explainers.Exact(net.decision_function, masker)(
        rows, silent=True
    )
    assert explanation.shape == (len(rows), 8, 3)
    logits = net.decision_function(rows)
    total = explanation.values.sum(1) + explanation.base_values
    assert_allclose(total, logits, atol=1e-9)
    assert_allclose(explanation.base_values[0], net.decision_function(full).mean(0))
