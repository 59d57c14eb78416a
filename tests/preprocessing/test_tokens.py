"""From text to codes, on scikit-learn's documentation."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils import estimator_checks, get_tags
from small_nets import SENTENCES

from skdeep.preprocessing import SequenceTokenizer

TEXTS = ["Not good, not good at all!", "Good.", ""]


def decode(tokenizer, codes):
    tokens = {code: token for token, code in tokenizer.vocabulary_.items()}
    return [[tokens.get(code, "?") for code in row if code] for row in codes.tolist()]


def test_codes_are_the_tokens_in_their_order():
    tokenizer = SequenceTokenizer()
    codes = tokenizer.fit_transform(TEXTS)
    assert tokenizer.vocabulary_ == {
        token: code
        for code, token in enumerate(["good", "not", "!", ",", ".", "all", "at"], 2)
    }
    assert codes.dtype == np.int32
    assert codes.tolist() == [
        [3, 2, 5, 3, 2, 8, 7, 4],
        [2, 6, 0, 0, 0, 0, 0, 0],
        [0] * 8,
    ]
    assert tokenizer.n_features_out_ == 8


def test_unseen_tokens_are_unknown_and_long_texts_are_cut_off():
    tokenizer = SequenceTokenizer().fit(TEXTS)
    codes = tokenizer.transform(["a good b", "good " * 20])
    assert codes.tolist() == [[1, 2, 1, 0, 0, 0, 0, 0], [2] * 8]


@pytest.mark.parametrize("analyzer", ["word", "char"])
@pytest.mark.parametrize("lowercase", [True, False])
def test_vocabulary_is_that_of_count_vectorizer(analyzer, lowercase):
    parameters = {
        "analyzer": analyzer,
        "lowercase": lowercase,
        "token_pattern": r"(?u)\b\w\w+\b",
        "min_df": 3,
    }
    peer = CountVectorizer(**parameters).fit(SENTENCES)
    # CountVectorizer makes one blank of many.
    texts = [" ".join(text.split()) for text in SENTENCES]
    ours = SequenceTokenizer(**parameters).fit(texts)
    assert set(ours.vocabulary_) == set(peer.vocabulary_)
    codes = ours.transform(texts)
    counts = peer.transform(texts).toarray()
    for token, code in ours.vocabulary_.items():
        assert_array_equal((codes == code).sum(1), counts[:, peer.vocabulary_[token]])


def test_frequent_tokens_come_first():
    tokenizer = SequenceTokenizer()
    codes = tokenizer.fit_transform(SENTENCES)
    n_times = np.bincount(codes.ravel())[2:]
    assert (np.diff(n_times) <= 0).all()
    few = SequenceTokenizer(max_features=50).fit(SENTENCES)
    assert few.vocabulary_ == dict(list(tokenizer.vocabulary_.items())[:50])
    assert few.transform(SENTENCES).max() == 51


def test_order_of_the_texts_does_not_matter():
    vocabulary = SequenceTokenizer().fit(SENTENCES).vocabulary_
    assert SequenceTokenizer().fit(SENTENCES[::-1]).vocabulary_ == vocabulary


@pytest.mark.parametrize(("share", "number"), [(0.1, None), (1.0, None), (0.0, 1)])
def test_min_df_as_a_share(share, number):
    texts = [*SENTENCES, "the"] if share < 1 else ["a b", "b"]
    number = number or int(np.ceil(share * len(texts)))
    by_share = SequenceTokenizer(min_df=share).fit(texts).vocabulary_
    assert by_share == SequenceTokenizer(min_df=number).fit(texts).vocabulary_


def test_max_length():
    longest = max(
        len(SequenceTokenizer().fit([text]).vocabulary_) for text in TEXTS[:2]
    )
    assert longest < 8
    assert SequenceTokenizer(max_length=3).fit_transform(TEXTS).shape == (3, 3)
    assert SequenceTokenizer(max_length=30).fit_transform(TEXTS).shape == (3, 30)
    assert SequenceTokenizer().fit_transform(["a " * 2000]).shape == (1, 512)


@pytest.mark.parametrize(
    "vocabulary",
    [
        ["good", "not"],
        ("good", "not"),
        np.array(["good", "not"]),
        {"good": 2, "not": 3},
    ],
)
def test_given_vocabulary(vocabulary):
    tokenizer = SequenceTokenizer(vocabulary=vocabulary).fit([""])
    assert tokenizer.vocabulary_ == {"good": 2, "not": 3}
    assert tokenizer.n_features_out_ == 1
    again = SequenceTokenizer(vocabulary=tokenizer.vocabulary_, max_length=3)
    assert again.fit_transform(["Not so good"]).tolist() == [[3, 1, 2]]


@pytest.mark.parametrize(
    "kind",
    [
        list,
        tuple,
        np.array,
        lambda texts: np.array(texts, dtype=object),
        lambda texts: np.array(texts)[:, None],
        pd.Series,
        lambda texts: pd.Series(texts, index=range(5, 5 + len(texts))),
        lambda texts: pd.DataFrame({"text": texts}),
        pl.Series,
        lambda texts: pl.DataFrame({"text": texts}),
    ],
)
def test_texts_come_in_any_container(kind):
    expected = SequenceTokenizer().fit_transform(SENTENCES)
    assert_array_equal(SequenceTokenizer().fit_transform(kind(SENTENCES)), expected)


def test_lists_of_tokens():
    words = [["New York", "is", "Big"], ["big"], []]
    tokenizer = SequenceTokenizer()
    assert tokenizer.fit_transform(words).tolist() == [[4, 3, 2], [2, 0, 0], [0, 0, 0]]
    cased = SequenceTokenizer(lowercase=False, analyzer="char").fit(words)
    assert set(cased.vocabulary_) == {"New York", "is", "Big", "big"}


def test_group_of_the_pattern_is_the_token():
    tokenizer = SequenceTokenizer(token_pattern=r"(\w+):").fit(["a: b, c: d"])
    assert list(tokenizer.vocabulary_) == ["a", "c"]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("a text", r"X must be a sequence of texts. Got 'a text'"),
        (5, r"X must be a sequence of texts. Got 5"),
        ([], "X must hold at least one text"),
        (np.array([["a", "b"]]), r"one column of them. Got shape \(1, 2\)"),
        (["a", None], "must be a str or a list of str. Got None in sample 1"),
        (["a", float("nan")], "Got nan in sample 1"),
        (["a", b"b"], "Got b'b' in sample 1"),
        ([["a"], ["b", 3]], r"Got \['b', 3\] in sample 1"),
    ],
)
def test_what_is_no_text_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        SequenceTokenizer().fit(X)
    with pytest.raises(ValueError, match=message):
        SequenceTokenizer().fit(TEXTS).transform(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_length": 0}, "`max_length` must be a positive integer or None. Got 0"),
        ({"lowercase": 1}, "`lowercase` must be True or False. Got 1"),
        ({"analyzer": "char_wb"}, "`analyzer` must be 'word' or 'char'. Got 'char_wb'"),
        ({"token_pattern": "("}, "`token_pattern` must be a regular expression"),
        ({"token_pattern": "(a)(b)"}, "must have one group at most"),
        ({"token_pattern": None}, "`token_pattern` must be a regular expression"),
        ({"max_features": 0}, "`max_features` must be a positive integer or None"),
        ({"min_df": 1.5}, "`min_df` must be a positive integer or a number at least 0"),
        ({"min_df": 3}, "`min_df` must leave at least one token. Got 3, for 2 texts"),
        ({"vocabulary": "ab"}, "`vocabulary` must be None or a dict or a sequence"),
        ({"vocabulary": []}, "`vocabulary` must hold distinct tokens"),
        ({"vocabulary": ["a", "a"]}, "`vocabulary` must hold distinct tokens"),
        ({"vocabulary": [1, 2]}, "`vocabulary` must hold distinct tokens"),
        ({"vocabulary": {"a": 0}}, "integers of at least 2. Got {'a': 0}"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        SequenceTokenizer(**parameters).fit(["a b", "b"])


def test_texts_without_a_token_are_refused():
    with pytest.raises(ValueError, match="at least one token"):
        SequenceTokenizer().fit(["", " "])


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_mixin_order,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_set_params,
        estimator_checks.check_valid_tag_types,
    ],
)
def test_estimator_contract(check):
    """check_estimator runs nothing else on transformers of text."""
    check("SequenceTokenizer", SequenceTokenizer())


def test_tags_are_those_of_a_text_transformer():
    ours, theirs = get_tags(SequenceTokenizer()), get_tags(CountVectorizer())
    assert ours.input_tags == theirs.input_tags
    assert ours.requires_fit
    assert not ours.no_validation


def test_unfitted():
    with pytest.raises(NotFittedError):
        SequenceTokenizer().transform(TEXTS)
    with pytest.raises(NotFittedError):
        SequenceTokenizer().get_feature_names_out()


def test_clone_and_pickle():
    tokenizer = SequenceTokenizer(max_features=9, analyzer="char").fit(TEXTS)
    assert not hasattr(clone(tokenizer), "vocabulary_")
    again = pickle.loads(pickle.dumps(tokenizer))
    assert_array_equal(again.transform(TEXTS), tokenizer.transform(TEXTS))


@pytest.mark.parametrize(("container", "frame"), [("pandas", pd), ("polars", pl)])
def test_set_output(container, frame):
    tokenizer = SequenceTokenizer(max_length=3).set_output(transform=container)
    codes = tokenizer.fit_transform(pd.Series(TEXTS))
    assert isinstance(codes, frame.DataFrame)
    names = [f"sequencetokenizer{i}" for i in range(3)]
    assert list(codes.columns) == list(tokenizer.get_feature_names_out()) == names
    assert_array_equal(codes, SequenceTokenizer(max_length=3).fit_transform(TEXTS))


def test_column_of_a_frame():
    frame = pd.DataFrame({"text": TEXTS, "length": [26, 5, 0]})
    for column in ("text", ["text"]):
        columns = ColumnTransformer(
            [("codes", SequenceTokenizer(max_length=4), column)],
            remainder="passthrough",
        )
        codes = columns.fit_transform(frame)
        assert codes.shape == (3, 5)
        assert columns.get_feature_names_out()[-2:].tolist() == [
            "codes__sequencetokenizer3",
            "remainder__length",
        ]


def test_html_repr_links_to_the_documentation():
    html = SequenceTokenizer()._repr_html_()
    assert "generated/skdeep.preprocessing.SequenceTokenizer.html" in html
