"""Permutation importance and lime, on data of which only a known part informs."""

from functools import cache

import numpy as np
import pytest
from lime.lime_image import LimeImageExplainer
from lime.lime_tabular import LimeTabularExplainer, RecurrentTabularExplainer
from lime.lime_text import LimeTextExplainer
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.inspection import permutation_importance
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier

SCHEDULE = {
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.02,
    "max_iter": 10,
    "batch_size": 32,
    # Differences are looked at closely.
    "dtype": "float64",
    "random_state": 0,
}
NETS = {
    "mlp": DeepMLPClassifier((8,), **SCHEDULE),
    "cnn": DeepCNNClassifier(input_shape=(1, 8, 8), n_filters=(8,), **SCHEDULE),
    "rnn": DeepRNNClassifier(
        architecture="recurrent", input_shape=(8, 8), hidden_size=8, **SCHEDULE
    ),
}
EACH_NET = pytest.mark.parametrize("kind", NETS)
# Where a one is bright and a zero is empty.
CENTRE = np.ravel_multi_index(np.mgrid[2:6, 3:5].reshape(2, -1), (8, 8))


def shuffle_columns(X, kept, seed=0):
    """Give every column but those in `kept` to rows at random: they tell nothing."""
    rng = np.random.default_rng(seed)
    X = X.copy()
    for column in np.setdiff1d(np.arange(X.shape[1]), kept):
        X[:, column] = rng.permutation(X[:, column])
    return X


def shuffled_digits(kept):
    """Zeros and ones that can be told apart by the pixels in `kept` only.

    The training rows come six times with other noise, so that nets learn what is noise.
    """
    X, y = load_digits(n_class=2, return_X_y=True)
    names = np.array(["zero", "one"])[y]
    train = [shuffle_columns(X[:250], kept, seed) for seed in range(6)]
    test = shuffle_columns(X[250:], kept, 6)
    return np.concatenate(train), np.tile(names[:250], 6), test, names[250:]


centred_digits = cache(lambda: shuffled_digits(CENTRE))


@cache
def fitted(kind):
    X, y, _, _ = centred_digits()
    return clone(NETS[kind]).fit(X, y)


def held_out():
    return centred_digits()[2:]


def anatomy(net):
    """All that an explanation could leave behind in a net."""
    parts = [
        (name, part.training, {k: len(v) for k, v in vars(part).items() if _sized(v)})
        for name, part in net.module_.named_modules()
    ]
    weights = {k: v.numpy().tobytes() for k, v in net.module_.state_dict().items()}
    return sorted(vars(net)), parts, weights


def _sized(value):
    return isinstance(value, (dict, list, set))


@EACH_NET
def test_permutation_importance_finds_the_pixels_that_inform(kind):
    X, y = held_out()
    net = fitted(kind)
    before = anatomy(net)
    result = permutation_importance(
        net, X, y, scoring="neg_log_loss", n_repeats=5, random_state=0
    )
    assert anatomy(net) == before
    mean = result.importances_mean
    assert mean.argmax() in CENTRE
    elsewhere = np.delete(mean, CENTRE)
    assert mean[CENTRE].mean() > 8 * np.abs(elsewhere).mean()
    again = permutation_importance(
        net, X, y, scoring="neg_log_loss", n_repeats=5, random_state=0, n_jobs=2
    )
    assert_array_equal(again.importances, result.importances)


def test_permutation_importance_of_named_columns():
    """One true column of the wines among eleven shuffled ones."""
    X, y = load_wine(return_X_y=True, as_frame=True)
    kept = X.columns.get_loc("proline")
    X = X.iloc[:, :12].assign(
        **{X.columns[kept]: X.iloc[:, kept]},
    )
    X.iloc[:, :12] = shuffle_columns(X.iloc[:, :12].to_numpy(), [])
    net = clone(NETS["mlp"]).fit(X, y)
    result = permutation_importance(net, X, y, n_repeats=5, random_state=0)
    ranked = X.columns[result.importances_mean.argsort()[::-1]]
    assert ranked[0] == "proline"
    assert result.importances_mean.max() > 0.2
    assert_array_equal(net.feature_names_in_, X.columns)


