"""From what users pass to what nets take, and back."""

import numpy as np
import pandas as pd
import pytest
import torch
from inspection.explained import case_of, each_case
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
from small_nets import EACH_NET, NETS, data, fitted, mlp

from skdeep import DeepCNNClassifier
from skdeep.inspection._subject import Subject

X, Y = load_iris(return_X_y=True)


def pipeline(*steps):
    return make_pipeline(*steps, mlp(max_iter=1)).fit(X, Y)


@EACH_NET
@pytest.mark.parametrize("n_members", [1, 2])
def test_reading_what_was_entered_gives_the_logits(kind, n_members):
    net, (rows, _) = fitted(kind, max_iter=1, n_members=n_members), data(kind)
    subject = Subject(net, rows[:5])
    x = subject.tensors(subject.flat).take(slice(None))
    encoded, present = subject.enter(x)
    assert len(encoded) == n_members
    outputs = subject.read(*encoded, *present).numpy()
    assert_allclose(outputs, net.decision_function(rows[:5]))
    assert_array_equal(net.classes_[subject.codes(None)], net.predict(rows[:5]))


@each_case
def test_parts_of_what_was_entered_go_with_their_value(case):
    net, rows, others = case_of(case)
    subject = Subject(net, rows)
    x, other = (
        subject.tensors(flat).take(slice(None))
        for flat in (subject.flat, subject.flatten(others)[:5])
    )
    # Padding stays what it is.
    same = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    same |= x.isnan() | other.isnan() | (x == 0) | (other == 0)
    mixed, _ = subject.enter(torch.where(same, x, other))
    (of_x, _), (of_other, _) = subject.enter(x), subject.enter(other)
    parts = zip(mixed, subject.spread(same), of_x, of_other, strict=True)
    for z, part, one, two in parts:
        assert_array_equal(z, torch.where(part, one, two))


@each_case
def test_a_lighter_net_enters_alike_and_says_the_same(case):
    net, rows, _ = case_of(case)
    subject = Subject(net, rows)
    x, before = subject.tensors(subject.flat), subject.decide(subject.flat)
    encoded, _ = subject.enter(x.take(slice(None)))
    subject.lighten()
    assert subject.module.dtype == torch.float32
    same, present = subject.enter(subject.tensors(subject.flat).take(slice(None)))
    for one, other in zip(encoded, same, strict=True):
        assert_array_equal(one, other, strict=True)
    outputs = subject.read(*[z.float() for z in encoded], *present)
    assert_allclose(outputs, before, rtol=1e-4, atol=1e-5)


def test_two_classes_have_opposite_outputs():
    net = mlp(max_iter=1).fit(X[:100], Y[:100])
    outputs = Subject(net, X[:5]).decide(X[:5])
    logits = net.decision_function(X[:5])
    assert_allclose(outputs, np.column_stack([-logits, logits]))


@pytest.mark.parametrize(
    "scaler",
    [
        StandardScaler(),
        StandardScaler(with_std=False),
        MinMaxScaler((-1, 3)),
        MaxAbsScaler(),
        RobustScaler(),
        RobustScaler(with_scaling=False),
    ],
    ids=str,
)
def test_scaling_changes_slopes_and_nothing_else(scaler):
    subject = Subject(pipeline(scaler), X)
    assert subject.space == "input"
    assert subject.X is X
    ones = np.ones_like(X)
    assert_array_equal(subject.place(ones), ones)
    slope = scaler.fit(X).transform(X + 1.0) - scaler.transform(X)
    assert_allclose(subject.place(ones, slope=True), slope)


def test_columns_that_were_not_selected_get_nothing():
    model = pipeline(StandardScaler(), SelectKBest(k=2), "passthrough")
    subject = Subject(model, X)
    placed = subject.place(np.ones((len(X), 2)))
    assert_array_equal(placed, np.tile(model[1].get_support(), (len(X), 1)))


@pytest.mark.parametrize("clipping", [PCA(2), MinMaxScaler(clip=True)], ids=str)
def test_steps_that_cannot_be_undone_are_named(clipping):
    model = Pipeline(
        [
            ("first", StandardScaler()),
            ("mixing", clipping),
            ("last", StandardScaler()),
            ("net", mlp(max_iter=1)),
        ]
    ).fit(X, Y)
    subject = Subject(model, X)
    assert subject.space == "output of 'mixing'"
    assert_allclose(subject.X, model[:2].transform(X))
    assert list(subject.feature_names) == list(clipping.get_feature_names_out())


