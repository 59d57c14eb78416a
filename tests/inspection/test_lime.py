"""LIME of all that lime refuses, or reads in another order."""

import numpy as np
import polars as pl
import pytest
from known_steps import INFORMATIVE, known_steps
from lime.lime_tabular import LimeTabularExplainer
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from small_nets import DIGIT, DIGITS, MOOD, SCHEDULE, TEXTS, X, Y, fitted, mlp

from skdeep import DeepCNNClassifier, DeepRNNClassifier
from skdeep.inspection import lime_explanation
from skdeep.preprocessing import SequenceTokenizer

SEEDED = {"n_samples": 300, "random_state": 0}


def test_the_numbers_are_those_of_lime():
    net = fitted("mlp")
    ours = lime_explanation(net, X[0], X, target=1, **SEEDED)
    theirs = LimeTabularExplainer(
        X, class_names=net.output_names, random_state=0
    ).explain_instance(X[0], net.predict_proba, num_features=13, num_samples=300)
    weights = dict(theirs.local_exp[1])
    assert_allclose(ours.attributions[0], [weights[j] for j in range(13)])
    assert_allclose(ours.score, theirs.score)
    assert_allclose(ours.base_values, theirs.intercept[1])
    assert ours.explanation.class_names == ["0", "1", "2"]
    assert ours.explanation.as_list(label=1)[0][0].count("x")
    again = lime_explanation(net, X[:1], X, target=1, **SEEDED)
    assert_array_equal(again.attributions, ours.attributions)
    other = lime_explanation(net, X[0], X, target=1, n_samples=300, random_state=1)
    assert (other.attributions != ours.attributions).any()


def test_a_row_of_a_frame_with_categories_and_gaps():
    frame, y = load_iris(return_X_y=True, as_frame=True)
    frame["colour"] = np.array(["red", "green", "blue"])[y]
    frame["noise"] = np.random.default_rng(0).permutation(frame["colour"])
    frame.loc[::5, "noise"] = None
    frame.loc[::7, "sepal width (cm)"] = np.nan
    frame = frame.astype({"noise": "category"})
    net = mlp().fit(frame, np.array(["a", "b", "c"])[y])
    of_series, of_frame = (
        lime_explanation(net, row, frame, discretize=False, **SEEDED)
        for row in (frame.iloc[0], frame.iloc[[0]])
    )
    assert_array_equal(of_series.attributions, of_frame.attributions)
    assert of_series.target.tolist() == ["a"]
    assert of_series.feature_names.tolist() == list(frame.columns)
    weights = dict(of_series.explanation.as_list(label=0))
    assert weights["colour=red"] > 2 * abs(weights["noise=missing"])
    # What is missing can't be changed.
    assert "sepal width (cm)" not in weights
    assert of_series.attributions[0, 1] == 0

    table = pl.DataFrame(
        {k: column.to_list() for k, column in frame.items()}, strict=False
    )
    of_polars = lime_explanation(net, table[0], table, discretize=False, **SEEDED)
    assert_allclose(of_polars.attributions, of_series.attributions, atol=1e-6)


def test_a_pipeline_that_encodes_categories():
    frame, y = load_iris(return_X_y=True, as_frame=True)
    frame["colour"] = np.array(["red", "green", "green"])[y]
    columns = make_column_transformer(
        (OneHotEncoder(), ["colour"]), remainder="passthrough"
    )
    for table in (
        frame,
        pl.DataFrame(
            {k: column.to_list() for k, column in frame.items()}, strict=False
        ),
    ):
        pipeline = make_pipeline(columns, mlp()).fit(table, y)
        row = table.iloc[0] if table is frame else table[0]
        result = lime_explanation(pipeline, row, table, discretize=False, **SEEDED)
        weights = dict(result.explanation.as_list(label=0))
        assert weights["colour=red"] > 0.05
        assert_allclose(
            result.explanation.predict_proba, pipeline.predict_proba(table[:1])[0]
        )


