"""Series whose sizes are far apart: standardize="auto" and "sample"."""

import pickle

import numpy as np
import onnxruntime
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV as OneByOne
from sklearn.model_selection import train_test_split

from skdeep import DeepCNNClassifier, DeepRNNClassifier, inspection
from skdeep._members import modules_of
from skdeep.model_selection import GridSearchCV
from skdeep.persistence import load, save, to_onnx

rng = np.random.default_rng(0)
digits, y = load_digits(return_X_y=True)
# Digits, row by row, as series of eight steps of eight features, whose brightness
# differs by six orders of magnitude.
SIZES = 10 ** rng.uniform(-3, 3, (len(digits), 1))
FAR = (digits * SIZES).reshape(-1, 8, 8)
SAME = digits.reshape(-1, 8, 8)
SPLIT = train_test_split(FAR, y, random_state=0)

NETS = {
    "cnn": DeepCNNClassifier(
        channels="last", n_filters=(8, 16), max_iter=15, random_state=0
    ),
    "rnn": DeepRNNClassifier(hidden_size=16, max_iter=8, random_state=0),
}
both = pytest.mark.parametrize("kind", NETS)


def make(kind, **parameters):
    return clone(NETS[kind]).set_params(**parameters)


@pytest.fixture(scope="module")
def fitted():
    X_train, _, y_train, _ = SPLIT
    return {kind: make(kind).fit(X_train, y_train) for kind in NETS}


def kept(clf):
    (kind,) = {net.config["standardize"] for net in modules_of(clf.module_)}
    return kind


@both
def test_small_series_are_seen_beside_large_ones(kind, fitted):
    X_train, X_test, y_train, y_test = SPLIT
    plain = make(kind, standardize=True).fit(X_train, y_train)
    score = fitted[kind].score(X_test, y_test)
    assert kept(fitted[kind]) == "sample"
    assert score > plain.score(X_test, y_test) + 0.2
    assert score > 0.8


@both
def test_series_of_like_sizes_keep_theirs(kind):
    assert kept(make(kind, max_iter=1, tol=0).fit(SAME[:200], y[:200])) is True
    # A constant series has no size, whatever rounding makes of it.
    X = SAME[:200].copy()
    X[:30] = rng.standard_normal((30, 1, 8))
    assert kept(make(kind, max_iter=1).fit(X, y[:200])) is True
    assert kept(make(kind, max_iter=1).fit(X.astype("f4"), y[:200])) is True


def test_images_keep_their_brightness():
    X = FAR[:100, None]
    cnn = DeepCNNClassifier(n_filters=(4,), max_iter=1).fit(X, y[:100])
    assert kept(cnn) is True


@both
@pytest.mark.parametrize("choice", [True, False, "sample"])
def test_what_is_said_is_done(kind, choice):
    for X in (FAR[:60], SAME[:60]):
        clf = make(kind, standardize=choice, max_iter=1).fit(X, y[:60])
        assert kept(clf) == choice


@both
def test_rows_without_weight_say_nothing(kind):
    weight = (SIZES[:200, 0] > 1).astype(float)
    X = SAME[:200] * np.where(weight == 0, 1e-9, 1.0)[:, None, None]
    clf = make(kind, max_iter=1)
    assert kept(clf.fit(X, y[:200])) == "sample"
    assert kept(clf.fit(X, y[:200], sample_weight=weight)) is True


@both
def test_training_goes_on_as_it_began(kind):
    clf = make(kind, warm_start=True, max_iter=1).fit(FAR[:100], y[:100])
    assert kept(clf.fit(SAME[:100], y[:100])) == "sample"
    clf = make(kind).partial_fit(SAME[:100], y[:100], classes=np.unique(y))
    assert kept(clf.partial_fit(FAR[:100], y[:100])) is True
    with pytest.raises(ValueError, match="standardize"):
        clf.set_params(standardize="sample").partial_fit(FAR[:100], y[:100])


@both
def test_unknown_choices_are_refused(kind):
    with pytest.raises(ValueError, match=r"`standardize` must be .*'robust'"):
        make(kind, standardize="robust").fit(FAR[:50], y[:50])


@both
def test_files_and_graphs_keep_it(kind, fitted, tmp_path):
    clf, X = fitted[kind], SPLIT[1].copy()
    X[::3, 5:] = np.nan
    X[1] = 7.0
    p = clf.predict_proba(X)
    assert_array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X), p)
    save(clf, tmp_path / "clf.skdeep")
    assert_array_equal(load(tmp_path / "clf.skdeep").predict_proba(X), p)
    to_onnx(clf, tmp_path / "clf.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "clf.onnx")
    (given,) = session.get_inputs()
    shape = (len(X), *given.shape[1:])
    dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64}[given.type]
    flat = X.reshape(shape).astype(dtype)
    (found,) = session.run(["probabilities"], {given.name: flat})
    assert_allclose(found, p, atol=1e-5)


@both
def test_explanations_add_up(kind, fitted):
    clf, X = fitted[kind], SPLIT[1][:5]
    values = inspection.shap_values(clf, X, background=SPLIT[0][:20])
    assert values.shape == (5, 8, 8, 10)
    total = values.values.sum((1, 2)) + values.base_values
    logits = clf.decision_function(X)
    assert_allclose(total, logits, atol=1e-3 * np.abs(logits).max())
    for method in ("integrated_gradients", "saliency_maps"):
        maps = getattr(inspection, method)(clf, X)
        assert np.isfinite(maps.attributions).all()
        assert np.abs(maps.attributions).max() > 0


def test_nets_of_a_search_get_what_lone_ones_get():
    grid = {"learning_rate_init": [0.003, 0.01], "standardize": [True, "sample"]}
    net = make("cnn", max_iter=3)
    ours, theirs = (
        search(net, grid, cv=2).fit(FAR[:300], y[:300])
        for search in (GridSearchCV, OneByOne)
    )
    assert_allclose(
        ours.cv_results_["mean_test_score"],
        theirs.cv_results_["mean_test_score"],
        atol=0.011,  # Rounding may tip a few of the 150 rows of a fold.
    )
    assert ours.best_params_["standardize"] == "sample"


def test_members_stack():
    clf = make("cnn", n_members=3).fit(*SPLIT[::2])
    assert clf.score(*SPLIT[1::2]) > 0.8
