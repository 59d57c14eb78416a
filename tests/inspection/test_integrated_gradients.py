"""Integrated gradients add up, and agree with captum."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from inspection.explained import case_of, each_case, outputs, total
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from small_nets import DIGIT, DIGITS, NETS

from skdeep import DeepMLPClassifier
from skdeep.inspection import integrated_gradients


@each_case
@pytest.mark.parametrize("baseline", ["mean", "zero", "rows"])
def test_attributions_add_up(case, baseline):
    net, X, background = case_of(case)
    baseline = background[:2] if baseline == "rows" else baseline
    result = integrated_gradients(net, X, baseline=baseline)
    codes = np.searchsorted(net.classes_, result.target)
    differences = outputs(net, X, codes) - result.base_values
    gaps = total(result.attributions) - differences
    assert_allclose(result.convergence_delta, gaps, atol=1e-9)
    assert np.abs(gaps).mean() <= 0.05 * np.abs(differences).mean()


@pytest.mark.parametrize("case", ["pair", "images", "steps"])
def test_base_values_are_the_outputs_of_the_baseline(case):
    net, X, background = case_of(case)
    result = integrated_gradients(net, X, baseline=background[:3], n_steps=4)
    codes = np.searchsorted(net.classes_, result.target)
    for code, base in zip(codes, result.base_values, strict=True):
        assert_allclose(outputs(net, background[:3], [code] * 3).mean(), base)


@pytest.mark.parametrize("case", ["images", "series", "steps"])
def test_it_is_what_captum_says(case):
    net, X, _ = case_of(case)
    x = torch.tensor(X).reshape(-1, *net.input_shape_)
    expected = IntegratedGradients(net.to_module()).attribute(
        x, torch.zeros_like(x), target=torch.tensor(net.predict(X)), n_steps=20
    )
    result = integrated_gradients(net, X, baseline="zero", n_steps=20)
    assert result.n_steps == 20
    assert_allclose(result.attributions.ravel(), expected.numpy().ravel(), atol=1e-9)


def test_lines_are_cut_until_it_adds_up(monkeypatch):
    from skdeep.inspection import _integrated_gradients as module

    net, X, _ = case_of("images")
    monkeypatch.setattr(module, "_FEWEST_STEPS", 1)
    assert integrated_gradients(net, X).n_steps > 1
    monkeypatch.setattr(module, "_MOST_PARTS", 1)
    with pytest.warns(ConvergenceWarning, match="even with 1 steps"):
        assert integrated_gradients(net, X).n_steps == 1


def test_rows_that_are_the_baseline_owe_nothing():
    net, X, _ = case_of("images")
    result = integrated_gradients(net, np.tile(X[0], (2, 1)), baseline=X[:1])
    assert result.n_steps == 16
    assert_array_equal(result.attributions, np.zeros((2, X.shape[1])))


def test_what_makes_the_output_jump_gets_all_of_it():
    """Everywhere but at the jump, which no evenly spaced points meet, slopes vanish."""
    X = np.random.default_rng(0).normal(size=(200, 3))
    net = DeepMLPClassifier(
        (1,), activation="tanh", numerical_embedding=None, n_members=1, max_iter=1
    ).fit(X, X[:, 0] > 0)
    hidden, output = net.module_.linear_layers
    with torch.no_grad():
        hidden.weight[:] = torch.tensor([[1e6, -1e6, 0.0]])
        hidden.bias[:] = -3e5
        output.weight[:] = torch.tensor([[-1.0], [1.0]])
    crossing = X[(X[:, 0] - X[:, 1] > 0.5)][:20]
    result = integrated_gradients(net, crossing, target=True)
    differences = result.attributions.sum(1) - result.convergence_delta
    assert_allclose(differences, 4.0)
    assert np.abs(result.convergence_delta).max() <= 0.05 * 4.0
    change = (crossing - X.mean(0)) / X.std(0)
    share = change[:, :2] * [1, -1]
    share /= share.sum(1, keepdims=True)
    assert_allclose(result.attributions[:, :2], 4.0 * share, atol=0.2)
    assert_array_equal(result.attributions[:, 2], np.zeros(len(crossing)))


def test_the_mean_is_that_of_the_training_data():
    net, X, _ = case_of("images")
    result = integrated_gradients(net, X, n_steps=2)
    codes = np.searchsorted(net.classes_, result.target)
    grey = np.full_like(X, DIGITS.mean())
    assert_allclose(result.base_values, outputs(net, grey, codes), rtol=1e-6)
    raw = clone(NETS["cnn"]).set_params(standardize=False, max_iter=1)
    raw.fit(DIGITS, DIGIT)
    with pytest.raises(ValueError, match="`baseline` must be 'zero' or rows if stand"):
        integrated_gradients(raw, X)
    with pytest.raises(ValueError, match="`baseline` must be 'mean', 'zero' or rows"):
        integrated_gradients(raw, X, baseline="black")


def test_columns_get_what_belongs_to_them():
    """A net that sees one column only owes everything to it."""
    net, X, _ = case_of("categories")
    net = clone(net).set_params(max_iter=8)
    frame, y = X.iloc[np.tile(np.arange(5), 20)], np.tile([0, 1, 2, 0, 1], 20)
    frame = frame.assign(many=np.array(["u", "v", "w"])[y])
    for name in ("a", "b", "c", "d"):
        frame[name] = 1.0
    frame["few"] = "x"
    net.fit(frame, y)
    result = integrated_gradients(net, frame[:5])
    assert list(result.feature_names) == list(frame.columns)
    assert_array_equal(np.abs(result.attributions).argmax(1), [5] * 5)
    assert np.abs(result.attributions[:, :4]).max() < 1e-9
