"""From text to sequences of integer codes."""

import re
from collections import Counter
from numbers import Integral

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from skdeep._docstrings import DocLinks
from skdeep._parameters import (
    Boolean,
    InvalidParameterError,
    Kind,
    Number,
    OneOf,
    check_parameters,
)

# Those of skdeep.modules.tokens, which needs torch.
PADDING, UNKNOWN = 0, 1
_N_SPECIAL = 2
# A net reads step by step: a single long text would make every other one slow.
_LONGEST = 512


class SequenceTokenizer(
    DocLinks, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    r"""Turn texts into rows of integer codes, one for each token.

    Rows are what :class:`skdeep.DeepRNNClassifier` takes with ``input_type="tokens"``:
    0 is padding, at the end of short texts; 1 is a token that isn't in the vocabulary;
    the others follow from 2, the most frequent one first. Parameters are those of
    :class:`sklearn.feature_extraction.text.CountVectorizer` wherever it has the thing.

    Parameters
    ----------
    max_length : int or None, default=None
        Length of the rows; what is beyond it is cut off. None is the length of the
        longest text that ``fit`` sees, but at most 512.

    lowercase : bool, default=True
        Whether to lower the case of all letters.

    analyzer : {"word", "char"}, default="word"
        What a token is: a match of `token_pattern`, or a character. Texts that are
        lists of tokens already stay as they are.

    token_pattern : str, default=r"\w+|[^\w\s]"
        Regular expression of a token, for ``analyzer="word"``; with one group, the
        token is what that matches. The default takes every word and every mark.

    max_features : int or None, default=None
        Size of the vocabulary, from the most frequent token on; None takes all.

    min_df : int or float, default=1
        Least number of texts, or share of them, in which a token must occur.

    vocabulary : dict, sequence of str or None, default=None
        Codes of the tokens, from 2 on, or the tokens in their order. None learns it.

    Attributes
    ----------
    vocabulary_ : dict
        Token to code.

    n_features_out_ : int
        Length of the rows.

    See Also
    --------
    skdeep.DeepRNNClassifier : The net that reads such rows.
    sklearn.feature_extraction.text.CountVectorizer : Counts tokens, whatever their
        order.

    Examples
    --------
    >>> from skdeep.preprocessing import SequenceTokenizer
    >>> texts = ["Not good, not good at all!", "Good."]
    >>> tokenizer = SequenceTokenizer(min_df=1, max_features=4).fit(texts)
    >>> tokenizer.vocabulary_
    {'good': 2, 'not': 3, '!': 4, ',': 5}
    >>> tokenizer.transform(texts)
    array([[3, 2, 5, 3, 2, 1, 1, 4],
           [2, 1, 0, 0, 0, 0, 0, 0]], dtype=int32)
    """

    _rules = {
        "max_length": [Number(1, integer=True), OneOf(None)],
        "lowercase": [Boolean()],
        "analyzer": [OneOf("word", "char")],
        "token_pattern": [Kind(str, "a regular expression")],
        "max_features": [Number(1, integer=True), OneOf(None)],
        "min_df": [Number(1, integer=True), Number(0, 1)],
        "vocabulary": [
            OneOf(None),
            Kind((dict, list, tuple, np.ndarray), "a dict or a sequence of str"),
        ],
    }

    def __init__(
        self,
        *,
        max_length=None,
        lowercase=True,
        analyzer="word",
        token_pattern=r"\w+|[^\w\s]",
        max_features=None,
        min_df=1,
        vocabulary=None,
    ):
        self.max_length = max_length
        self.lowercase = lowercase
        self.analyzer = analyzer
        self.token_pattern = token_pattern
        self.max_features = max_features
        self.min_df = min_df
        self.vocabulary = vocabulary

    def fit(self, X, y=None):
        """Learn the vocabulary and the length of the rows.

        Parameters
        ----------
        X : array-like of str, or of lists of str, of shape (n_samples,)
            Texts. A single column is taken too.

        y : None
            Ignored.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        check_parameters(self.get_params(deep=False), self._rules)
        documents = self._tokenize(X)
        if self.vocabulary is None:
            self.vocabulary_ = self._learn(documents)
        else:
            self.vocabulary_ = _given_codes(self.vocabulary)
        longest = max(map(len, documents))
        self.n_features_out_ = self.max_length or min(max(longest, 1), _LONGEST)
        return self

    def transform(self, X):
        """Turn texts into codes.

        Parameters
        ----------
        X : array-like of str, or of lists of str, of shape (n_samples,)
            Texts.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_features_out), int32
        """
        check_is_fitted(self)
        documents = self._tokenize(X)
        codes = np.full((len(documents), self.n_features_out_), PADDING, dtype=np.int32)
        code_of = self.vocabulary_.get
        for row, tokens in zip(codes, documents, strict=True):
            found = [code_of(token, UNKNOWN) for token in tokens[: len(row)]]
            row[: len(found)] = found
        return codes

    def _tokenize(self, X):
        """List of the tokens of each text."""
        split = list if self.analyzer == "char" else _splitter(self.token_pattern)
        documents = []
        for i, text in enumerate(_texts(X)):
            if isinstance(text, str):
                tokens = split(text.lower() if self.lowercase else text)
            else:
                tokens = _checked_tokens(text, i)
                if self.lowercase:
                    tokens = [token.lower() for token in tokens]
            documents.append(tokens)
        if not documents:
            raise ValueError("X must hold at least one text. Got none.")
        return documents

    def _learn(self, documents):
        """Codes of the tokens, by their frequency and then by the alphabet."""
        count = Counter(token for tokens in documents for token in tokens)
        if not count:
            raise ValueError(
                "X must hold at least one token. Got empty texts only; look at "
                "`token_pattern`."
            )
        least = self.min_df
        if not isinstance(least, Integral):
            least = least * len(documents)
        if least > 1:
            n_texts = Counter(token for tokens in documents for token in set(tokens))
            count = {token: n for token, n in count.items() if n_texts[token] >= least}
        if not count:
            raise ValueError(
                f"`min_df` must leave at least one token. Got {self.min_df!r}, for "
                f"{len(documents)} texts."
            )
        order = sorted(count, key=lambda token: (-count[token], token))
        return _codes_of(order[: self.max_features])

    @property
    def _n_features_out(self):
        return self.n_features_out_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _texts(X):
    """Iterate over the texts in X, which may be a column."""
    if isinstance(X, str) or not hasattr(X, "__len__"):
        raise ValueError(f"X must be a sequence of texts. Got {X!r}.")
    shape = getattr(X, "shape", (len(X),))
    if len(shape) < 2:
        return X
    if len(shape) > 2 or shape[1] != 1:
        raise ValueError(
            "X must be a sequence of texts, or one column of them. "
            f"Got shape {tuple(shape)}."
        )
    return np.asarray(X)[:, 0]


def _checked_tokens(text, i):
    """The tokens of a text that is split already."""
    if hasattr(text, "__iter__") and not isinstance(text, (bytes, dict)):
        tokens = list(text)
        if all(isinstance(token, str) for token in tokens):
            return tokens
    raise ValueError(
        f"Every text must be a str or a list of str. Got {text!r} in sample {i}."
    )


def _splitter(token_pattern):
    try:
        pattern = re.compile(token_pattern)
    except re.error as error:
        raise InvalidParameterError(
            f"`token_pattern` must be a regular expression. Got {token_pattern!r}: "
            f"{error}."
        ) from None
    if pattern.groups > 1:
        raise InvalidParameterError(
            f"`token_pattern` must have one group at most. Got {token_pattern!r}."
        )
    return pattern.findall


def _codes_of(tokens):
    return {token: code for code, token in enumerate(tokens, _N_SPECIAL)}


def _given_codes(vocabulary):
    """Turn the parameter `vocabulary` into a dict."""
    codes = vocabulary if isinstance(vocabulary, dict) else _codes_of(vocabulary)
    code = Number(_N_SPECIAL, integer=True)
    if (
        not codes
        or len(codes) < len(vocabulary)
        or not all(isinstance(token, str) for token in codes)
        or not all(map(code.allows, codes.values()))
    ):
        raise InvalidParameterError(
            "`vocabulary` must hold distinct tokens of type str, and as a dict their "
            f"codes, integers of at least {_N_SPECIAL}. Got {vocabulary!r}."
        )
    return dict(codes)
