"""Images, series and sequences: folded, flat, and of different length."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import cross_val_score

from skdeep import DeepRNNClassifier

SHORT = {"max_iter": 3}


def colour(X):
    """Three channels of an image that differ."""
    images = X.reshape(-1, 8, 8)
    return np.stack([images, images.transpose(0, 2, 1), 16 - images], axis=1)


CONTAINERS = {
    "array": lambda X: X,
    "list": lambda X: X.tolist(),
    "list of arrays": lambda X: list(X),
    "torch": torch.tensor,
    "Fortran order": np.asfortranarray,
    "negative strides": lambda X: X[..., ::-1].copy()[..., ::-1],
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    ("kind", "shape"),
    [("cnn", (1, 8, 8)), ("cnn", (4, 4, 4)), ("cnn", (2, 32)), ("rnn", (16, 4))],
)
def test_folded_rows_are_flat_rows_with_input_shape(request, kind, shape, container):
    net, convert = request.getfixturevalue(kind), CONTAINERS[container]
    flat = net.make(input_shape=shape, **SHORT).fit(net.X, net.y)
    folded = net.make(input_shape=None, **SHORT)
    folded.fit(convert(net.X.reshape(-1, *shape)), net.y)
    assert folded.input_shape_ == flat.input_shape_ == shape
    assert folded.n_features_in_ == 64
    X_test = convert(net.X_test.reshape(-1, *shape))
    assert_allclose(
        folded.predict_proba(X_test), flat.predict_proba(net.X_test), atol=1e-9
    )
    assert_array_equal(folded.predict_proba(net.X_test), folded.predict_proba(X_test))


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8)])
def test_gray_images_may_leave_their_channel_unsaid(cnn, shape):
    clf = cnn.make(input_shape=(1, 8, 8)).fit(cnn.X.reshape(-1, *shape), cnn.y)
    assert clf.input_shape_ == (1, 8, 8)
    flat = cnn.make(input_shape=(1, 8, 8)).fit(cnn.X, cnn.y)
    assert_array_equal(
        clf.predict_proba(cnn.X_test.reshape(-1, 8, 8)),
        flat.predict_proba(cnn.X_test),
    )


@pytest.mark.parametrize("given", ["folded", "flat"])
def test_channels_last_is_channels_first_moved(cnn, given):
    X, X_test = colour(cnn.X), colour(cnn.X_test)
    first = cnn.make(input_shape=None).fit(X, cnn.y)
    moved, moved_test = (A.transpose(0, 2, 3, 1) for A in (X, X_test))
    last = cnn.make(channels="last", input_shape=(8, 8, 3))
    if given == "flat":
        moved, moved_test = (
            moved.reshape(len(X), -1),
            moved_test.reshape(len(X_test), -1),
        )
    last.fit(moved, cnn.y)
    assert last.input_shape_ == first.input_shape_ == (3, 8, 8)
    assert_allclose(
        last.predict_proba(moved_test), first.predict_proba(X_test), atol=1e-9
    )
    assert last.score(moved_test, cnn.y_test) > 0.8


def test_channels_last_of_series(cnn):
    X, X_test = (A.reshape(-1, 4, 16) for A in (cnn.X, cnn.X_test))
    first = cnn.make(input_shape=None).fit(X, cnn.y)
    last = cnn.make(input_shape=None, channels="last")
    last.fit(X.transpose(0, 2, 1), cnn.y)
    assert last.input_shape_ == first.input_shape_ == (4, 16)
    assert_allclose(
        last.predict_proba(X_test.transpose(0, 2, 1)),
        first.predict_proba(X_test),
        atol=1e-9,
    )


@pytest.mark.parametrize(
    ("kind", "channels", "expected"),
    [("cnn", "first", (1, 64)), ("cnn", "last", (1, 64)), ("rnn", None, (64, 1))],
)
def test_flat_rows_without_a_shape_are_a_series_of_one(
    request, kind, channels, expected
):
    net = request.getfixturevalue(kind)
    options = {"channels": channels} if channels else {}
    clf = net.make(input_shape=None, **SHORT, **options).fit(net.X, net.y)
    assert clf.input_shape_ == expected
    told = net.make(input_shape=expected, **SHORT).fit(net.X, net.y)
    assert_allclose(
        clf.predict_proba(net.X_test), told.predict_proba(net.X_test), atol=1e-9
    )


@pytest.mark.parametrize(
    ("kind", "shape", "expected"),
    [
        ("cnn", (1, 8, -1), (1, 8, 8)),
        ("cnn", (-1, 16), (4, 16)),
        ("rnn", (-1, 4), (16, 4)),
    ],
)
def test_one_axis_may_be_inferred(request, kind, shape, expected):
    net = request.getfixturevalue(kind)
    clf = net.make(input_shape=shape, **SHORT).fit(net.X, net.y)
    assert clf.input_shape_ == expected
    assert clf.input_shape == shape


@pytest.mark.parametrize("kind", ["cnn", "rnn"])
def test_shapes_that_do_not_fit_are_both_named(request, kind):
    net = request.getfixturevalue(kind)
    shape = (9, 7)
    with pytest.raises(ValueError, match=r"shape \(64,\) for input_shape=\(9, 7\)"):
        net.make(input_shape=shape).fit(net.X, net.y)
    clf = net.make(input_shape=(8, 8)).fit(net.X, net.y)
    with pytest.raises(ValueError, match=r"\(4, 16\) for input_shape=\(8, 8\)"):
        clf.predict(net.X_test.reshape(-1, 4, 16))


def test_an_image_is_no_sequence_and_a_table_has_two_axes(mlp, cnn, rnn):
    with pytest.raises(ValueError, match=r"X must have 2 axes, or 3\. Got shape"):
        rnn.make(input_shape=None).fit(colour(rnn.X), rnn.y)
    with pytest.raises(ValueError, match="Found array with dim 4"):
        mlp.make().fit(colour(cnn.X), cnn.y)


@pytest.mark.parametrize("kind", ["cnn", "rnn"])
def test_folded_rows_in_parts_and_in_folds(request, kind):
    net = request.getfixturevalue(kind)
    X, X_test = (A.reshape(-1, 8, 8) for A in (net.X, net.X_test))
    scores = cross_val_score(net.make(input_shape=None), X, net.y, cv=3)
    assert scores.shape == (3,)
    assert scores.min() > 0.6
    clf = net.make(input_shape=None, learning_rate="constant")
    for _ in range(8):
        clf.partial_fit(X, net.y, classes=np.unique(net.y))
    assert clf.score(X_test, net.y_test) > 0.8
    assert clf.score(net.X_test, net.y_test) == clf.score(X_test, net.y_test)


def pad(X, n_steps):
    """Empty time steps after the eight of a digit."""
    padded = np.full((len(X), n_steps, 8), np.nan)
    padded[:, :8] = X.reshape(-1, 8, 8)
    return padded


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("cell_type", ["gru", "lstm", "rnn"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_never_changes_an_answer(rnn, pooling, cell_type, bidirectional):
    options = {
        "input_shape": None,
        "cell_type": cell_type,
        "pooling": pooling,
        "bidirectional": bidirectional,
        "n_layers": 1 + bidirectional,
        "hidden_size": 5,
        "max_iter": 2,
    }
    plain = rnn.make(**options).fit(rnn.X.reshape(-1, 8, 8), rnn.y)
    padded = rnn.make(**options).fit(pad(rnn.X, 11), rnn.y)
    assert padded.input_shape_ == (11, 8)
    assert_allclose(
        padded.predict_proba(pad(rnn.X_test, 11)),
        plain.predict_proba(rnn.X_test),
        atol=1e-9,
    )


@pytest.fixture
def ragged(rnn):
    """Digits whose last rows are cut off, to different lengths of at least four."""

    def cut(X):
        X = X.reshape(-1, 8, 8).copy()
        for i, length in enumerate(np.arange(len(X)) % 5 + 4):
            X[i, length:] = np.nan
        return X

    return cut(rnn.X), cut(rnn.X_test)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_sequences_of_different_length_in_one_batch(rnn, ragged, pooling):
    """Each answer is that of the sequence alone, without any padding."""
    X, X_test = ragged
    clf = rnn.make(input_shape=None, pooling=pooling).fit(X, rnn.y)
    logits, module = clf.decision_function(X_test), clf.to_module()
    for i in range(10):
        length = i % 5 + 4
        alone = torch.tensor(X_test[i : i + 1, :length])
        with torch.no_grad():
            assert_allclose(module(alone)[0], logits[i], atol=1e-9)
    assert clf.score(X_test, rnn.y_test) > 0.6
    assert_array_equal(clf.predict(X_test), clf.predict(X_test.reshape(-1, 64)))


def test_padding_takes_no_part_in_the_statistics_of_the_input(rnn, ragged):
    X, _ = ragged
    clf = rnn.make(input_shape=None, **SHORT).fit(X, rnn.y)
    steps = X[~np.isnan(X).any(2)]
    module = clf.to_module()
    assert_allclose(module.standardizer.mean.ravel(), steps.mean(0), atol=1e-9)


def test_ragged_sequences_with_early_stopping_and_balanced_batches(rnn, ragged):
    X, X_test = ragged
    clf = rnn.make(
        input_shape=None, early_stopping=True, batch_sampler="balanced", max_iter=12
    )
    clf.fit(X, rnn.y)
    assert clf.score(X_test, rnn.y_test) > 0.6
    assert len(clf.validation_scores_) == clf.n_iter_


@pytest.mark.parametrize(
    ("place", "rule"),
    [
        (np.s_[3, 0], "before or between observed time steps"),
        (np.s_[3, 5, 2], "among the features of an observed time step"),
        (np.s_[3], "at least one observed time step"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "predict"])
def test_missing_values_elsewhere_are_refused(rnn, place, rule, method):
    X = rnn.X.reshape(-1, 8, 8).copy()
    X[place] = np.nan
    clf = DeepRNNClassifier(hidden_size=4, max_iter=2, learning_rate="cosine")
    if method == "predict":
        clf.fit(rnn.X.reshape(-1, 8, 8), rnn.y)
    with pytest.raises(ValueError, match=rf"{rule}.*sample 3"):
        clf.fit(X, rnn.y) if method == "fit" else clf.predict(X)


@pytest.mark.parametrize("channels", ["first", "last"])
@pytest.mark.parametrize("pooling", ["mean", "max", "flatten"])
def test_convolutional_nets_take_padded_series(cnn, ragged, pooling, channels):
    X, X_test = ragged
    if channels == "first":
        X, X_test = X.swapaxes(1, 2), X_test.swapaxes(1, 2)
    clf = cnn.make(input_shape=None, channels=channels, pooling=pooling)
    clf.fit(X, cnn.y)
    assert clf.score(X_test, cnn.y_test) > 0.6
    flat = X_test.reshape(len(X_test), -1)
    assert_array_equal(clf.predict(X_test), clf.predict(flat))
    gap = X.copy()
    gap[3, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"NaN only pads the end.*sample 3"):
        clf.fit(gap, cnn.y)
