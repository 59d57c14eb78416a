"""Layers and numbers of parameters, against torch and scikit-learn."""

import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_nets import X, Y, data, fitted, mlp

from skdeep.inspection import summary


def test_layers_have_the_shapes_and_sizes_that_scikit_learn_gives_them():
    options = {"hidden_layer_sizes": (7, 5), "max_iter": 1, "alpha": 0.0}
    theirs = MLPClassifier(solver="lbfgs", **options)
    with pytest.warns(ConvergenceWarning):
        theirs.fit(X, Y)
    result = summary(mlp(**options, numerical_embedding=None).fit(X, Y))
    linear = [layer for layer in result.layers if layer.kind == "Linear"]
    for layer, coef, intercept in zip(
        linear, theirs.coefs_, theirs.intercepts_, strict=True
    ):
        assert layer.output_shape == intercept.shape
        assert layer.n_parameters == coef.size + intercept.size
    assert result.n_trainable == sum(layer.n_parameters for layer in linear)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("mlp", {"n_members": 2}),
        ("cnn", {"architecture": "residual"}),
        ("cnn", {"architecture": "inception", "channels": "last"}),
        ("rnn", {"architecture": "lstm_fcn", "bidirectional": True}),
        ("rnn", {"pooling": "attention", "n_layers": 2, "dropout": 0.1}),
    ],
)
def test_all_parameters_are_in_a_layer(kind, parameters):
    shape = (8, 8, 1) if "channels" in parameters else (1, 8, 8)
    if kind == "cnn":
        parameters = {**parameters, "input_shape": shape}
    net = fitted(kind, **parameters, max_iter=1)
    said = net.predict_proba(data(kind)[0])
    result = summary(net)
    in_layers = result.n_members * sum(layer.n_parameters for layer in result.layers)
    trained = sum(p.numel() for p in net.module_.parameters())
    assert in_layers == result.n_trainable == trained
    state = net.module_.state_dict().values()
    assert result.n_bytes == sum(t.nbytes for t in state)
    assert result.n_parameters == sum(t.numel() for t in state)
    assert result.layers[-1].output_shape == (3,)
    layers = dict(net.to_module().named_modules())
    if result.n_members == 1:
        assert {layer.name for layer in result.layers} <= layers.keys()
    shallow = summary(net, depth=1)
    assert {layer.name.count(".") for layer in shallow.layers} == {0}
    assert not any(module._forward_hooks for module in net.module_.modules())
    assert (net.predict_proba(data(kind)[0]) == said).all()


def test_it_prints_a_table():
    net = fitted("mlp", numerical_embedding=None)
    pipeline = make_pipeline(StandardScaler(), net).fit(X, Y)
    table = repr(summary(pipeline))
    assert "hidden.0      Linear" in table
    assert "(n, 8)               112" in table
    assert "Trainable parameters: 139" in table
    html = summary(net)._repr_html_()
    assert "<td>hidden.0</td><td>Linear</td><td>(n, 8)</td><td>112</td>" in html
