"""Permutation importance against scikit-learn's, and on data of known parts."""

import numpy as np
import polars as pl
import pytest
import torch
from known_steps import INFORMATIVE, known_steps
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import inspection
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score, make_scorer, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from small_nets import DIGIT, DIGITS, SCHEDULE, X, Y, data, fitted, mlp

from skdeep import DeepCNNClassifier, DeepRNNClassifier
from skdeep.inspection import _exchange, permutation_importance


def same(net, X, y, **options):
    """Compare with scikit-learn; only rounding may differ, and not for accuracy."""
    ours = permutation_importance(net, X, y, random_state=3, **options)
    theirs = inspection.permutation_importance(net, X, y, random_state=3, **options)
    tolerance = 0.0 if options.get("scoring") in (None, "accuracy") else 1e-6
    for name in ("importances", "importances_mean", "importances_std"):
        assert_allclose(ours[name], theirs[name], rtol=0, atol=tolerance)
    assert ours.importances.any()
    return ours


NETS = {
    "mlp": {},
    "mlp without bins": {"numerical_embedding": None, "normalization": "batch"},
    "mlp with waves": {"numerical_embedding": "periodic", "standardize": "robust"},
    "mlp without hidden layers": {"hidden_layer_sizes": ()},
    "mlp of members": {"n_members": 2},
    "cnn": {},
    "rnn": {},
    "rnn and convolutions": {
        "architecture": "lstm_fcn",
        "n_filters": (8, 8, 8),
        "max_iter": 1,
    },
}


@pytest.mark.parametrize("name", NETS)
def test_the_values_are_those_of_scikit_learn(name):
    kind = name[:3]
    net = fitted(kind, **NETS[name])
    X, y = data(kind)
    # All three classes are among these.
    rows = slice(0, None, 3) if kind == "mlp" else slice(0, 30)
    for scoring in (None, "neg_log_loss"):
        same(net, X[rows], y[rows], scoring=scoring, n_repeats=1)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("sizes", [(), (7,), (7, 5, 4)])
def test_plain_nets_of_any_activation_and_depth(activation, sizes, monkeypatch):
    net = mlp(
        hidden_layer_sizes=sizes, activation=activation, numerical_embedding=None
    ).fit(X, Y)
    whole = same(net, X, Y, scoring="neg_log_loss")
    # Parts of fifty rows, in blocks of at most twenty; the last ones are shorter.
    monkeypatch.setattr(_exchange, "_DENSE_CHUNK", 50 * max(sizes, default=3))
    monkeypatch.setattr(_exchange, "_BLOCK", 20 * max(sizes, default=3))
    parts = same(net, X, Y, scoring="neg_log_loss")
    assert_allclose(parts.importances, whole.importances, atol=1e-6)


@pytest.mark.parametrize("n_different", [0, 3, 40, 120, 178])
def test_columns_of_few_and_of_many_values(n_different):
    """None, few, and many values, most of them alike or all different."""
    column = np.zeros(len(X))
    column[:n_different] = X[:n_different, 12] + np.arange(n_different)
    table = np.column_stack([X[:, :3], column])
    net = mlp(numerical_embedding=None).fit(table, Y)
    for scoring in (None, "neg_log_loss"):
        result = same(net, table, Y, scoring=scoring, n_repeats=1)
    assert result.importances[3].any() == (n_different > 0)


@pytest.mark.parametrize(
    "scoring",
    [
        "roc_auc_ovr",
        make_scorer(accuracy_score, greater_is_better=False),
        lambda clf, X, y: clf.predict_proba(X * 1.0)[:, 0].mean() + X[:, 12].std(),
    ],
)
def test_any_scorer_will_do(scoring):
    same(fitted("mlp"), X, Y, scoring=scoring, n_repeats=2)


