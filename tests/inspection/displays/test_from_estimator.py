"""From a fitted net to a picture, for every kind of input."""

import re
import sys

import numpy as np
import pytest
from pictures import check_legible, texts
from sklearn.datasets import make_multilabel_classification
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_nets import (
    DIGIT,
    DIGITS,
    SCHEDULE,
    SENTENCES,
    SUBJECT,
    X,
    Y,
    data,
    fitted,
    mlp,
)

from skdeep import DeepCNNClassifier, DeepRNNClassifier
from skdeep.inspection import (
    ActivationDisplay,
    EmbeddingDisplay,
    GradCAMDisplay,
    ImportanceDisplay,
    LearningHistoryDisplay,
    SaliencyDisplay,
    integrated_gradients,
    permutation_importance,
)
from skdeep.preprocessing import SequenceTokenizer


@pytest.fixture(scope="module")
def cnn():
    return fitted("cnn")


@pytest.mark.parametrize(
    ("kind", "method"),
    [("mlp", "saliency"), ("cnn", "integrated_gradients"), ("rnn", "occlusion")],
)
def test_saliency_of_every_net(kind, method):
    net, (samples, classes) = fitted(kind, max_iter=1), data(kind)
    display = SaliencyDisplay.from_estimator(
        net, samples[:2], classes[:2], method=method
    )
    titles = [ax.get_title() for ax in display.axes_]
    predicted = net.predict(samples[:2])
    assert titles == [
        f"true {t}, predicted {p}" for t, p in zip(classes, predicted, strict=False)
    ]
    explained = display.explanation
    assert explained.method == method
    assert explained.attributions.shape == (2, samples.shape[1])


def test_unknown_method():
    with pytest.raises(ValueError, match="`method` must be one of"):
        SaliencyDisplay.from_estimator(fitted("mlp"), X[:1], method="guess")


def test_target_and_options_are_passed_on(cnn):
    background = DIGITS[:5]
    explained = integrated_gradients(cnn, DIGITS[:2], target=2, baseline=background)
    display = SaliencyDisplay.from_estimator(
        cnn,
        DIGITS[:2],
        method="integrated_gradients",
        target=2,
        baseline=background,
    )
    np.testing.assert_array_equal(
        display.explanation.attributions, explained.attributions
    )
    predicted = cnn.predict(DIGITS[:1])[0]
    assert display.axes_[0].get_title() == f"predicted {predicted}, why 2?"


def test_channels_last_are_folded_as_they_are():
    images = np.stack([DIGITS, DIGITS], axis=2)[:60].reshape(60, 8, 8, 2)
    net = DeepCNNClassifier(channels="last", n_filters=(4,), **SCHEDULE)
    net.fit(images, DIGIT[:60])
    display = SaliencyDisplay.from_estimator(net, images[:1])
    ink = 1 - DIGITS[0].reshape(8, 8) / DIGITS[0].max()
    picture = display.axes_[0].images[0].get_array()[..., 0]
    np.testing.assert_allclose(picture, ink)


def test_title_of_many_labels_tells_of_the_explained_one():
    samples, labels = make_multilabel_classification(
        n_samples=60, n_features=5, n_classes=3, random_state=0
    )
    net = mlp().fit(samples, labels)
    display = SaliencyDisplay.from_estimator(net, samples[:1], labels[:1], target=1)
    predicted = net.predict(samples[:1])[0, 1]
    expected = f"true {labels[0, 1]}, predicted {predicted}"
    assert display.axes_[0].get_title().startswith(expected)


def test_texts_are_shown_in_words():
    net = DeepRNNClassifier(input_type="tokens", hidden_size=4, **SCHEDULE)
    pipeline = make_pipeline(SequenceTokenizer(max_features=200), net)
    sentences = [*SENTENCES[:4], *SENTENCES[-4:]]
    subjects = [*SUBJECT[:4], *SUBJECT[-4:]]
    pipeline.set_params(deeprnnclassifier__max_iter=1).fit(sentences, subjects)
    (ax,) = SaliencyDisplay.from_estimator(pipeline, sentences[:1]).axes_
    known = pipeline[0].vocabulary_
    tokens = re.findall(r"\w+|[^\w\s]", sentences[0].lower())
    assert [text.get_text() for text in ax.texts] == [
        token if token in known else "?" for token in tokens
    ]


