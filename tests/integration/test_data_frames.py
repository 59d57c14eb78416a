"""Data frames as they are: numbers with gaps, strings, categories and booleans."""

import pickle
from functools import cache

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import shap
import torch
from imblearn.over_sampling import SMOTENC, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import model_selection as peer
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ScoringMonitor
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.inspection import permutation_importance
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdeep import DeepMLPClassifier, model_selection

SCHEDULE = {
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.02,
    "max_iter": 8,
    "batch_size": 32,
    "random_state": 0,
}
NET = DeepMLPClassifier((8,), **SCHEDULE)
NUMBERS = ["mean smoothness", "mean texture", "texture error"]


@cache
def _patients():
    data = load_breast_cancer(as_frame=True)
    X = data.data[NUMBERS].copy()
    size, points = data.data["worst area"], data.data["worst concave points"]
    X.insert(0, "size", pd.qcut(size, 4, labels=["S", "M", "L", "XL"]).astype(str))
    X.insert(2, "points", pd.qcut(points, 12, labels=False).astype("category"))
    X["symmetric"] = data.data["worst symmetry"] < 0.3
    rng = np.random.default_rng(0)
    for column in ("size", "points", "mean texture"):
        X[column] = X[column].mask(rng.random(len(X)) < 0.1)
    return X, data.target_names[data.target].astype(object)


def patients():
    """Training data and test data: four strings, twelve categories, a boolean."""
    X, y = _patients()
    return X.iloc[:400], y[:400], X.iloc[400:], y[400:]


def to_polars(X):
    """Convert to polars, with categories of a dtype that it has."""
    columns = {
        name: [None if value != value else value for value in column.astype(object)]
        for name, column in X.items()
    }
    return pl.DataFrame(columns)


@cache
def fitted():
    X, y, _, _ = patients()
    return clone(NET).fit(X, y)


def test_frames_are_tables():
    X, y, X_test, y_test = patients()
    net = fitted()
    assert_array_equal(net.feature_names_in_, X.columns)
    assert_array_equal(net.is_categorical_, X.columns.isin(["size", "points"]))
    assert net.score(X_test, y_test) > 0.88
    # What the categories say is not in the numbers.
    alone = clone(NET).fit(X[NUMBERS], y)
    assert alone.is_categorical_ is None
    assert net.score(X_test, y_test) > alone.score(X_test[NUMBERS], y_test) + 0.1


def test_pandas_and_polars_agree():
    X, y, X_test, _ = patients()
    names = ["size", "points"]
    net = clone(NET).set_params(categorical_features=names).fit(to_polars(X), y)
    assert_array_equal(net.feature_names_in_, X.columns)
    expected = fitted().predict_proba(X_test)
    assert_allclose(net.predict_proba(to_polars(X_test)), expected, atol=1e-12)
    # Each may judge what the other was taught.
    assert_allclose(net.predict_proba(X_test), expected, atol=1e-12)


@pytest.mark.parametrize("choice", [[0, 2], [i in (0, 2) for i in range(6)]])
def test_arrays_with_categories(choice):
    X, y, X_test, _ = patients()
    net = clone(NET).set_params(categorical_features=choice).fit(X.to_numpy(), y)
    assert_allclose(
        net.predict_proba(X_test.to_numpy()),
        fitted().predict_proba(X_test),
        atol=1e-12,
    )
    assert_allclose(
        net.predict_proba(X_test.to_numpy().tolist()),
        net.predict_proba(X_test.to_numpy()),
    )


def test_strings_that_nobody_called_categories_are_refused():
    X, y, _, _ = patients()
    for estimator, data in (
        (clone(NET), X.to_numpy()),
        (clone(NET).set_params(categorical_features=None), X),
    ):
        with pytest.raises(ValueError, match="could not convert string to float"):
            estimator.fit(data, y)
    net = clone(NET).set_params(categorical_features=["points"])
    with pytest.raises(ValueError, match=r"Column 'size' must hold numbers.*Got 'XL'"):
        net.fit(X, y)


def test_bad_choices_are_refused():
    X, y, _, _ = patients()
    for bad in ("size", 3, {"size": 1}):
        net = clone(NET).set_params(categorical_features=bad)
        with pytest.raises(ValueError, match="`categorical_features` must be"):
            net.fit(X, y)
    net = clone(NET).set_params(categorical_features=["weight"])
    with pytest.raises(ValueError, match=r"'mean smoothness'.* Got \['weight'\]"):
        net.fit(X, y)


def test_other_order_and_other_columns_are_scikit_learns_errors():
    X, _, _, _ = patients()
    with pytest.raises(ValueError, match=r"(?s)feature names should.*same order"):
        fitted().predict(X[X.columns[::-1]])
    with pytest.raises(ValueError, match=r"(?s)yet now missing:\n- size"):
        fitted().predict(X.drop(columns="size"))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert_array_equal(fitted().predict(X.to_numpy()), fitted().predict(X))
    with (
        pytest.warns(UserWarning, match="does not have valid feature names"),
        pytest.raises(ValueError, match=r"X has 5 features.*6 features"),
    ):
        fitted().predict(X.to_numpy()[:, 1:])