def test_series_are_read_in_their_own_order():
    X, y = known_steps()
    net = DeepRNNClassifier(
        architecture="recurrent", hidden_size=8, input_shape=(8, 8), **SCHEDULE
    ).fit(X, y)
    options = {"n_samples": 1000, "random_state": 0}
    of_each = [lime_explanation(net, x, X, **options) for x in X[:4]]
    weights = np.abs([result.attributions[0] for result in of_each])
    assert set(weights.sum(axis=(0, 2)).argsort()[-2:]) == set(INFORMATIVE)

    folded, weights = of_each[0], weights[0]
    assert folded.attributions.shape == (1, 8, 8)
    assert folded.feature_names[8] == "step 1 channel 0"
    step, channel = np.unravel_index(weights.argmax(), (8, 8))
    told, _ = folded.explanation.as_list(label=int(folded.target[0]))[0]
    assert f"step {step} channel {channel}" in told

    flat = lime_explanation(net, X[0].ravel(), X.reshape(-1, 64), **options)
    assert_array_equal(flat.attributions.reshape(1, 8, 8), folded.attributions)


def test_padding_stays_padding():
    X, y = known_steps(1)
    X[::2, 6:] = np.nan
    net = DeepRNNClassifier(architecture="recurrent", hidden_size=8, **SCHEDULE)
    net.fit(X, y)
    result = lime_explanation(net, X[0], X, **SEEDED)
    assert not result.attributions[0, 6:].any()
    assert result.attributions[0, 3:5].any()


@pytest.mark.parametrize("layout", ["flat", "gray", "channels last"])
def test_images(layout):
    """A pixel that gives the label away is what the net looks at."""
    X, y = DIGITS.reshape(-1, 8, 8) / 2, DIGIT == 1
    X[:, 6, 1] = 16.0 * y
    image = X[np.flatnonzero(y)[0]]
    net = DeepCNNClassifier(n_filters=(8,), **SCHEDULE)
    if layout == "flat":
        X, image = X.reshape(-1, 64), image.ravel()
        net.set_params(input_shape=(1, 8, 8))
    elif layout == "channels last":
        X, image = (np.stack([part, 0 * part], axis=-1) for part in (X, image))
        net.set_params(channels="last")
    else:
        net.set_params(input_shape=(1, 8, 8))
    net.fit(X, y)
    first, second = (
        lime_explanation(net, image, segments=segments, **SEEDED)
        for segments in (None, None)
    )
    assert first.target.tolist() == [True]
    assert_array_equal(first.attributions, second.attributions)
    assert first.attributions.shape == (1, *image.shape)
    heat = first.attributions.reshape(8, 8, -1)
    assert np.unravel_index(heat[:, :, 0].argmax(), (8, 8)) == (6, 1)
    picture, mask = first.explanation.get_image_and_mask(1, num_features=1)
    assert picture.shape == (8, 8, 3)
    assert np.argwhere(mask).tolist() == [[6, 1]]

    tiles = np.arange(16).reshape(4, 4).repeat(2, axis=0).repeat(2, axis=1)
    of_tiles = lime_explanation(net, image[np.newaxis], segments=tiles, **SEEDED)
    heat = of_tiles.attributions.reshape(8, 8, -1)[:, :, 0]
    assert tiles.flat[heat.argmax()] == tiles[6, 1]


def test_texts():
    net = DeepRNNClassifier(
        input_type="tokens", embedding_dim=8, hidden_size=8, **SCHEDULE
    ).set_params(max_iter=10)
    pipeline = make_pipeline(SequenceTokenizer(), net).fit(TEXTS, MOOD)
    result = lime_explanation(pipeline, "a very good film", target="+", **SEEDED)
    assert result.attributions.shape == (1, 4)
    assert result.feature_names[0] == "good"
    assert result.attributions[0, 0] > 0.1


def test_one_of_several_labels():
    labels = np.column_stack([Y == 0, Y == 1]).astype(int)
    net = mlp().fit(X, labels)
    result = lime_explanation(net, X[100], X, target=1, **SEEDED)
    assert result.explanation.class_names == ["not 1", "1"]
    assert roc_auc_score(labels[:, 1], net.predict_proba(X)[:, 1]) > 0.9
    assert_allclose(result.explanation.predict_proba[1], net.predict_proba(X)[100, 1])


def test_errors_say_what_is_wrong():
    net = fitted("mlp")
    with pytest.raises(ValueError, match=r"one of the classes \[0, 1, 2\]. Got 'a'"):
        lime_explanation(net, X[0], X, target="a")
    with pytest.raises(ValueError, match="`X` must be the training data"):
        lime_explanation(net, X[0])
    with pytest.raises(ValueError, match=r"`segments` must be integers.*\(8, 8\)"):
        lime_explanation(fitted("cnn"), DIGITS[0], segments=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="`sample` must be one image"):
        lime_explanation(fitted("cnn"), DIGITS[0, :9])
