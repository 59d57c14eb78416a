"""shap's explainers on the nets: values add up, and the nets come out unchanged."""

from functools import cache

import numpy as np
import pytest
import shap
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier

SCHEDULE = {
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.02,
    "max_iter": 8,
    "batch_size": 32,
    "random_state": 0,
}
NETS = {
    "mlp": DeepMLPClassifier((8,), **SCHEDULE),
    "cnn": DeepCNNClassifier(n_filters=(4,), kernel_size=3, **SCHEDULE),
    "rnn": DeepRNNClassifier(architecture="recurrent", hidden_size=6, **SCHEDULE),
}
EACH_NET = pytest.mark.parametrize("kind", NETS)
# shap compares numpy arrays with tensors.
DEEP_WARNINGS = ("ignore:__array_wrap__ must accept context:DeprecationWarning",)


@cache
def series():
    """Digits 0, 1 and 4 as series: how much ink there is in each of the eight rows."""
    X, digit = load_digits(return_X_y=True)
    kept = np.isin(digit, [0, 1, 4])
    X = X[kept].reshape(-1, 8, 8).sum(2)
    return X, np.array(["zero", "one", "", "", "four"])[digit[kept]]


@cache
def fitted(kind):
    return clone(NETS[kind]).fit(*series())


def rows():
    """Background, and rows to explain."""
    X, _ = series()
    return X[::25], X[1:4]


def anatomy(net):
    """All that an explanation could leave behind in a net or in a module."""
    module = getattr(net, "module_", net)
    parts = [
        (
            name,
            part.training,
            {k: len(v) for k, v in vars(part).items() if isinstance(v, dict)},
        )
        for name, part in module.named_modules()
    ]
    weights = {k: v.numpy().tobytes() for k, v in module.state_dict().items()}
    return sorted(vars(net)), parts, weights


def gap(values, base, output):
    """How far values of shape (n, *features, n_outputs) are from adding up."""
    values = values.reshape(len(values), -1, values.shape[-1])
    return np.abs(values.sum(1) + base - output).max()


@EACH_NET
@pytest.mark.parametrize("method", ["__call__", "predict_proba", "decision_function"])
def test_explainer_takes_the_estimator_and_its_methods(kind, method):
    net = fitted(kind)
    background, X = rows()
    before = anatomy(net)
    model = net if method == "__call__" else getattr(net, method)
    explainer = shap.Explainer(model, background, algorithm="permutation", seed=0)
    explanation = explainer(X, silent=True)
    assert explanation.shape == (3, 8, 3)
    output = getattr(net, method)(X)
    assert gap(explanation.values, explanation.base_values, output) < 1e-9
    assert np.abs(explanation.values).max() > 0.01
    assert anatomy(net) == before
    again = shap.Explainer(model, background, algorithm="permutation", seed=0)
    assert_array_equal(again(X, silent=True).values, explanation.values)


def test_explainer_chooses_by_the_number_of_columns_and_never_a_linear_one():
    few = shap.Explainer(fitted("mlp"), rows()[0])
    assert isinstance(few, shap.explainers.Exact)
    X, y = load_wine(return_X_y=True)
    for net in (
        clone(NETS["mlp"]).fit(X, y),
        clone(NETS["mlp"]).set_params(hidden_layer_sizes=()).fit(X, y),
    ):
        assert not hasattr(net, "coef_")
        assert not hasattr(net, "intercept_")
        many = shap.Explainer(net, X[::10])
        assert isinstance(many, shap.explainers.Permutation)


def test_columns_and_classes_keep_their_names():
    data = load_wine(as_frame=True)
    X, y = data.data, data.target_names[data.target]
    net = clone(NETS["mlp"]).fit(X, y)
    explanation = shap.Explainer(net, X.iloc[::10], seed=0)(X.iloc[:3], silent=True)
    assert list(explanation.output_names) == ["class_0", "class_1", "class_2"]
    assert list(explanation.feature_names) == list(X.columns)
    of_class = explanation[:, :, "class_1"]
    assert_array_equal(of_class.values, explanation.values[:, :, 1])