def test_unseen_is_missing():
    X, _, _, _ = patients()
    for column, new in (("size", "XXL"), ("points", 99)):
        unseen, missing = X.astype(object), X.astype(object)
        unseen[column], missing[column] = new, None
        assert_array_equal(
            fitted().predict_proba(unseen), fitted().predict_proba(missing)
        )


def test_what_is_no_number_is_named():
    X = patients()[2].astype(object)
    X.loc[X.index[3], "mean texture"] = "rough"
    with pytest.raises(ValueError, match=r"Column 'mean texture' .* Got 'rough'"):
        fitted().predict(X)


@pytest.mark.parametrize("method", ["fit", "predict"])
def test_infinity_is_refused(method):
    X, y, X_test, _ = patients()
    call = {"fit": lambda X: clone(NET).fit(X, y), "predict": fitted().predict}
    X = (X if method == "fit" else X_test).copy()
    X.iloc[3, 1] = np.inf
    with pytest.raises(ValueError, match="Input X contains infinity"):
        call[method](X)


SETTINGS = {
    "members": {"n_members": 3},
    "members that normalize": {"n_members": 2, "normalization": "batch"},
    "dropout": {"dropout": 0.1, "max_iter": 20},
    "float32": {"dtype": "float32"},
    "gelu": {"activation": "gelu"},
    "focal": {"loss": "focal"},
    "lbfgs": {"solver": "lbfgs", "max_iter": 500, "alpha": 10},
    "raw numbers": {"standardize": False, "max_iter": 30},
    "stopping": {"early_stopping": True, "max_iter": 20},
    "stopping by score": {"early_stopping": True, "scoring": "roc_auc"},
    "balanced": {"class_weight": "balanced", "batch_sampler": "balanced"},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings(setting):
    X, y, X_test, y_test = patients()
    net = clone(NET).set_params(**SETTINGS[setting]).fit(X, y)
    assert net.score(X_test, y_test) > 0.85
    again = pickle.loads(pickle.dumps(net))
    assert_array_equal(again.predict_proba(X_test), net.predict_proba(X_test))


@pytest.mark.parametrize("kind", ["strings", "categories", "only numbers"])
def test_few_categories_train_as_plain_nets_do(kind, monkeypatch):
    """Without vectors to learn, nothing takes the way of autograd."""

    def forbidden(*args, **kwargs):
        raise AssertionError("a graph was made")

    X, y, X_test, _ = patients()
    columns = {"strings": ["size", *NUMBERS], "only numbers": NUMBERS}
    columns = columns.get(kind, ["points"])
    if kind != "categories":
        monkeypatch.setattr(torch.Tensor, "backward", forbidden)
    net = clone(NET).fit(X[columns], y)
    assert (net.module_.embedding is None) == (kind != "categories")
    with torch.inference_mode():
        logits = net.module_(torch.from_numpy(net.encode(X_test[columns]))).numpy()
    decision = net.decision_function(X_test[columns])
    assert_allclose(decision, logits[:, 1] - logits[:, 0], atol=1e-10)


def test_an_indicator_of_what_is_missing_informs():
    X, y, X_test, y_test = patients()
    gaps = [
        pd.DataFrame({"gap": A["mean texture"].mask(b == "benign")})
        for A, b in ((X, y), (X_test, y_test))
    ]
    net = clone(NET).set_params(max_iter=30).fit(gaps[0], y)
    # Gaps of both kinds of patients are left.
    assert net.score(gaps[1], y_test) > 0.9


@pytest.mark.parametrize("setting", [{}, {"n_members": 2}, {"normalization": "batch"}])
def test_numbers_that_miss_only_later_are_the_mean(setting):
    X, y = load_breast_cancer(return_X_y=True)
    net = clone(NET).set_params(numerical_embedding=None, **setting).fit(X, y)
    gap, filled = X[:9].copy(), X[:9].copy()
    gap[4, 7], filled[4, 7] = np.nan, X[:, 7].mean()
    expected = net.predict_proba(filled)
    assert_allclose(net.predict_proba(gap), expected, atol=1e-10)
    frame = pd.DataFrame(gap)
    assert_allclose(net.predict_proba(frame), expected, atol=1e-10)


def test_stored_nets_know_their_columns(tmp_path):
    X_test = patients()[2]
    joblib.dump(fitted(), tmp_path / "net.joblib")
    net = joblib.load(tmp_path / "net.joblib")
    assert_array_equal(net.is_categorical_, fitted().is_categorical_)
    assert_array_equal(net.predict_proba(X_test), fitted().predict_proba(X_test))
    state = pickle.loads(pickle.dumps(fitted().__getstate__()))
    assert {type(codes) for codes in state["_columns"][0]} == {dict, type(None)}


def test_an_equal_fit_has_the_same_bits():
    X, y, X_test, _ = patients()
    again = clone(NET).fit(X.copy(), y)
    assert_array_equal(again.predict_proba(X_test), fitted().predict_proba(X_test))


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_weights_act_as_repetitions(solver):
    """Also where a category, or the only gap in a column, weighs nothing."""
    X, y, X_test, _ = patients()
    X = X.copy()
    X.iloc[:2, X.columns.get_loc("size")] = "XXL"
    X.iloc[:2, X.columns.get_loc("texture error")] = np.nan
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    weight[:2] = 0
    net = clone(NET).set_params(
        solver=solver, batch_size=1000, max_iter=40, shuffle=False
    )
    weighted = clone(net).fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(len(X)), weight)
    repeated = clone(net).fit(X.iloc[rows], y[rows])
    assert weighted.module_.config == repeated.module_.config
    assert_allclose(
        weighted.predict_proba(X_test), repeated.predict_proba(X_test), atol=1e-6
    )


