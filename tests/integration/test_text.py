"""Text through a tokenizer and an embedding, on scikit-learn's documentation."""

import pickle
import pickletools
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.over_sampling import RandomOverSampler
from lime.lime_text import LimeTextExplainer
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import model_selection as sk
from sklearn.base import clone
from sklearn.inspection import permutation_importance
from sklearn.pipeline import make_pipeline
from small_nets import SENTENCES, SUBJECT

from skdeep import DeepRNNClassifier, model_selection
from skdeep.preprocessing import SequenceTokenizer

NET = DeepRNNClassifier(
    input_type="tokens",
    embedding_dim=16,
    cell_type="lstm",
    hidden_size=8,
    pooling="max",
    learning_rate="one_cycle",
    learning_rate_init=0.03,
    max_iter=8,
    batch_size=32,
    random_state=0,
)
TEXTS, Y = np.array(SENTENCES), np.array(SUBJECT)
TRAIN, TEST, Y_TRAIN, Y_TEST = sk.train_test_split(
    TEXTS, Y, test_size=0.3, random_state=0, stratify=Y
)
TOKENIZER = SequenceTokenizer(max_length=24).fit(TRAIN)
CODES, CODES_TEST = TOKENIZER.transform(TRAIN), TOKENIZER.transform(TEST)


def make(**parameters):
    return clone(NET).set_params(**parameters)


@cache
def fitted(**parameters):
    return make(**parameters).fit(CODES, Y_TRAIN)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"architecture": "lstm_fcn", "n_filters": (8, 8, 8), "normalization": "layer"},
        {"n_members": 2},
        {"dropout": 0.3},
        {"early_stopping": True},
    ],
)
def test_pipeline_learns_to_tell_texts_apart(parameters):
    model = make_pipeline(SequenceTokenizer(), make(**parameters))
    model.fit(TRAIN, Y_TRAIN)
    assert model.score(TEST, Y_TEST) > 0.65
    probabilities = model.predict_proba(pd.Series(TEST))
    assert_allclose(probabilities.sum(1), 1)
    assert_array_equal(model.predict(list(TEST)), model.predict(TEST))


@pytest.mark.parametrize("library", [sk, model_selection])
def test_searches_over_tokenizer_and_net(library):
    model = make_pipeline(SequenceTokenizer(max_length=12), make(max_iter=2))
    search = library.GridSearchCV(
        model,
        {
            "sequencetokenizer__min_df": [1, 2],
            "sequencetokenizer__analyzer": ["word", "char"],
        },
        cv=2,
        error_score="raise",
    ).fit(TRAIN, Y_TRAIN)
    assert len(set(search.cv_results_["mean_test_score"])) > 1
    assert search.predict_proba(TEST).shape == (len(TEST), 2)


@pytest.mark.parametrize("kind", [np.int32, np.uint8, np.int64, np.float32, np.float64])
def test_codes_of_any_type_are_the_same(kind):
    few = SequenceTokenizer(max_length=24, max_features=200).fit_transform(TRAIN)
    expected = make(max_iter=2).fit(few, Y_TRAIN)
    net = make(max_iter=2).fit(few.astype(kind), Y_TRAIN)
    assert net.module_.dtype == torch.float32
    assert_array_equal(net.predict_proba(few), expected.predict_proba(few))
    assert_array_equal(net.predict_proba(few.astype(kind)), net.predict_proba(few))


def test_frames_of_codes():
    tokenizer = clone(TOKENIZER).set_output(transform="pandas")
    model = make_pipeline(tokenizer, make(max_iter=2)).fit(TRAIN, Y_TRAIN)
    assert model[-1].feature_names_in_[0] == "sequencetokenizer0"
    expected = make(max_iter=2).fit(CODES, Y_TRAIN).predict_proba(CODES_TEST)
    assert_array_equal(model.predict_proba(TEST), expected)


def test_codes_beyond_the_vocabulary_are_unknown():
    net = fitted()
    assert net.module_.config["vocabulary_size"] == CODES.max() + 1
    codes, unknown = CODES_TEST.copy(), CODES_TEST.copy()
    codes[:, 0], unknown[:, 0] = CODES.max() + np.arange(len(codes)) + 1, 1
    assert_array_equal(net.predict_proba(codes), net.predict_proba(unknown))
    far = codes.astype(float)
    far[:, 0] = 1e300
    assert_array_equal(net.predict_proba(far), net.predict_proba(unknown))


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("architecture", ["recurrent", "lstm_fcn"])
def test_empty_texts(pooling, architecture):
    texts = np.where(np.arange(len(TRAIN)) % 9, TRAIN, "")
    net = make(pooling=pooling, architecture=architecture, max_iter=2)
    model = make_pipeline(SequenceTokenizer(), net).fit(texts, Y_TRAIN)
    alone = model.predict_proba([""])
    assert np.isfinite(alone).all()
    assert_allclose(model.predict_proba(["", TEST[0]])[:1], alone, atol=1e-6)
    assert_allclose(model.predict_proba(["xyzzy"]), alone, atol=1e-6)


def test_padding_is_never_trained():
    net = make(alpha=1.0, l1_ratio=0.1, dropout=0.2).fit(CODES, Y_TRAIN)
    vectors = net.module_.embedding.weight.detach()
    assert not vectors[0].any()
    # No text of the training data has an unknown word.
    assert not vectors[1].any()
    assert vectors[2:].any(1).all()


