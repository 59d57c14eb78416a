"""What a fit keeps of its data, on tables that scikit-learn ships."""

import json
import pickle
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from small_nets import DIGIT, DIGITS, MOOD, NETS, TEXTS, X, Y, fitted, mlp

from skdeep import _reference as reference
from skdeep.model_selection import GridSearchCV
from skdeep.persistence._reference import reference_of
from skdeep.preprocessing import SequenceTokenizer

CANCER, _ = load_breast_cancer(return_X_y=True)


def learn(table, categories=None):
    return reference.learn_reference(table, np.arange(table.shape[0]), categories)


def kept_by(net):
    return reference.unpack(net._reference)


def test_bins_hold_a_tenth_each():
    found = learn(CANCER)
    assert found["n_rows"] == len(CANCER)
    for column, feature in zip(CANCER.T, found["features"], strict=True):
        below, *inside, above = feature["counts"]
        assert (below, above) == (0, 0)
        assert sum(inside) == len(column)
        low, high = np.float32([column.min(), column.max()])
        assert np.nextafter(np.float32(feature["edges"][0]), np.inf) == low
        assert feature["edges"][-1] == high
        if len(np.unique(column)) > 500:
            assert len(inside) == 10
            assert_allclose(inside, len(column) / 10, atol=8)


def test_counts_are_those_of_the_bins_that_the_edges_make():
    some = np.float32(DIGITS)
    for column, feature in zip(some.T, learn(some)["features"], strict=True):
        places = np.searchsorted(np.float32(feature["edges"]), column)
        counts = np.bincount(places, minlength=len(feature["counts"]))
        assert_array_equal(counts, feature["counts"])


def test_a_value_that_fills_a_bin_has_its_own():
    rng = np.random.default_rng(0)
    spiky = np.where(rng.random(2000) < 0.9, 0.0, rng.normal(size=2000))
    constant, binary = np.full(2000, 3.0), rng.integers(0, 2, 2000)
    features = learn(np.column_stack([spiky, constant, binary]))["features"]
    assert [len(feature["edges"]) for feature in features] == [4, 2, 4]
    for feature, value, column in zip(
        features, (0.0, 3.0, 1.0), (spiky, constant, binary), strict=True
    ):
        place = feature["edges"].index(value)
        assert feature["edges"][place - 1] == np.nextafter(np.float32(value), -np.inf)
        assert feature["counts"][place] == (column == value).sum()


def test_what_is_missing_is_counted_apart():
    holes = CANCER[:, :3].copy()
    holes[::4, 0] = np.nan
    holes[:, 1] = np.nan
    some, none, full = learn(holes)["features"]
    rest = learn(CANCER[np.arange(len(CANCER)) % 4 > 0, :1])["features"][0]
    assert some == {**rest, "n_missing": len(CANCER[::4])}
    assert (none["edges"], none["counts"]) == ([], [0])
    assert none["n_missing"] == len(CANCER)
    assert full["n_missing"] == 0


def test_rows_that_are_alone_at_an_end():
    table = np.array([[1.0, 1, 5], [2, 1, 5], [3, 2, 5], [4, 3, 5]])
    assert [f["n_alone"] for f in learn(table)["features"]] == [2, 1, 0]


def test_at_most_so_many_rows_and_columns():
    rng = np.random.default_rng(0)
    assert learn(rng.normal(size=(25_000, 2)))["n_rows"] == 10_000
    wide = learn(sparse.random(300, 2000, 0.05, "csr", random_state=0))
    assert len(wide["columns"]) == len(wide["features"]) == 512
    assert (wide["columns"][0], wide["n_rows"]) == (0, 300)
    assert max(wide["columns"]) > 1990
    # The rows are those of all the data, not those at its start.
    ordered = learn(np.arange(25_000.0)[:, None])["features"][0]
    assert ordered["edges"][-1] > 24_990


def test_sparse_folded_and_flat_data_have_the_same():
    flat, thin = learn(DIGITS), learn(sparse.csr_matrix(DIGITS))
    assert flat == thin
    kept = kept_by(fitted("mlp"))["features"]
    assert learn(X)["features"] == kept
    cnn = clone(NETS["cnn"]).set_params(input_shape=None)
    cnn.fit(DIGITS.reshape(-1, 1, 8, 8), DIGIT)
    assert kept_by(cnn)["features"] == flat["features"]
    assert kept_by(fitted("rnn"))["features"] == flat["features"]