def test_partial_fit_knows_what_the_first_part_had():
    X, y, X_test, y_test = patients()
    X = X.copy()
    X["size"] = pd.Categorical(X["size"], ["S", "M", "L", "XL"])
    first = X["size"].isin(["S", "XL"]) & X["mean texture"].notna()
    net = clone(NET)
    net.partial_fit(X[first], y[first], classes=["benign", "malignant"])
    # Declared, so known; gaps in numbers were unknown then.
    assert net.module_.config["n_categories"][0] == 4
    assert net.module_.config["missing"] == ()
    for _ in range(20):
        net.partial_fit(X, y)
    assert net.score(X_test, y_test) > 0.85
    with pytest.raises(ValueError, match="feature names should match"):
        net.partial_fit(X[X.columns[::-1]], y)


def test_warm_start_keeps_the_categories():
    X, y, X_test, y_test = patients()
    net = clone(NET).set_params(warm_start=True, numerical_embedding=None).fit(X, y)
    config = net.module_.config
    changed = X.astype({"size": object}).fillna({"size": "none"})
    changed["texture error"] = changed["texture error"].mask(y == "benign")
    net.fit(changed, y)
    assert net.module_.config == config
    assert net.score(X_test, y_test) > 0.85
    net.set_params(categorical_features=["size", "points"]).fit(X, y)
    for other in (["points"], None):
        net.set_params(categorical_features=other)
        with pytest.raises(ValueError, match="`categorical_features` must not change"):
            net.fit(X.drop(columns="size").assign(size=1)[X.columns], y)


def test_searches():
    X, y, X_test, y_test = patients()
    space = {
        "alpha": [1e-4, 1.0],
        "categorical_features": ["from_dtype", ["size", "points", "symmetric"]],
    }
    ours, theirs = (
        module.GridSearchCV(NET, space, cv=3, error_score="raise").fit(X, y)
        for module in (model_selection, peer)
    )
    for key in ("mean_test_score", "std_test_score"):
        assert_allclose(ours.cv_results_[key], theirs.cv_results_[key], rtol=1e-6)
    assert ours.score(X_test, y_test) > 0.85


def test_folds_may_lack_a_category():
    X, y, _, _ = patients()
    X = X.copy()
    X.iloc[7, X.columns.get_loc("size")] = "only here"
    probabilities = cross_val_predict(NET, X, y, cv=4, method="predict_proba")
    assert_allclose(probabilities.sum(1), 1.0)
    assert ((probabilities[:, 1] > 0.5) == (y == "malignant")).mean() > 0.85


