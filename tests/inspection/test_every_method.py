"""What holds for all functions that explain, on nets and data of all kinds."""

import numpy as np
import pytest
import torch
from inspection.explained import CONVOLUTIONS, anatomy, case_of, each_case
from numpy.testing import assert_array_equal
from sklearn.base import clone
from small_nets import DIGIT, DIGITS

from skdeep.inspection import (
    grad_cam,
    integrated_gradients,
    layer_activations,
    occlusion,
    saliency_maps,
    shap_values,
)


def explain_all(net, X, background, target=None):
    yield saliency_maps(net, X, target=target)
    yield saliency_maps(net, X, target=target, n_noisy=2, random_state=0)
    yield integrated_gradients(net, X, target=target, n_steps=8)
    yield integrated_gradients(
        net, X, target=target, baseline=background[:2], n_steps=8
    )
    yield occlusion(net, X, target=target)


@each_case
def test_shapes_targets_and_the_net_as_it_was(case):
    net, X, background = case_of(case)
    before, drawn = anatomy(net), torch.get_rng_state()
    logits = net.decision_function(X)
    for result in explain_all(net, X, background):
        assert result.attributions.shape == X.shape
        assert result.attributions.dtype == np.float64
        assert np.isfinite(result.attributions).all()
        assert (result.attributions != 0).any()
        assert result.X is X
        assert result.space == "input"
        assert result.input_shape == net._fold.module_shape
        if case == "labels":
            assert_array_equal(result.target, logits.argmax(1))
        else:
            assert_array_equal(result.target, net.predict(X))
    explanation = shap_values(net, X, background, random_state=0)
    assert explanation.shape == (*X.shape, len(net.classes_))
    assert_array_equal(net.decision_function(X), logits)
    assert anatomy(net) == before
    assert_array_equal(torch.get_rng_state(), drawn)


@pytest.mark.parametrize("case", ["pair", "labels", "padded_steps"])
def test_a_label_for_all_or_one_for_each(case):
    net, X, background = case_of(case)
    label = net.classes_[1]
    for one, each in zip(
        explain_all(net, X, background, label),
        explain_all(net, X, background, [label] * len(X)),
        strict=True,
    ):
        assert_array_equal(one.attributions, each.attributions)
        assert_array_equal(one.target, [label] * len(X))


@pytest.mark.parametrize("case", ["padded_series", "padded_steps"])
def test_padding_gets_nothing(case):
    net, X, background = case_of(case)
    padding = np.isnan(X)
    assert padding.any()
    for result in explain_all(net, X, background):
        assert (result.attributions[padding] == 0).all()
    assert (shap_values(net, X, background).values[padding] == 0).all()


def test_chunks_make_no_difference(monkeypatch):
    from skdeep.inspection import _subject

    net, X, background = case_of("padded_steps")
    whole = [*explain_all(net, X, background), grad_cam(net, X)]
    monkeypatch.setattr(_subject, "_CHUNK", 1)
    parts = [*explain_all(net, X, background), grad_cam(net, X)]
    # Noise is drawn chunk by chunk.
    for a, b in zip(whole[:1] + whole[2:], parts[:1] + parts[2:], strict=True):
        np.testing.assert_allclose(a.attributions, b.attributions, atol=1e-7)


@pytest.mark.parametrize("case", ["images", "padded_steps"])
def test_failing_half_way_leaves_the_net_as_it_was(case, monkeypatch):
    from skdeep.inspection import _subject

    net, X, background = case_of(case)
    assert case in CONVOLUTIONS
    net = clone(net).fit(DIGITS.reshape(-1, *X.shape[1:]), DIGIT)
    before, said = anatomy(net), net.predict_proba(X)

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(_subject.Subject, "unfold", fail)
    monkeypatch.setattr(_subject.Subject, "described", fail)
    for explain in (
        saliency_maps,
        integrated_gradients,
        occlusion,
        grad_cam,
        lambda net, X: shap_values(net, X, background),
        lambda net, X: layer_activations(net, X, "head.0"),
    ):
        with pytest.raises(MemoryError):
            explain(net, X)
    with pytest.raises(ValueError, match="`target`"):
        saliency_maps(net, X, target="none")
    assert anatomy(net) == before
    assert_array_equal(net.predict_proba(X), said)
    rows = DIGITS[:64].reshape(-1, *X.shape[1:])
    again = clone(net).fit(DIGITS.reshape(-1, *X.shape[1:]), DIGIT)
    weights = net.partial_fit(rows, DIGIT[:64]).module_.state_dict()
    for name, value in again.partial_fit(rows, DIGIT[:64]).module_.state_dict().items():
        assert_array_equal(weights[name].numpy(), value.numpy())