def test_values_of_other_explainers(cnn):
    values = DIGITS[:2] - 8
    display = SaliencyDisplay.from_values(
        cnn, DIGITS[:2], values, DIGIT[:2], target=1, label="effect"
    )
    np.testing.assert_array_equal(display.explanation.attributions, values)
    assert display.axes_[0].get_title().endswith("why 1?")
    assert "effect" in [text.get_text() for text in texts(display.figure_)]


def test_grad_cam(cnn):
    display = GradCAMDisplay.from_estimator(cnn, DIGITS[:2], DIGIT[:2], target=1)
    assert display.explanation.target.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("groups", "options", "axes", "shape"),
    [
        ("feature", {}, ("row", "column"), (8, 8)),
        ("patch", {"patch_size": (4, 2)}, ("row", "column"), (8, 8)),
        ([[0, 1], [63]], {}, ("feature",), (2,)),
    ],
)
def test_importances_are_where_the_groups_are(cnn, groups, options, axes, shape):
    options = {"groups": groups, "n_repeats": 2, "random_state": 0, **options}
    display = ImportanceDisplay.from_estimator(cnn, DIGITS[:90], DIGIT[:90], **options)
    assert display.axes == axes
    assert display.importances.shape == (*shape, 2)
    result = permutation_importance(cnn, DIGITS[:90], DIGIT[:90], **options)
    if axes == ("row", "column"):
        painted = display.importances.reshape(64, 2)
        for group, importances in zip(result.groups, result.importances, strict=True):
            np.testing.assert_array_equal(painted[group], [importances] * len(group))
    assert display.label == "fall of the accuracy when shuffled"


@pytest.mark.parametrize(
    ("groups", "axes", "shape"),
    [
        ("feature", ("channel", "step"), (8, 8)),
        ("time_step", ("step",), (8,)),
        ("channel", ("feature",), (8,)),
    ],
)
def test_importances_of_series(groups, axes, shape):
    display = ImportanceDisplay.from_estimator(
        fitted("rnn", max_iter=1),
        DIGITS[:60],
        DIGIT[:60],
        scoring="neg_log_loss",
        groups=groups,
        n_repeats=2,
    )
    assert (display.axes, display.importances.shape) == (axes, (*shape, 2))
    assert display.label == "rise of the log loss when shuffled"


def test_mean_size_of_attributions(cnn):
    explained = integrated_gradients(cnn, DIGITS[:5])
    display = ImportanceDisplay.from_attributions(explained)
    np.testing.assert_allclose(
        display.ax_.images[0].get_array(),
        np.abs(explained.attributions).mean(axis=0).reshape(8, 8),
    )
    assert display.label == "mean size of: share in the logit"


@pytest.mark.parametrize("n_members", [1, 2])
def test_embedding_of_the_last_hidden_layer(n_members):
    net = mlp(n_members=n_members)
    pipeline = make_pipeline(StandardScaler(), net).fit(X, Y)
    display = EmbeddingDisplay.from_estimator(pipeline, X, Y)
    assert display.points.shape == (len(X), 2)
    np.testing.assert_array_equal(display.wrong, pipeline.predict(X) != Y)
    check_legible(display.figure_)
    assert not EmbeddingDisplay.from_estimator(pipeline, X).wrong.any()


def test_embedding_of_many_labels():
    samples, labels = make_multilabel_classification(
        n_samples=60, n_features=5, n_classes=3, random_state=0
    )
    net = mlp().fit(samples, labels)
    display = EmbeddingDisplay.from_estimator(net, samples, labels)
    assert "none" in display.y
    assert "0 + 1" in display.y


@pytest.mark.parametrize(
    ("kind", "layer", "shape"),
    [
        ("mlp", "hidden", (2, 8)),
        ("cnn", "features", (2, 4, 4, 4)),
        ("rnn", "recurrent.0", (2, 8, 8)),
    ],
)
def test_activations_of_a_layer(kind, layer, shape):
    net, (samples, classes) = fitted(kind, max_iter=1), data(kind)
    display = ActivationDisplay.from_estimator(
        net, samples[:2], classes[:2], layer=layer
    )
    assert display.activations.shape == shape
    assert display.axes_[0].get_title().startswith(f"true {classes[0]}, predicted ")


def test_missing_matplotlib_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install .skdeep\[explain\]"):
        LearningHistoryDisplay.from_estimator(fitted("mlp"))