def test_unknown_words_are_trained_where_they_occur():
    few = SequenceTokenizer(max_length=24, min_df=2).fit_transform(TRAIN)
    vectors = make().fit(few, Y_TRAIN).module_.embedding.weight.detach()
    assert not vectors[0].any()
    assert vectors[1].any()


def with_gap():
    codes = CODES.copy()
    codes[3, 0] = 0
    return codes


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.where(CODES == 5, -5, CODES), "non-negative integer. Got -5 in sample"),
        (CODES + 0.5, "non-negative integer. Got .*5 in sample 0"),
        (np.where(CODES == 5, np.nan, CODES), "contains NaN"),
        (CODES[:, :, None], "Found array with dim 3"),
    ],
)
def test_what_is_no_code_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        make().fit(X, Y_TRAIN)
    with pytest.raises(ValueError, match=message):
        fitted().predict(X)


def test_padding_between_tokens_is_refused_in_fit():
    message = "no zero before or between its tokens.*violation in sample 3"
    with pytest.raises(ValueError, match=message):
        make().fit(with_gap(), Y_TRAIN)


def test_blanked_tokens_are_unknown_when_predicting():
    unknown = np.where(with_gap() == CODES, CODES, 1)
    expected = fitted().predict_proba(unknown)
    assert_array_equal(fitted().predict_proba(with_gap()), expected)


def test_large_codes_are_refused():
    with pytest.raises(ValueError, match="Tokens must be less than 16777216 in fit"):
        make().fit(CODES + 2**24, Y_TRAIN)


def test_input_shape_is_of_no_use():
    with pytest.raises(ValueError, match="`input_shape` must be None with input_type="):
        make(input_shape=(24, 1)).fit(CODES, Y_TRAIN)


def test_pickle_holds_no_torch():
    data = pickle.dumps(fitted())
    words = {str(argument) for _, argument, _ in pickletools.genops(data) if argument}
    assert not [word for word in words if word.split(".")[0] in ("torch", "skorch")]
    expected = fitted().predict_proba(CODES_TEST)
    assert_array_equal(pickle.loads(data).predict_proba(CODES_TEST), expected)


def test_module_takes_flat_codes():
    logits = fitted().to_module()(torch.from_numpy(CODES_TEST)).detach()
    difference = logits[:, 1] - logits[:, 0]
    assert_allclose(fitted().decision_function(CODES_TEST), difference, atol=1e-5)
    assert fitted().input_shape_ == (24,)


def test_first_part_of_the_data_decides_the_vocabulary():
    few, many = CODES.copy(), CODES
    few[few > 30] = 1
    net = make(random_state=0)
    net.partial_fit(few, Y_TRAIN, classes=np.unique(Y))
    net.partial_fit(many, Y_TRAIN).partial_fit(few, Y_TRAIN)
    assert net.module_.config["vocabulary_size"] == 31
    assert net.n_iter_ == 1
    warm = make(warm_start=True, max_iter=2).fit(few, Y_TRAIN).fit(many, Y_TRAIN)
    assert warm.module_.config["vocabulary_size"] == 31


def test_weights_are_repetitions():
    weight = np.arange(len(CODES)) % 3
    rows = np.repeat(np.arange(len(CODES)), weight)
    net = make(dtype="float64", batch_size=len(CODES), shuffle=False, max_iter=3)
    weighted = clone(net).fit(CODES, Y_TRAIN, sample_weight=weight)
    net.set_params(batch_size=len(rows))
    repeated = clone(net).fit(CODES[rows], Y_TRAIN[rows])
    expected = repeated.predict_proba(CODES_TEST)
    assert_allclose(weighted.predict_proba(CODES_TEST), expected, atol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_lbfgs():
    net = make(solver="lbfgs", max_iter=20).fit(CODES, Y_TRAIN)
    assert net.loss_curve_[-1] < 0.5 * net.loss_curve_[0]
    assert not net.module_.embedding.weight[0].any()


def test_samplers_take_codes_and_columns_of_text():
    sampler = RandomOverSampler(random_state=0)
    X, y = sampler.fit_resample(CODES, Y_TRAIN)
    assert make(max_iter=1).fit(X, y).n_iter_ == 1
    texts, y = sampler.fit_resample(TRAIN[:, None].astype(object), Y_TRAIN)
    assert_array_equal(TOKENIZER.transform(texts), X)


def test_permutation_importance_of_positions():
    result = permutation_importance(
        fitted(), CODES_TEST, Y_TEST, n_repeats=2, random_state=0
    )
    importances = result.importances_mean
    assert importances[:6].sum() > abs(importances[-6:]).sum()


def test_lime_text():
    model = make_pipeline(SequenceTokenizer(), make(pooling="mean"))
    model.fit(TEXTS, Y)
    text = "the label of each point and the centroid of its neighbors"
    explanation = LimeTextExplainer(
        class_names=list(model.classes_), random_state=0
    ).explain_instance(text, model.predict_proba, num_features=11, num_samples=300)
    weights = dict(explanation.as_list())
    # They speak for "line", the second class.
    assert {"label", "centroid", "neighbors"} & set(
        sorted(weights, key=weights.get)[:3]
    )