def test_sample_weight_and_labels_and_a_random_state_that_goes_on():
    labels = np.array(["a", "b", "c"])[Y]
    net = mlp().fit(X, labels)
    weight = np.arange(len(X)) % 3
    for scoring in ("accuracy", "neg_log_loss", "balanced_accuracy"):
        same(net, X, labels, sample_weight=weight, scoring=scoring, n_repeats=2)
    states = np.random.RandomState(0), np.random.RandomState(0)
    for _ in range(2):
        assert_array_equal(
            *(
                function(net, X, labels, n_repeats=1, random_state=state).importances
                for function, state in zip(
                    (permutation_importance, inspection.permutation_importance),
                    states,
                    strict=True,
                )
            )
        )


def test_multilabel_targets():
    labels = np.column_stack([Y == 0, Y == 1]).astype(int)
    net = mlp().fit(X, labels)
    for scoring in (None, "roc_auc"):
        same(net, X[::4], labels[::4], scoring=scoring, n_repeats=2)


def test_tables_too_large_to_remember(monkeypatch):
    net = fitted("mlp")
    monkeypatch.setattr("skdeep.inspection._exchange._MOST_BYTES", 0)
    monkeypatch.setattr("skdeep.inspection._exchange._CHUNK_BYTES", 8 * 13 * 50)
    same(net, X, Y)


def to_polars(frame):
    return pl.DataFrame({name: column.to_list() for name, column in frame.items()})


def test_frames_with_categories_gaps_and_names():
    frame, y = load_iris(return_X_y=True, as_frame=True)
    frame["size"] = np.where(frame["petal length (cm)"] > 2, "large", "small")
    frame["noise"] = np.random.default_rng(0).permutation(frame["size"])
    frame.loc[::7, "petal width (cm)"] = np.nan
    frame = frame.astype({"noise": "category"})
    net = mlp().fit(frame, y)
    result = same(net, frame, y, n_repeats=2)
    assert result.group_names.tolist() == list(frame.columns)
    same(net, frame, y, n_repeats=2, scoring="balanced_accuracy")
    of_polars = permutation_importance(
        net, to_polars(frame), y, random_state=3, n_repeats=2
    )
    assert_array_equal(of_polars.importances, result.importances)
    groups = {"length": ["petal length (cm)", "size"], "noise": "noise"}
    grouped = permutation_importance(net, frame, y, groups=groups, random_state=0)
    assert grouped.group_names.tolist() == ["length", "noise"]
    assert [part.tolist() for part in grouped.groups] == [[2, 4], [5]]
    assert grouped.importances_mean[0] > 0.1 > abs(grouped.importances_mean[1])
    with pytest.raises(ValueError, match=r"`groups` must hold names.*Got \['nose'\]"):
        permutation_importance(net, frame, y, groups=["nose"])


def test_pipelines_shuffle_what_they_are_given():
    pipeline = make_pipeline(StandardScaler(), MinMaxScaler(), mlp()).fit(X, Y)
    same(pipeline, X, Y, n_repeats=2, scoring="f1_macro")

    frame, y = load_iris(return_X_y=True, as_frame=True)
    frame["colour"] = np.where(y == 0, "red", "green")
    columns = make_column_transformer(
        (OneHotEncoder(), ["colour"]), remainder="passthrough"
    )
    for table in (frame, to_polars(frame)):
        pipeline = make_pipeline(columns, mlp()).fit(table, y)
        result = permutation_importance(pipeline, table, y, n_repeats=2, random_state=3)
        assert result.group_names.tolist() == list(frame.columns)
        if table is frame:
            before = same(pipeline, table, y, n_repeats=2)
        assert_array_equal(result.importances, before.importances)


def test_time_steps_that_inform_are_found():
    net = DeepRNNClassifier(architecture="recurrent", hidden_size=8, **SCHEDULE)
    X, y = known_steps()
    train = np.arange(len(y)) < len(y) * 3 // 4
    net = net.fit(X[train], y[train])
    result = permutation_importance(
        net, X[~train], y[~train], groups="time_step", random_state=0
    )
    assert result.importances.shape == (8, 5)
    assert result.group_names[3] == "step 3"
    assert_array_equal(result.groups[3], np.arange(24, 32))
    assert (
        roc_auc_score(np.isin(np.arange(8), INFORMATIVE), result.importances_mean)
        == 1.0
    )


