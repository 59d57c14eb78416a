"""scikit-learn's Display classes and representations, given the nets."""

import re

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibrationDisplay, calibration_curve
from sklearn.inspection import DecisionBoundaryDisplay, PartialDependenceDisplay
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    DetCurveDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
    confusion_matrix,
    det_curve,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)
from sklearn.model_selection import (
    LearningCurveDisplay,
    ValidationCurveDisplay,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr


@pytest.fixture(autouse=True)
def no_window():
    before = matplotlib.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


@pytest.fixture
def fitted(binary_net):
    return binary_net.make().fit(binary_net.X, binary_net.y)


def scores(clf, net):
    """Logits; the greater label is the positive one."""
    return net.y_test == clf.classes_[1], clf.decision_function(net.X_test)


def test_confusion_matrix(net):
    clf = net.make().fit(net.X, net.y)
    display = ConfusionMatrixDisplay.from_estimator(clf, net.X_test, net.y_test)
    expected = confusion_matrix(net.y_test, clf.predict(net.X_test))
    assert_array_equal(display.confusion_matrix, expected)
    assert display.text_.shape == expected.shape
    assert np.trace(expected) > 0.8 * expected.sum()


def test_roc_curve(binary_net, fitted):
    net = binary_net
    truth, logits = scores(fitted, net)
    display = RocCurveDisplay.from_estimator(
        fitted, net.X_test, net.y_test, pos_label=fitted.classes_[1]
    )
    assert display.roc_auc == pytest.approx(roc_auc_score(truth, logits))
    assert display.roc_auc > 0.97
    assert_allclose(display.line_.get_xdata(), roc_curve(truth, logits)[0])


def test_roc_curves_of_folds(binary_net):
    net = binary_net
    labels = (net.y == net.y.max()).astype(int)
    result = cross_validate(
        net.make(), net.X, labels, cv=3, return_estimator=True, return_indices=True
    )
    display = RocCurveDisplay.from_cv_results(result, net.X, labels)
    assert len(display.roc_auc) == 3
    assert min(display.roc_auc) > 0.9


def test_precision_recall_curve(binary_net, fitted):
    net = binary_net
    display = PrecisionRecallDisplay.from_estimator(
        fitted, net.X_test, net.y_test, pos_label=fitted.classes_[1]
    )
    precision, recall, _ = precision_recall_curve(
        net.y_test, fitted.predict_proba(net.X_test)[:, 1], pos_label=fitted.classes_[1]
    )
    assert_allclose(display.line_.get_xdata(), recall)
    assert_allclose(display.line_.get_ydata(), precision)
    assert display.average_precision > 0.95


def test_det_curve(binary_net, fitted):
    net = binary_net
    truth, logits = scores(fitted, net)
    display = DetCurveDisplay.from_estimator(
        fitted,
        net.X_test,
        net.y_test,
        pos_label=fitted.classes_[1],
        response_method="decision_function",
    )
    expected, _, _ = det_curve(truth, logits, drop_intermediate=True)
    assert_allclose(display.fpr, expected, atol=1e-9)
    assert len(display.line_.get_xdata()) > 1


def test_calibration_curve(binary_net, fitted):
    net = binary_net
    display = CalibrationDisplay.from_estimator(
        fitted, net.X_test, net.y_test, n_bins=4, pos_label=fitted.classes_[1]
    )
    truth, _ = scores(fitted, net)
    shares, said = calibration_curve(
        truth, fitted.predict_proba(net.X_test)[:, 1], n_bins=4
    )
    assert_allclose(display.prob_true, shares)
    assert_allclose(display.prob_pred, said)


@pytest.mark.parametrize("kind", ["average", "individual", "both"])
def test_partial_dependence(net, kind):
    clf = net.make().fit(net.X, net.y)
    first, second = np.argsort(net.X.std(0))[-2:].tolist()
    features = [first, second] + ([(first, second)] if kind == "average" else [])
    display = PartialDependenceDisplay.from_estimator(
        clf, net.X_test[:30], features, target=1, kind=kind, grid_resolution=5
    )
    assert display.axes_.size >= len(features)
    n_lines = {"average": 1, "individual": 30, "both": 31}[kind]
    assert np.size(display.lines_[0, 0]) == n_lines
    if kind != "individual":
        drawn = np.ravel(display.lines_[0, 0])[-1].get_ydata()
        assert_allclose(drawn, display.pd_results[0]["average"][1])


@pytest.mark.parametrize("response", ["predict", "predict_proba", "decision_function"])
def test_decision_boundary(mlp, response):
    X = mlp.X[:, [6, 12]]
    clf = mlp.make().fit(X, mlp.y)
    display = DecisionBoundaryDisplay.from_estimator(
        clf, X, response_method=response, grid_resolution=20
    )
    assert display.surface_ is not None
    if response != "predict":
        grid = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
        expected = getattr(clf, response)(grid)
        assert_allclose(display.response.reshape(400, 3), expected, atol=1e-10)


def test_learning_curve(net):
    display = LearningCurveDisplay.from_estimator(
        net.make(), net.X, net.y, train_sizes=[0.2, 1.0], cv=3, score_type="both"
    )
    assert display.test_scores.shape == (2, 3)
    assert display.test_scores[1].mean() > display.test_scores[0].mean()
    assert len(display.lines_) == 2


def test_validation_curve(net):
    display = ValidationCurveDisplay.from_estimator(
        net.make(),
        net.X,
        net.y,
        param_name="max_iter",
        param_range=[1, 8],
        cv=2,
    )
    assert display.test_scores[1].min() > display.test_scores[0].max()
    assert_array_equal(display.lines_[0].get_xdata(), [1, 8])


def test_html_links_to_the_documentation(net):
    name = type(net.estimator).__name__
    page = estimator_html_repr(net.make())
    links = re.findall(r'href="(https://[^"#]*)', page)
    documented = [link for link in links if link.endswith(f"skdeep.{name}.html")]
    assert documented
    assert documented[0].startswith("https://skdeep.readthedocs.io/")
    assert "scikit-learn.org" not in "".join(links)
    assert "Not fitted" in page
    assert "Fitted" in estimator_html_repr(net.make().fit(net.X, net.y))


def test_html_of_a_pipeline_shows_the_net_and_its_changed_parameters(net):
    page = estimator_html_repr(make_pipeline(StandardScaler(), net.make(alpha=0.125)))
    assert type(net.estimator).__name__ in page
    assert "0.125" in page


def test_text_shows_what_differs_from_the_defaults(net):
    cls = type(net.estimator)
    assert repr(cls()) == f"{cls.__name__}()"
    assert repr(cls(alpha=0.5)) == f"{cls.__name__}(alpha=0.5)"
