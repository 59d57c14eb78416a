"""scikit-learn's pipelines around the nets."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
)
from sklearn.utils import get_tags

from skdeep import DeepMLPClassifier


def test_clone_is_unfitted_and_equal(net):
    clf = net.make(class_weight={0: 2.0}, alpha=0.01).fit(net.X, net.y)
    copy = clone(clf)
    assert copy.get_params() == clf.get_params()
    assert not [name for name in vars(copy) if name.endswith("_")]
    assert_array_equal(
        copy.fit(net.X, net.y).predict_proba(net.X_test), clf.predict_proba(net.X_test)
    )


def test_every_parameter_can_be_set_and_got(net):
    clf, marks = net.make(), {}
    for name in clf.get_params():
        marks[name] = object()
    assert clf.set_params(**marks) is clf
    assert clf.get_params() == marks


def test_set_params_after_fit_counts_in_the_next_fit(net):
    """The net is built in fit, not before."""
    clf = net.make().fit(net.X, net.y)
    before = clf.predict_proba(net.X_test)
    clf.set_params(hidden_layer_sizes=(3,), activation="tanh", random_state=1)
    assert_array_equal(clf.predict_proba(net.X_test), before)
    fresh = net.make(**clf.get_params()).fit(net.X, net.y)
    assert_array_equal(
        clf.fit(net.X, net.y).predict_proba(net.X_test),
        fresh.predict_proba(net.X_test),
    )
    assert clf.module_.config["hidden_layer_sizes"] == (3,)


def test_it_is_a_classifier_to_scikit_learn(net):
    assert is_classifier(net.estimator)
    tags = get_tags(net.estimator)
    assert tags.classifier_tags.multi_class
    assert tags.classifier_tags.multi_label
    assert tags.target_tags.required
    assert not tags.non_deterministic
    assert tags.input_tags.sparse == isinstance(net.estimator, DeepMLPClassifier)


def test_pipeline_is_its_steps_one_by_one(net):
    pipeline = make_pipeline(MinMaxScaler(), net.make()).fit(net.X, net.y)
    scaler = MinMaxScaler().fit(net.X)
    clf = net.make().fit(scaler.transform(net.X), net.y)
    X_test = scaler.transform(net.X_test)
    assert_array_equal(pipeline.predict_proba(net.X_test), clf.predict_proba(X_test))
    assert_array_equal(
        pipeline.decision_function(net.X_test), clf.decision_function(X_test)
    )
    assert pipeline.score(net.X_test, net.y_test) > 0.8
    assert_array_equal(pipeline.classes_, clf.classes_)


@pytest.mark.parametrize("n_components", [5, 9])
def test_input_size_follows_the_steps_before(net, n_components):
    parameters = net.estimator.get_params()
    options = {"input_shape": None} if "input_shape" in parameters else {}
    pipeline = make_pipeline(PCA(n_components), net.make(**options)).fit(net.X, net.y)
    assert pipeline[-1].n_features_in_ == n_components
    search = GridSearchCV(
        make_pipeline(PCA(), net.make(**options)),
        {"pca__n_components": [n_components, 10]},
        cv=2,
        error_score="raise",
    ).fit(net.X, net.y)
    chosen = search.best_params_["pca__n_components"]
    assert search.best_estimator_[-1].n_features_in_ == chosen
    assert search.score(net.X_test, net.y_test) > 0.6


def test_pipeline_passes_weights_and_caches_its_steps(net, tmp_path):
    steps = [("scale", MinMaxScaler()), ("net", net.make())]
    weight = np.linspace(0.1, 3, len(net.X))
    pipeline = Pipeline(steps, memory=str(tmp_path))
    pipeline.fit(net.X, net.y, net__sample_weight=weight)
    alone = net.make().fit(MinMaxScaler().fit_transform(net.X), net.y, weight)
    assert_array_equal(pipeline[-1].loss_curve_, alone.loss_curve_)


@pytest.mark.parametrize("frozen", [False, True])
def test_column_transformer_of_mixed_columns(mlp, frozen):
    X = pd.DataFrame(mlp.X, columns=[f"c{i}" for i in range(mlp.X.shape[1])])
    X["colour"] = np.array(["red", "green", "blue"])[mlp.y]
    X.loc[X.index[::2], "colour"] = "unknown"
    transformer = ColumnTransformer(
        [
            ("numbers", StandardScaler(), make_column_selector(dtype_include="number")),
            ("words", OneHotEncoder(), ["colour"]),
        ],
        verbose_feature_names_out=False,
    )
    pipeline = make_pipeline(transformer, mlp.make()).fit(X, mlp.y)
    assert pipeline[-1].n_features_in_ == mlp.X.shape[1] + 4
    assert pipeline.score(X, mlp.y) > 0.95
    if frozen:
        pipeline = FrozenEstimator(pipeline)
    shuffled = X[X.columns[::-1]]
    assert_array_equal(pipeline.predict(shuffled), pipeline.predict(X))


def test_transformers_that_give_frames_lend_their_names(net):
    pipeline = make_pipeline(
        FeatureUnion([("scaled", MinMaxScaler())]).set_output(transform="pandas"),
        net.make(),
    )
    X = pd.DataFrame(net.X, columns=[f"c{i}" for i in range(net.X.shape[1])])
    pipeline.fit(X, net.y)
    assert_array_equal(
        pipeline[-1].feature_names_in_, [f"scaled__{name}" for name in X.columns]
    )
    assert pipeline.score(pd.DataFrame(net.X_test, columns=X.columns), net.y_test) > 0.8


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_set_output_is_no_matter_of_a_classifier(net, container):
    pipeline = make_pipeline(MinMaxScaler(), net.make())
    with sklearn.config_context(transform_output=container):
        X = pd.DataFrame(net.X, columns=[f"c{i}" for i in range(net.X.shape[1])])
        pipeline.fit(X, net.y)
        probabilities = pipeline.predict_proba(X)
    assert isinstance(probabilities, np.ndarray)
    assert_array_equal(pipeline[-1].feature_names_in_, X.columns)
    assert not hasattr(net.estimator, "set_output")


def test_text_becomes_sparse_rows():
    sentences = [
        f"{subject} {verb} {thing}"
        for subject in ("mary", "john", "ann", "bob")
        for verb in ("loves", "adores", "hates", "loathes")
        for thing in ("tea", "rain", "chess", "noise")
    ]
    np.random.default_rng(0).shuffle(sentences)
    liked = np.array(["loves" in s or "adores" in s for s in sentences])
    clf = DeepMLPClassifier(
        (8,),
        learning_rate="cosine",
        learning_rate_init=0.05,
        max_iter=60,
        random_state=0,
    )
    pipeline = make_pipeline(TfidfVectorizer(), clf).fit(sentences[:48], liked[:48])
    assert pipeline.score(sentences[48:], liked[48:]) > 0.9


MLP_GRID = {
    "net__hidden_layer_sizes": [(5,), (10, 5)],
    "net__activation": ["tanh", "relu"],
    "net__solver": ["adam", "lbfgs"],
    "net__alpha": [1e-4, 1.0],
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_grid_and_pipeline_of_MLPClassifier_run_with_the_class_swapped(mlp):
    results = {}
    for swapped in (MLPClassifier, DeepMLPClassifier):
        pipeline = Pipeline(
            [
                ("scale", StandardScaler()),
                (
                    "net",
                    swapped(
                        (10,),
                        "relu",
                        solver="adam",
                        alpha=1e-4,
                        batch_size=16,
                        learning_rate="constant",
                        learning_rate_init=0.01,
                        power_t=0.5,
                        max_iter=60,
                        shuffle=True,
                        random_state=1,
                        tol=1e-4,
                        verbose=False,
                        warm_start=False,
                        momentum=0.9,
                        nesterovs_momentum=True,
                        early_stopping=False,
                        validation_fraction=0.1,
                        beta_1=0.9,
                        beta_2=0.999,
                        epsilon=1e-8,
                        n_iter_no_change=10,
                        max_fun=15000,
                    ),
                ),
            ]
        )
        search = GridSearchCV(pipeline, MLP_GRID, cv=2, error_score="raise")
        results[swapped] = search.fit(mlp.X, mlp.y)
    ours, theirs = results[DeepMLPClassifier], results[MLPClassifier]
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    assert ours.score(mlp.X_test, mlp.y_test) > 0.9
    difference = (
        ours.cv_results_["mean_test_score"] - theirs.cv_results_["mean_test_score"]
    )
    assert abs(difference.mean()) < 0.03
    assert set(MLPClassifier().get_params()) <= set(DeepMLPClassifier().get_params())


def test_function_transformer_folds_rows_inside_a_pipeline(cnn):
    fold = FunctionTransformer(lambda X: X.reshape(-1, 1, 8, 8))
    pipeline = make_pipeline(fold, cnn.make(input_shape=None)).fit(cnn.X, cnn.y)
    flat = cnn.make().fit(cnn.X, cnn.y)
    assert_array_equal(
        pipeline.predict_proba(cnn.X_test), flat.predict_proba(cnn.X_test)
    )