@EACH_NET
def test_explainers_agree_with_the_exact_one(kind):
    net = fitted(kind)
    background, X = rows()
    before = anatomy(net)
    exact = shap.explainers.Exact(net, shap.maskers.Independent(background))(X)
    output = net.predict_proba(X)
    assert gap(exact.values, exact.base_values, output) < 1e-9

    kernel = shap.KernelExplainer(net.predict_proba, background, seed=0)
    # So many samples enumerate all coalitions of eight columns.
    values = kernel.shap_values(X, nsamples=300, l1_reg=False, silent=True)
    assert_allclose(kernel.expected_value, net.predict_proba(background).mean(0))
    assert_allclose(values, exact.values, atol=1e-8)

    permutation = shap.PermutationExplainer(net, background, seed=0)
    values = permutation(X, max_evals=2000, silent=True).values
    assert_allclose(values, exact.values, atol=0.05)
    assert np.corrcoef(values.ravel(), exact.values.ravel())[0, 1] > 0.995

    sampling = shap.SamplingExplainer(net.predict_proba, background, seed=0)
    values = np.asarray(sampling.shap_values(X, nsamples=4000, silent=True))
    assert gap(values, sampling.expected_value, output) < 1e-6
    assert np.corrcoef(values.ravel(), exact.values.ravel())[0, 1] > 0.95
    assert anatomy(net) == before


def test_binary_logits_have_one_output():
    X, y = load_breast_cancer(return_X_y=True)
    net = clone(NETS["mlp"]).fit(X, y)
    explainer = shap.Explainer(net.decision_function, X[::30], seed=0)
    explanation = explainer(X[:3], silent=True)
    assert explanation.shape == (3, 30)
    total = explanation.values.sum(1) + explanation.base_values
    assert_allclose(total, net.decision_function(X[:3]))


def test_pipeline():
    background, X = rows()
    pipeline = make_pipeline(StandardScaler(), clone(NETS["mlp"])).fit(*series())
    explanation = shap.Explainer(pipeline.predict_proba, background)(X)
    output = pipeline.predict_proba(X)
    assert gap(explanation.values, explanation.base_values, output) < 1e-9


@EACH_NET
def test_the_rows_that_inform_come_first(kind):
    """Of eight rows all but 3 and 4 are shuffled, where zeros have a hole."""
    X, y = load_digits(n_class=2, return_X_y=True)
    X = X.reshape(-1, 8, 8)[:, :, 3:5].sum(2)
    rng = np.random.default_rng(0)
    for column in (0, 1, 2, 5, 6, 7):
        X[:, column] = rng.permutation(X[:, column])
    net = clone(NETS[kind]).set_params(max_iter=15).fit(X, y)
    explanation = shap.Explainer(net, X[::20])(X[:20])
    weight = np.abs(explanation.values[:, :, 1]).mean(0)
    assert set(weight.argsort()[-2:]) == {3, 4}
    assert weight[[3, 4]].min() > 2 * np.delete(weight, [3, 4]).max()


@cache
def images():
    X, y = load_digits(n_class=4, return_X_y=True)
    return X.reshape(-1, 8, 8, 1), y


def test_partition_with_an_image_masker():
    X, y = images()
    net = DeepCNNClassifier(channels="last", n_filters=(4,), **SCHEDULE).fit(X, y)
    before = anatomy(net)
    masker = shap.maskers.Image(np.zeros((8, 8, 1)), (8, 8, 1))
    # More would evaluate all 128 merges of 64 pixels and still add up.
    first, second = (
        shap.Explainer(net, masker, seed=0)(X[:2], max_evals=200, silent=True)
        for _ in range(2)
    )
    assert isinstance(shap.Explainer(net, masker), shap.explainers.Partition)
    assert first.shape == (2, 8, 8, 1, 4)
    assert list(np.ravel(first.output_names)[:4]) == ["0", "1", "2", "3"]
    total = first.values.sum((1, 2, 3)) + first.base_values
    assert_allclose(total, net.predict_proba(X[:2]), atol=1e-9)
    # Rounding depends on where in memory the masked images lie.
    assert_allclose(first.values, second.values, rtol=1e-9)
    # What the mask doesn't change can't count.
    assert np.abs(first.values[X[:2] == 0]).mean() < np.abs(first.values).mean()
    assert anatomy(net) == before


MODULES = {
    "relu": ("mlp", {}),
    "leaky_relu": ("mlp", {"activation": "leaky_relu"}),
    "tanh": ("mlp", {"activation": "tanh", "hidden_layer_sizes": (8, 8)}),
    "elu": ("mlp", {"activation": "elu"}),
    "logistic": ("mlp", {"activation": "logistic"}),
    "batch": ("mlp", {"normalization": "batch", "dropout": 0.2}),
    "float32": ("mlp", {"dtype": "float32"}),
    "series": ("cnn", {"normalization": None, "hidden_layer_sizes": (6,)}),
    "images": ("cnn", {"normalization": "batch", "n_filters": (4, 6), "depth": 2}),
    "residual": ("cnn", {"normalization": None, "architecture": "residual"}),
    "even": ("cnn", {"kernel_size": 4}),
}