def test_categories_are_those_of_the_frame():
    frame = pd.DataFrame({"size": X[:, 0], "kind": np.array(["a", "b", None])[Y]})
    net = mlp().fit(frame, Y)
    number, category = kept_by(net)["features"]
    assert number["kind"] == "number"
    assert category["categories"] == ["a", "b"]
    assert category["counts"] == [(Y == 0).sum(), (Y == 1).sum()]
    assert category["n_missing"] == (Y == 2).sum()
    kept = kept_by(net)
    assert json.loads(json.dumps(kept)) == kept
    assert reference.unpack(reference.pack(kept)) == kept


def test_classes_are_those_that_the_net_predicts():
    net = fitted("mlp", max_iter=60)
    known = kept_by(net)["classes"]
    assert known["n_rows"] == 60 * len(X) // 100
    index = reference.evenly(np.arange(len(X)), known["n_rows"])
    assert known["counts"] == np.bincount(net.predict(X[index])).tolist()
    labels = np.column_stack([Y == 0, Y > 0]).astype(int)
    several = mlp(max_iter=60).fit(X, labels)
    counts = several.predict(X[index]).sum(0)
    assert kept_by(several)["classes"]["counts"] == counts.tolist()


def test_rows_without_weight_do_not_count():
    weight = (Y != 2).astype(float)
    for solver in ("adam", "lbfgs"):
        net = mlp(solver=solver, max_iter=1, learning_rate="constant")
        with mock.patch("warnings.warn"):
            net.fit(X, Y, sample_weight=weight)
        assert kept_by(net)["features"] == learn(X[Y != 2])["features"]
        doubled = np.concatenate([X, X])
        with mock.patch("warnings.warn"):
            net.fit(doubled, np.concatenate([Y, Y]))
        assert kept_by(net)["features"] == learn(doubled)["features"]


def test_later_parts_of_the_data_do_not_count():
    net = mlp().partial_fit(X[::2], Y[::2], classes=np.unique(Y))
    first = net._reference
    assert kept_by(net)["features"] == learn(X[::2])["features"]
    assert first["classes"] is None
    assert net.partial_fit(X[1::2], Y[1::2])._reference is first
    assert kept_by(net.fit(X, Y))["features"] == learn(X)["features"]
    net.set_params(warm_start=True).fit(X[Y < 3][::-1], Y[::-1])
    assert kept_by(net)["features"] == learn(X)["features"]


def test_pickles_keep_it_and_clones_do_not():
    net = fitted("mlp")
    assert kept_by(pickle.loads(pickle.dumps(net))) == kept_by(net)
    assert "_reference" not in vars(clone(net))


def test_one_estimator_learns_once_and_candidates_never():
    with mock.patch.object(
        reference, "learn_reference", side_effect=reference.learn_reference
    ) as spy:
        mlp(n_members=3).fit(X, Y)
        assert spy.call_count == 1
        search = GridSearchCV(mlp(), {"learning_rate_init": [0.01, 0.02]}, cv=2)
        search.fit(X, Y)
        assert spy.call_count == 2
    assert kept_by(search.best_estimator_)["n_rows"] == len(X)


def test_of_a_net_and_of_other_rows():
    net = fitted("mlp")
    assert reference_of(net) == kept_by(net)
    other = reference_of(net, X[::2])
    assert other["features"] == learn(X[::2])["features"]
    counts = np.bincount(net.predict(X[::2]), minlength=3)
    assert other["classes"] == {"n_rows": len(X[::2]), "counts": counts.tolist()}
    labels = np.column_stack([Y == 0, Y > 0]).astype(int)
    several = make_pipeline(StandardScaler(), mlp()).fit(X, labels)
    counts = several.predict(X).sum(0).tolist()
    assert reference_of(several, X)["classes"]["counts"] == counts


@pytest.mark.parametrize("as_array", [False, True])
def test_of_a_pipeline_that_takes_text(as_array):
    frame, y = load_iris(return_X_y=True, as_frame=True)
    frame = frame.iloc[:, :1].assign(kind=np.array(["x", "y", "z"])[y])
    rows = frame.to_numpy(dtype=object) if as_array else frame
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), mlp())
    model.fit(rows, y)
    assert reference_of(model) is None
    number, category = reference_of(model, rows)["features"]
    assert number == learn(frame.iloc[:, :1].to_numpy())["features"][0]
    assert (category["categories"], category["counts"]) == (["x", "y", "z"], [50] * 3)


def test_of_texts_only_the_classes_are_known():
    tokens = {"input_type": "tokens", "embedding_dim": 4, "input_shape": None}
    net = clone(NETS["rnn"]).set_params(**tokens, hidden_size=4, max_iter=1)
    model = make_pipeline(SequenceTokenizer(), net).fit(TEXTS, MOOD)
    found = reference_of(model, TEXTS)
    assert (found["features"], found["classes"]["n_rows"]) == ([], len(TEXTS))
    assert len(kept_by(model[-1])["features"]) == model[-1].n_features_in_