def test_permutation_importance_of_a_pipeline():
    X, y, _, _ = centred_digits()
    pipeline = make_pipeline(MinMaxScaler(), clone(NETS["cnn"])).fit(X, y)
    mean = permutation_importance(
        pipeline, *held_out(), scoring="neg_log_loss", n_repeats=3, random_state=0
    ).importances_mean
    assert mean.argmax() in CENTRE


def explain_rows(net, seed=0, rows=(0, 1)):
    explainer = LimeTabularExplainer(
        centred_digits()[0],
        class_names=net.output_names,
        discretize_continuous=False,
        random_state=seed,
    )
    X_test, _ = held_out()
    weights = []
    for row in rows:
        explanation = explainer.explain_instance(
            X_test[row], net.predict_proba, num_features=64, num_samples=1500
        )
        of_pixel = dict(explanation.local_exp[1])
        weights.append([of_pixel[pixel] for pixel in range(64)])
        assert_allclose(explanation.predict_proba, net.predict_proba(X_test[[row]])[0])
    return np.array(weights)


@EACH_NET
def test_lime_tabular_finds_the_pixels_that_inform(kind):
    net = fitted(kind)
    before = anatomy(net)
    weights = np.abs(explain_rows(net))
    assert anatomy(net) == before
    for of_row in weights:
        assert of_row.argmax() in CENTRE
        assert of_row[CENTRE].mean() > 3 * np.delete(of_row, CENTRE).mean()


def test_lime_tabular_says_the_same_for_the_same_seed():
    net = fitted("mlp")
    assert_array_equal(explain_rows(net, 3, (0,)), explain_rows(net, 3, (0,)))
    assert (explain_rows(net, 3, (0,)) != explain_rows(net, 4, (0,))).any()


def test_lime_tabular_with_bins_and_class_names():
    data = load_breast_cancer()
    names = data.target_names[data.target]
    net = clone(NETS["mlp"]).fit(data.data, names)
    explainer = LimeTabularExplainer(
        data.data,
        feature_names=data.feature_names,
        class_names=net.output_names,
        random_state=0,
    )
    sick = data.data[np.flatnonzero(net.predict(data.data) == "malignant")[0]]
    explanation = explainer.explain_instance(
        sick, net.predict_proba, labels=[1], num_features=30, num_samples=2000
    )
    assert explanation.class_names == ["benign", "malignant"]
    assert explanation.score > 0.5
    weights = dict(explanation.as_list(label=1))
    assert sum(weights.values()) > 0
    # The tumour is large: its worst radius or area speaks for malignant.
    assert any("worst" in name and weight > 0 for name, weight in weights.items())


def test_lime_image_looks_at_the_patches_that_inform():
    X, y, X_test, y_test = centred_digits()
    images, images_test = (
        np.repeat(part.reshape(-1, 8, 8, 1), 3, axis=3) for part in (X, X_test)
    )
    net = clone(NETS["cnn"]).set_params(input_shape=(8, 8, 3), channels="last")
    net.fit(images, y)
    assert net.score(images_test, y_test) > 0.9
    before = anatomy(net)
    patches = np.arange(16).reshape(4, 4).repeat(2, axis=0).repeat(2, axis=1)
    seen = []

    def predict(batch):
        seen.append(batch.shape[1:])
        return net.predict_proba(batch)

    row = int(np.flatnonzero(y_test == "one")[0])
    explanations = [
        LimeImageExplainer(random_state=0).explain_instance(
            images_test[row],
            predict,
            hide_color=0,
            num_samples=300,
            segmentation_fn=lambda image: patches,
        )
        for _ in range(2)
    ]
    assert set(seen) == {(8, 8, 3)}
    assert anatomy(net) == before
    first, second = (e.local_exp[net.output_names.index("one")] for e in explanations)
    assert first == second
    weight = dict(first)
    centre = set(np.unique(patches.ravel()[CENTRE]))
    assert max(weight, key=weight.get) in centre
    inside = np.mean([weight[patch] for patch in centre])
    outside = np.mean([abs(weight[patch]) for patch in weight if patch not in centre])
    assert inside > 2 * outside


