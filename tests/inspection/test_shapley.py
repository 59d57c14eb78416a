"""Shapley values: against enumeration, and as shap's plots want them."""

import numpy as np
import pytest
from benchmarks.attribution_measures import exact_shapley_values, true_shapley_values
from inspection.explained import CANCER, SICK, TABLE, case_of, each_case
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_nets import DIGIT, DIGITS, NETS

from skdeep.inspection import _subject, shap_values

# Ten columns of breast_cancer.
TEN = CANCER[:, :10]


@pytest.fixture(scope="module")
def net_of_ten():
    return clone(TABLE).set_params(max_iter=4).fit(TEN, SICK)


def lead(net, X):
    """Logits; of two classes, each one's lead over the other."""
    logits = net.decision_function(X)
    return np.column_stack([-logits, logits]) if logits.ndim == 1 else logits


def test_exact_values_are_those_of_enumeration(net_of_ten):
    background, X = TEN[::60], TEN[1:3]
    explanation = shap_values(net_of_ten, X, background, method="exact")
    for x, values in zip(X, explanation.values, strict=True):
        true = exact_shapley_values(lambda r: lead(net_of_ten, r), x, background)
        assert np.abs(values - true).max() < 1e-5


def test_gradients_and_orders_come_close(net_of_ten):
    background, X = TEN[::60], TEN[1:60:8]
    true = shap_values(net_of_ten, X, background, method="exact").values
    for method, options, least in (
        ("gradients", {}, 0.99),
        ("gradients", {"n_samples": 100}, 0.995),
        ("permutation", {"n_samples": 10}, 0.99),
    ):
        values = shap_values(
            net_of_ten, X, background, method=method, random_state=0, **options
        ).values
        assert np.corrcoef(values.ravel(), true.ravel())[0, 1] > least


def test_images_come_close_too():
    net, X, background = case_of("images")
    true = [
        true_shapley_values(net.decision_function, x, background, 100) for x in X[:3]
    ]
    # Points on straight lines get no closer than 0.990, however many they are.
    for n_samples, least in (("auto", 0.987), (440, 0.992)):
        values = shap_values(
            net, X[:3], background, n_samples=n_samples, random_state=0
        ).values
        assert np.corrcoef(values.ravel(), np.ravel(true))[0, 1] > least


@pytest.mark.parametrize("case", ["images", "categories", "padded_steps", "members"])
def test_points_that_do_not_fit_into_memory_are_taken_in_pieces(case, monkeypatch):
    net, X, background = case_of(case)
    values = shap_values(net, X[:1], background, n_samples=9, random_state=0).values
    monkeypatch.setattr(_subject, "_CHUNK", 4 * net.module_.row_size)
    pieces = shap_values(net, X[:1], background, n_samples=9, random_state=0).values
    assert_allclose(pieces, values, rtol=1e-4, atol=1e-5)


@each_case
def test_values_add_up_to_the_logits(case):
    net, X, background = case_of(case)
    explanation = shap_values(net, X, background, random_state=0)
    n_classes = len(net.classes_)
    total = explanation.values.reshape(len(X), -1, n_classes).sum(1)
    logits, base = (lead(net, part) for part in (X, background))
    assert_allclose(total + explanation.base_values, logits, rtol=1e-5, atol=1e-5)
    assert_allclose(explanation.base_values[0], base.mean(0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", ["pair", "categories", "images", "padded_steps"])
def test_one_class_is_a_slice_of_all(case):
    net, X, background = case_of(case)
    every = shap_values(net, X, background, random_state=0)
    label = net.classes_[1]
    one = shap_values(net, X, background, target=label, random_state=0)
    assert one.shape == X.shape
    # Gradients are float32.
    assert_allclose(one.values, every.values[..., 1], atol=1e-6)
    assert_allclose(one.base_values, every.base_values[:, 1])
    again = shap_values(net, X, background, target=label, random_state=0)
    assert_array_equal(one.values, again.values)


@pytest.mark.parametrize("method", ["exact", "permutation", "gradients"])
def test_names_and_data_of_a_table_with_categories(method):
    net, X, background = case_of("categories")
    explanation = shap_values(
        net, X, background, method=method, n_samples=1, random_state=0
    )
    assert explanation.feature_names == list(X.columns)
    assert list(explanation.output_names) == ["0", "1", "2"]
    assert explanation.data[0, 4] == X["few"].iloc[0]
    assert explanation[:, :, "1"].shape == (5, 6)


@pytest.mark.parametrize("n_samples", [1, 2, 5])
def test_a_linear_net_gets_the_linear_answer(n_samples):
    linear = clone(NETS["mlp"]).set_params(
        hidden_layer_sizes=(), numerical_embedding=None
    )
    net = linear.fit(TEN, SICK)
    explanation = shap_values(net, TEN[:4], TEN[::50], target=1, n_samples=n_samples)
    weights = net.coefs_[0][:, 1] - net.coefs_[0][:, 0]
    change = (TEN[:4] - TEN[::50].mean(0)) / TEN.std(0)
    assert_allclose(explanation.values, change * weights, atol=1e-6)


def test_through_a_pipeline():
    model = make_pipeline(StandardScaler(), clone(TABLE)).fit(TEN, SICK)
    explanation = shap_values(model, TEN[:3], TEN[::50], random_state=0)
    total = explanation.values.sum(1) + explanation.base_values
    assert_allclose(total, lead(model, TEN[:3]))
    assert_array_equal(explanation.data, TEN[:3])


def test_plots_take_a_slice(net_of_ten):
    import matplotlib.pyplot as plt
    import shap

    explanation = shap_values(net_of_ten, TEN[:8], TEN[::50], random_state=0)
    of_one = explanation[:, :, "1"]
    for plot, given in (
        (shap.plots.bar, of_one),
        (shap.plots.beeswarm, of_one),
        (shap.plots.waterfall, of_one[0]),
        (shap.plots.heatmap, of_one),
        (shap.plots.scatter, of_one[:, 0]),
    ):
        plot(given, show=False)
        plt.close("all")


def test_what_is_refused():
    net = clone(NETS["cnn"]).set_params(max_iter=1).fit(DIGITS, DIGIT)
    with pytest.raises(ValueError, match="`method` must be one of"):
        shap_values(net, DIGITS[:2], DIGITS[:9], method="tree")
    for n_samples in (0, 2.5, "many"):
        with pytest.raises(ValueError, match="`n_samples` must be a positive integer"):
            shap_values(net, DIGITS[:2], DIGITS[:9], n_samples=n_samples)
    with pytest.raises(ValueError, match="for more than 16 features"):
        shap_values(net, DIGITS[:2], DIGITS[:9], method="exact")
