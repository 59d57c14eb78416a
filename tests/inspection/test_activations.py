"""Outputs of layers, by their names."""

import numpy as np
import pytest
import torch
from inspection.explained import case_of, tokens
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits

from skdeep import DeepCNNClassifier
from skdeep.inspection import layer_activations

N_TOKENS = tokens()[0].shape[1]


@pytest.mark.parametrize(
    ("case", "layer", "shape"),
    [
        ("table", "hidden.0", (8,)),
        ("images", "features.0", (4, 8, 8)),
        ("series", "pool", (4,)),
        ("residual", "head", (4,)),
        ("steps", "recurrent.0.forward_cells", (8, 8)),
        ("tokens", "embedding_dropout", (N_TOKENS, 4)),
    ],
)
def test_any_layer(case, layer, shape):
    net, X, _ = case_of(case)
    result = layer_activations(net, X, layer)
    assert result.activations.shape == (5, *shape)
    assert result.layer == layer
    assert result.X is X


def test_the_last_layer_is_what_the_net_says():
    for case in ("images", "steps"):
        net, X, _ = case_of(case)
        logits = layer_activations(net, X, "output").activations
        assert_allclose(logits, net.decision_function(X))


def test_members_are_averaged():
    net, X, _ = case_of("members")
    with torch.no_grad():
        each = [member(torch.tensor(X)) for member in net.to_module().members]
    logits = layer_activations(net, X, "output").activations
    assert_allclose(logits, torch.stack(each).mean(0).numpy())


@pytest.mark.parametrize(
    ("layer", "alike"),
    [
        ("features.0", [0, 1]),
        ("features.0.0.residual.1", [0, 1]),
        ("features.4", [0, 1, 2]),
    ],
)
def test_of_nets_of_several_kinds_those_like_the_first_are_averaged(layer, alike):
    X, y = load_digits(return_X_y=True)
    net = DeepCNNClassifier(input_shape=(8, 8), max_iter=1, random_state=0)
    net.fit(X[:100], y[:100])
    members, expected = net.to_module().members, []
    for i in alike:
        found = dict(members[i].named_modules())[layer]
        found.register_forward_hook(lambda *args: expected.append(args[2]))
        with torch.no_grad():
            members[i](torch.tensor(X[:5].reshape(-1, 8, 8)))
    expected = torch.stack(expected).mean(0)
    assert_allclose(layer_activations(net, X[:5], layer).activations, expected)


def test_maps_of_shorter_sequences_are_filled_up(monkeypatch):
    from skdeep.inspection import _subject

    net, X, _ = case_of("padded_steps")
    layer = "convolutions.blocks.0"
    whole = layer_activations(net, X, layer).activations
    monkeypatch.setattr(_subject, "_CHUNK", 1)
    parts = layer_activations(net, X, layer).activations
    there = ~np.isnan(parts)
    assert not there.all()
    assert_allclose(parts[there], whole[there], atol=1e-9)
    assert (whole[~there] == 0).all()


def test_names_are_listed():
    net, X, _ = case_of("images")
    with pytest.raises(ValueError, match=r"`layer` must be one of \[.*'pool'.*'x'"):
        layer_activations(net, X, "x")