@pytest.mark.parametrize("cell_type", ["gru", "lstm"])
def test_lime_recurrent_finds_the_steps_that_inform(cell_type):
    """Only steps 3 and 4 of these sequences tell a zero from a one."""
    X, y, X_test, y_test = shuffled_digits(np.arange(24, 40))
    sequences, sequences_test = X.reshape(-1, 8, 8), X_test.reshape(-1, 8, 8)
    net = clone(NETS["rnn"]).set_params(input_shape=None, cell_type=cell_type)
    net.fit(sequences, y)
    assert net.score(sequences_test, y_test) > 0.95
    explainer = RecurrentTabularExplainer(
        sequences,
        training_labels=(y == "one").astype(int),
        feature_names=[f"column{i}" for i in range(8)],
        class_names=net.output_names,
        discretize_continuous=False,
        random_state=0,
    )
    explanation = explainer.explain_instance(
        sequences_test[0], net.predict_proba, num_features=64, num_samples=1500
    )
    weights = np.zeros(8)
    for name, weight in explanation.as_list():
        weights[7 - int(name.split("_t-")[1])] += abs(weight)
    assert set(weights.argsort()[-2:]) == {3, 4}


@cache
def passages():
    """Passages of what scikit-learn says of two of its sets, and which one it is."""
    texts, about = [], []
    for name, load in (("cancer", load_breast_cancer), ("wine", load_wine)):
        words = load().DESCR.split()
        pieces = [" ".join(words[i : i + 10]) for i in range(0, len(words) - 9, 3)]
        texts += pieces
        about += [name] * len(pieces)
    return texts, np.array(about)


def test_lime_text_through_a_sparse_pipeline():
    texts, about = passages()
    # Few texts have any one word, so bins say nothing that weights don't.
    net = clone(NETS["mlp"]).set_params(numerical_embedding=None)
    vectorizer = TfidfVectorizer(token_pattern="[a-z]{4,}")
    model = make_pipeline(vectorizer, net).fit(texts, about)
    assert cross_val_score(model, texts, about, cv=3).mean() > 0.8
    before = anatomy(model[-1])
    text = "the malignant or benign diagnosis of a tumour in the breast"
    words = [
        LimeTextExplainer(class_names=list(model.classes_), random_state=0)
        .explain_instance(text, model.predict_proba, num_features=11, num_samples=500)
        .as_list()
        for _ in range(2)
    ]
    assert words[0] == words[1]
    assert anatomy(model[-1]) == before
    # Weights speak for "wine", the second class.
    weights = dict(words[0])
    telling = sorted(weights, key=weights.get)[:4]
    assert set(telling) == {"diagnosis", "malignant", "benign", "breast"}
    # Never seen in training, so it can't count.
    assert abs(weights["tumour"]) < min(abs(weights[word]) for word in telling)


def test_failing_explanation_leaves_the_net_as_it_was():
    net = fitted("cnn")
    X, _ = held_out()
    before, said = anatomy(net), net.predict_proba(X)

    def fail(rows):
        net.predict_proba(rows)
        return net.predict_proba(rows[:, :10])

    explainer = LimeTabularExplainer(X, random_state=0)
    with pytest.raises(ValueError, match="64 features"):
        explainer.explain_instance(X[0], fail, num_samples=100)
    assert anatomy(net) == before
    assert_array_equal(net.predict_proba(X), said)