def test_samplers_and_inner_pipelines_are_followed():
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import make_pipeline as make_sampling_pipeline

    inner = make_sampling_pipeline(
        RandomOverSampler(random_state=0), StandardScaler(), mlp(max_iter=1)
    )
    model = make_pipeline(MinMaxScaler(), inner).fit(X, Y)
    subject = Subject(model, X)
    assert subject.space == "input"
    logits = model.decision_function(X)
    assert_allclose(subject.decide(subject.flat), logits)


def test_names_of_columns():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    assert Subject(mlp(max_iter=1).fit(X, Y), X).feature_names is None
    net = mlp(max_iter=1).fit(frame, Y)
    assert list(Subject(net, frame).feature_names) == ["a", "b", "c", "d"]
    model = make_pipeline(SelectKBest(k=2), mlp(max_iter=1))
    model.set_output(transform="pandas").fit(frame, Y)
    assert list(Subject(model, frame).feature_names) == ["a", "b", "c", "d"]


def test_channels_last_go_back_to_where_they_were():
    images = np.random.default_rng(0).normal(size=(20, 4, 3, 2))
    net = DeepCNNClassifier(n_filters=(2,), channels="last", max_iter=1, random_state=0)
    net.fit(images, np.arange(20) % 2)
    subject = Subject(net, images)
    x = subject.tensors(subject.flat).take(slice(None))
    assert x.shape == (20, 2, 4, 3)
    assert_allclose(subject.place(subject.unfold(x)), images, rtol=1e-6)
    described = subject.described()
    assert described["input_shape"] == (2, 4, 3)
    assert described["channels"] == "last"


def test_targets():
    names = load_iris().target_names
    net = mlp(max_iter=1).fit(X, names[Y])
    subject = Subject(net, X)
    assert_array_equal(subject.codes(names[Y]), Y)
    assert_array_equal(subject.codes("virginica"), np.full(150, 2))
    known = r"\['setosa', 'versicolor', 'virginica'\]"
    for wrong in ("rose", 1, names[Y][:3], ["rose"] * 150):
        with pytest.raises(ValueError, match=f"`target` must be.*{known}.*Got"):
            subject.codes(wrong)


def test_targets_of_several_labels_are_their_columns():
    net = mlp(max_iter=1).fit(X, np.column_stack([Y == 0, Y == 1]))
    subject = Subject(net, X)
    assert_array_equal(subject.codes(1), np.ones(150))
    assert_array_equal(subject.codes(None), net.decision_function(X).argmax(1))
    with pytest.raises(ValueError, match=r"one of the classes \[0, 1\]"):
        subject.codes(2)


def test_what_cannot_be_explained():
    for wrong in (LogisticRegression(), make_pipeline(PCA(), LogisticRegression())):
        with pytest.raises(TypeError, match="`estimator` must be a classifier of sk"):
            Subject(wrong, X)
    with pytest.raises(NotFittedError):
        Subject(clone(NETS["mlp"]), X)
    with pytest.raises(ValueError, match="3 features"):
        Subject(fitted("mlp", max_iter=1), X[:, :3])


def test_chunks_cover_all_rows_within_memory():
    subject = Subject(fitted("cnn", max_iter=1), data("cnn")[0])
    chunks = list(subject.chunks(copies=100))
    assert len(chunks) > 1
    rows = np.concatenate([np.arange(subject.n_samples)[part] for part in chunks])
    assert_array_equal(rows, np.arange(subject.n_samples))
    sizes = [part.stop - part.start for part in chunks]
    assert max(sizes) * 100 * subject.module.row_size <= 2**19


def test_the_net_is_a_copy():
    net = fitted("cnn", max_iter=1)
    subject = Subject(net, data("cnn")[0][:2])
    for parameter in subject.module.parameters():
        assert not parameter.requires_grad
        with torch.no_grad():
            parameter.zero_()
    assert all(p.requires_grad for p in net.module_.parameters())
    assert any(p.abs().sum() > 0 for p in net.module_.parameters())
