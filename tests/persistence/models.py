"""Models that are saved: pipelines, beside the nets of other tests."""

from functools import cache

import numpy as np
from inspection.explained import TABLE, TOKENS, table_of_categories
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from small_nets import DIGIT, DIGITS, NETS, SENTENCES, SUBJECT
from small_nets import X as WINES
from small_nets import Y as VINEYARD

from skdeep.preprocessing import SequenceTokenizer


def columns():
    """Wines with texts and gaps, through an imputer, a scaler and an encoder."""
    steps = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["a", "b", "c", "d"]),
        (OneHotEncoder(handle_unknown="ignore"), ["few", "many"]),
    )
    frame = table_of_categories()
    return make_pipeline(steps, clone(TABLE)), frame, VINEYARD


PIPELINES = {
    "scaler": lambda: (make_pipeline(StandardScaler(), TABLE), WINES, VINEYARD),
    "columns": columns,
    "nested": lambda: (
        make_pipeline(
            make_pipeline(StandardScaler(), "passthrough"),
            make_pipeline(PCA(5), clone(TABLE)),
        ),
        WINES,
        np.array(["a", "b", "c"])[VINEYARD],
    ),
    "images": lambda: (
        make_pipeline(MinMaxScaler(), clone(NETS["cnn"]).set_params(max_iter=1)),
        DIGITS,
        DIGIT,
    ),
    "texts": lambda: (
        make_pipeline(SequenceTokenizer(), clone(TOKENS)),
        list(SENTENCES[::5]),
        np.array(SUBJECT[::5]),
    ),
}


@cache
def pipeline(name):
    """A fitted pipeline, and rows for it."""
    model, X, y = PIPELINES[name]()
    return clone(model).fit(X, y), X[:50]