@pytest.mark.filterwarnings(*DEEP_WARNINGS)
@pytest.mark.parametrize("name", MODULES)
def test_deep_explainer_adds_up_on_the_module(name):
    kind, parameters = MODULES[name]
    X, y = (images()[0].transpose(0, 3, 1, 2), images()[1])
    if name not in ("images", "residual"):
        X, y = series()
    net = clone(NETS[kind]).set_params(**parameters).fit(X, y)
    module, before = net.to_module(), anatomy(net)
    as_built = anatomy(module)[2]
    X = torch.tensor(X, dtype=net.module_.dtype).reshape(-1, *net.input_shape_)
    background, X = X[::40], X[1:4]
    explainer = shap.DeepExplainer(module, background)
    values = explainer.shap_values(X, check_additivity=True)
    assert values.shape == (*X.shape, len(net.classes_))
    with torch.no_grad():
        logits = net.to_module()(X).numpy()
    tolerance = 1e-5 if name == "float32" else 1e-9
    assert gap(values, explainer.expected_value, logits) < tolerance
    assert np.abs(values).max() > 0.05
    # shap may forget tensors of its own in the copy, but what the net is stays.
    assert anatomy(module)[2].items() >= as_built.items()
    with torch.no_grad():
        assert_array_equal(module(X).numpy(), logits)
    assert anatomy(net) == before


@pytest.mark.filterwarnings(*DEEP_WARNINGS)
def test_deep_explainer_adds_up_on_a_member_that_reads_differences():
    X, y = series()
    net = clone(NETS["cnn"]).set_params(kernel_size="auto", n_members=2).fit(X, y)
    member = net.to_module().members[1]
    assert member.config["differences"]
    X = torch.tensor(X, dtype=net.module_.dtype)[:, None]
    explainer = shap.DeepExplainer(member, X[::40])
    values = explainer.shap_values(X[1:4], check_additivity=True)
    with torch.no_grad():
        logits = net.to_module().members[1](X[1:4]).numpy()
    assert gap(values, explainer.expected_value, logits) < 1e-9
    assert np.abs(values).max() > 0.05


@pytest.mark.filterwarnings(*DEEP_WARNINGS)
def test_deep_explainer_of_a_linear_net_is_the_linear_answer():
    X, y = series()
    linear = {"activation": "identity", "numerical_embedding": None}
    net = clone(NETS["mlp"]).set_params(**linear).fit(X, y)
    background, shown = rows()
    explainer = shap.DeepExplainer(net.to_module(), torch.tensor(background))
    values = explainer.shap_values(torch.tensor(shown))
    slope = (net.coefs_[0] @ net.coefs_[1]) / X.std(0)[:, None]
    expected = (shown - background.mean(0))[:, :, None] * slope
    assert_allclose(values, expected, atol=1e-9)


@EACH_NET
def test_gradient_explainer_on_the_module(kind):
    net = fitted(kind)
    module, before = net.to_module(), anatomy(net)
    as_built = anatomy(module)
    background, X = (
        torch.tensor(part).reshape(-1, *net.input_shape_) for part in rows()
    )
    first, second = (
        shap.GradientExplainer(module, background).shap_values(X, nsamples=600, rseed=0)
        for _ in range(2)
    )
    assert_array_equal(first, second)
    with torch.no_grad():
        logits = module(X).numpy()
        base = module(background).numpy().mean(0)
    # Sampled, so only nearly.
    assert gap(first, base, logits) < 0.2 * np.abs(logits - base).max()
    assert anatomy(module) == as_built
    assert anatomy(net) == before


@pytest.mark.filterwarnings(*DEEP_WARNINGS, "ignore:unrecognized.*LayerNorm")
def test_failing_deep_explainer_leaves_the_estimator_as_it_was():
    """Layer normalization is beyond it, which it notices after having set hooks."""
    X, y = series()
    net = clone(NETS["mlp"]).set_params(normalization="layer").fit(X, y)
    background, X = rows()
    before, said = anatomy(net), net.predict_proba(X)
    explainer = shap.DeepExplainer(net.to_module(), torch.tensor(background))
    with pytest.raises(AssertionError, match="do not sum up"):
        explainer.shap_values(torch.tensor(X))
    assert anatomy(net) == before
    assert_array_equal(net.predict_proba(X), said)
    with torch.no_grad():
        logits = net.to_module()(torch.tensor(X)).numpy()
    assert_allclose(logits, net.decision_function(X))