def test_pipelines_hand_frames_on():
    X, y, X_test, y_test = patients()
    scale = make_column_transformer(
        (StandardScaler(), NUMBERS),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    pipeline = make_pipeline(scale, clone(NET)).fit(X, y)
    assert set(pipeline[-1].feature_names_in_) == set(X.columns)
    assert pipeline[-1].is_categorical_.sum() == 2
    assert pipeline.score(X_test, y_test) > 0.85


def test_one_hot_columns_say_the_same():
    """Few categories are what OneHotEncoder makes of them."""
    X, y, X_test, _ = patients()
    columns = ["size", "mean smoothness"]
    net = clone(NET).set_params(solver="lbfgs", max_iter=3000, alpha=1, tol=1e-8)
    net.set_params(standardize=False, hidden_layer_sizes=(), numerical_embedding=None)
    inside = clone(net).fit(X[columns], y)
    encode = make_column_transformer(
        ("passthrough", ["mean smoothness"]),
        (
            OneHotEncoder(
                categories=[["L", "M", "S", "XL"]],
                handle_unknown="ignore",
                sparse_output=False,
            ),
            ["size"],
        ),
    )
    outside = make_pipeline(encode, clone(net)).fit(X[columns], y)
    assert_allclose(
        inside.predict_proba(X_test[columns]),
        outside.predict_proba(X_test[columns]),
        atol=1e-5,
    )


def test_calibration():
    X, y, X_test, y_test = patients()
    clf = CalibratedClassifierCV(clone(NET), cv=3).fit(X, y)
    assert clf.score(X_test, y_test) > 0.88
    assert_allclose(clf.predict_proba(X_test).sum(1), 1.0)


def test_monitors_score_on_frames():
    X, y, _, _ = patients()
    monitor = ScoringMonitor(scoring="accuracy")
    net = clone(NET).set_params(early_stopping=True).set_callbacks(monitor).fit(X, y)
    scores = [row["accuracy"] for row in monitor.get_logs().data if "accuracy" in row]
    assert len(scores) >= net.n_iter_
    assert max(scores) > 0.85


@pytest.mark.parametrize("sampler", ["repeat", "SMOTENC"])
def test_samplers(sampler):
    X, y, X_test, y_test = patients()
    if sampler == "repeat":
        sampler = RandomOverSampler(random_state=0)
    else:
        # It needs numbers without gaps, and may do without other gaps.
        X, X_test = X.dropna(), X_test.dropna()
        y, y_test = (
            b[A.index - start] for A, b, start in ((X, y, 0), (X_test, y_test, 400))
        )
        sampler = SMOTENC(["size", "points", "symmetric"], random_state=0)
    pipeline = make_imblearn_pipeline(sampler, clone(NET)).fit(X, y)
    assert_array_equal(pipeline[-1].feature_names_in_, X.columns)
    assert pipeline[-1].is_categorical_.sum() == 2
    assert pipeline.score(X_test, y_test) > 0.85


def test_permutation_importance():
    _, _, X_test, y_test = patients()
    X = X_test.copy()
    importances = permutation_importance(
        fitted(), X, y_test, n_repeats=5, random_state=0
    ).importances_mean
    pd.testing.assert_frame_equal(X, X_test)
    importances = dict(zip(X.columns, importances, strict=True))
    assert min(importances["size"], importances["points"]) > 0.02
    assert importances["texture error"] < importances["size"]


def anatomy(net):
    weights = {k: v.numpy().tobytes() for k, v in net.module_.state_dict().items()}
    return sorted(vars(net)), weights, net._columns


def test_shap_on_what_the_net_takes():
    """shap's maskers subtract and divide what they are given: no strings."""
    X, _, X_test, _ = patients()
    net, before = fitted(), anatomy(fitted())
    explainer = shap.Explainer(
        net.for_encoded(), net.encode(X)[:40], feature_names=list(X.columns), seed=0
    )
    explanation = explainer(net.encode(X_test)[:5], silent=True)
    total = explanation.values.sum(1) + explanation.base_values
    assert_allclose(total, net.predict_proba(X_test.iloc[:5]), atol=1e-9)
    weight = np.abs(explanation.values).mean((0, 2))
    assert weight[[0, 2]].min() > 0.01
    assert anatomy(net) == before


def test_kernel_explainer_takes_frames():
    X, _, X_test, _ = patients()
    explainer = shap.KernelExplainer(fitted().predict_proba, X.iloc[:20], seed=0)
    shown = X_test.iloc[:3]
    values = explainer.shap_values(shown, nsamples=100, silent=True)
    total = values.sum(1) + explainer.expected_value
    assert_allclose(total, fitted().predict_proba(shown), atol=1e-9)
    assert np.abs(values[:, 0]).max() > 0.01


def test_shap_takes_frames_of_numbers_with_categories_among_them():
    X, y, X_test, _ = patients()
    X, X_test = (A[["points", *NUMBERS]].astype(float) for A in (X, X_test))
    net = clone(NET).set_params(categorical_features=["points"]).fit(X, y)
    explanation = shap.Explainer(net, X.iloc[:40], seed=0)(X_test.iloc[:4], silent=True)
    total = explanation.values.sum(1) + explanation.base_values
    assert_allclose(total, net.predict_proba(X_test.iloc[:4]), atol=1e-9)
    assert list(explanation.feature_names) == list(X.columns)


def test_the_module_takes_what_encode_returns():
    _, _, X_test, _ = patients()
    encoded = torch.from_numpy(fitted().encode(X_test))
    logits = fitted().to_module()(encoded).detach().numpy()
    decision = fitted().decision_function(X_test)
    assert_allclose(logits[:, 1] - logits[:, 0], decision, atol=1e-10)
    assert_array_equal(
        fitted().for_encoded().predict(encoded.numpy()), fitted().predict(X_test)
    )