def test_parts_of_images():
    images, y = DIGITS.reshape(-1, 8, 8), DIGIT
    coloured = np.stack([images, np.zeros_like(images)], axis=1)
    net = DeepCNNClassifier(n_filters=(4,), **SCHEDULE).fit(coloured, y)
    channels = permutation_importance(
        net, coloured, y, groups="channel", random_state=0
    )
    assert channels.group_names.tolist() == ["channel 0", "channel 1"]
    assert channels.importances_mean[0] > 0.3
    assert not channels.importances[1].any()

    patches = permutation_importance(
        net, coloured, y, groups="patch", patch_size=(3, 4), random_state=0
    )
    assert len(patches.groups) == 6
    assert patches.group_names[0] == "rows 0-2, columns 0-3"
    assert patches.group_names[-1] == "rows 6-7, columns 4-7"
    everything = np.sort(np.concatenate(patches.groups))
    assert_array_equal(everything, np.arange(128))
    by_hand = permutation_importance(
        net, coloured, y, groups=patches.groups, random_state=0
    )
    assert_array_equal(by_hand.importances, patches.importances)

    pixels = permutation_importance(net, coloured, y, n_repeats=1, random_state=0)
    assert pixels.group_names[1] == "channel 0 row 0 column 1"


def test_tokens_are_shuffled_by_step():
    codes = np.tile([[2, 3], [3, 2], [2, 2], [3, 3]], (20, 1))
    y = codes[:, 1] == 3
    net = DeepRNNClassifier(
        input_type="tokens", embedding_dim=4, hidden_size=4, **SCHEDULE
    ).fit(codes, y)
    result = permutation_importance(net, codes, y, groups="time_step", random_state=0)
    assert result.group_names.tolist() == ["step 0", "step 1"]
    assert result.importances_mean[1] > 0.3 > result.importances_mean[0]


def test_small_nets_take_one_thread(monkeypatch):
    seen = []

    def watch(kind, name):
        method = getattr(kind, name)

        def watched(*args):
            seen.append(torch.get_num_threads())
            return method(*args)

        monkeypatch.setattr(kind, name, watched)

    net = fitted("mlp")
    watch(_exchange._FirstLayer, "with_columns")
    watch(_exchange._LaterLayers, "__call__")
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        permutation_importance(net, X, Y, groups=[0, [1, 2]])
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert len(seen) > 4
    assert set(seen) == {1}


def test_the_net_is_left_as_it_was():
    net = fitted("cnn", n_members=2)
    before = {k: v.clone() for k, v in net.module_.state_dict().items()}
    names = sorted(vars(net))
    permutation_importance(net, DIGITS, DIGIT, scoring="f1_macro", groups=[[20, 21]])

    def fail(net, X, y):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        permutation_importance(net, DIGITS, DIGIT, scoring=fail)
    assert sorted(vars(net)) == names
    for name, value in net.module_.state_dict().items():
        assert_array_equal(value, before[name])


def test_errors_say_what_is_wrong():
    net = fitted("mlp")
    for options, message in (
        ({"groups": "time_step"}, "suit samples whose axes are .*'feature'"),
        ({"groups": "patch", "patch_size": 2}, "suit samples whose axes"),
        ({"groups": "pixel"}, "must be 'feature', 'time_step'.*'pixel'"),
        ({"groups": [13]}, r"positions from 0 to 12.*\[13\]"),
        ({"groups": [[]]}, "at least one in each group"),
        ({"scoring": ["accuracy"]}, "one scorer"),
        ({"n_repeats": 0}, "`n_repeats` must be a positive integer. Got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            permutation_importance(net, X, Y, **options)
    with pytest.raises(ValueError, match=r"`patch_size` must be.*Got None"):
        permutation_importance(fitted("cnn"), DIGITS, DIGIT, groups="patch")
    padded = DIGITS.copy()
    padded[0, 56:] = np.nan
    with pytest.raises(ValueError, match="same length"):
        permutation_importance(fitted("rnn"), padded, DIGIT)
