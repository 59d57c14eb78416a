"""What tests of explanations share: nets of all kinds, and rows to explain."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from small_nets import DIGIT, DIGITS, NETS, SCHEDULE, SENTENCES, SUBJECT
from small_nets import X as WINES
from small_nets import Y as VINEYARD

from skdeep import DeepRNNClassifier
from skdeep.preprocessing import SequenceTokenizer

IMAGES = clone(NETS["cnn"]).set_params(max_iter=2)
SERIES = clone(IMAGES).set_params(input_shape=(8, 8))
STEPS = clone(NETS["rnn"]).set_params(max_iter=2)
TABLE = clone(NETS["mlp"]).set_params(max_iter=2)
TOKENS = DeepRNNClassifier(
    input_type="tokens", embedding_dim=4, hidden_size=4, **{**SCHEDULE, "max_iter": 1}
)


def table_of_categories():
    """Wines with two columns of categories, one of few and one of many."""
    frame = pd.DataFrame(WINES[:, :4], columns=["a", "b", "c", "d"])
    frame["few"] = np.array(["x", "y", "z"])[VINEYARD]
    frame["many"] = [f"v{int(v)}" for v in WINES[:, 4] // 4]
    frame.loc[frame.index[::7], "b"] = np.nan
    return frame


def padded():
    """Digits as sequences of eight, seven or six steps."""
    X = DIGITS.reshape(-1, 8, 8).copy()
    X[1::3, 7:], X[2::3, 6:] = np.nan, np.nan
    return X


@cache
def tokens():
    return SequenceTokenizer().fit_transform(SENTENCES[::5]), np.array(SUBJECT[::5])


CANCER, SICK = load_breast_cancer(return_X_y=True)
# A net and its training data, which are made when they are asked for.
CASES = {
    "table": lambda: (TABLE, WINES, VINEYARD),
    "pair": lambda: (TABLE, CANCER, np.array(["sick", "well"])[SICK]),
    "labels": lambda: (
        TABLE,
        WINES,
        np.column_stack([VINEYARD == 0, WINES[:, 0] > 13]),
    ),
    "categories": lambda: (TABLE, table_of_categories(), VINEYARD),
    "waves": lambda: (
        clone(TABLE).set_params(numerical_embedding="periodic", standardize="robust"),
        table_of_categories(),
        VINEYARD,
    ),
    "members": lambda: (clone(TABLE).set_params(n_members=2), WINES, VINEYARD),
    "images": lambda: (IMAGES, DIGITS, DIGIT),
    "series": lambda: (SERIES, DIGITS.reshape(-1, 8, 8), DIGIT),
    "padded_series": lambda: (SERIES, padded().transpose(0, 2, 1), DIGIT),
    "last": lambda: (
        clone(IMAGES).set_params(channels="last", input_shape=None),
        DIGITS.reshape(-1, 8, 4, 2),
        DIGIT,
    ),
    "residual": lambda: (
        clone(IMAGES).set_params(architecture="residual", n_members=2),
        DIGITS,
        DIGIT,
    ),
    "steps": lambda: (STEPS, DIGITS, DIGIT),
    "padded_steps": lambda: (
        clone(STEPS).set_params(
            architecture="lstm_fcn",
            n_filters=(4, 4, 4),
            bidirectional=True,
            patch_size=3,
            input_shape=None,
        ),
        padded(),
        DIGIT,
    ),
    "tokens": lambda: (TOKENS, *tokens()),
}
CONVOLUTIONS = ("images", "series", "padded_series", "last", "residual", "padded_steps")
each_case = pytest.mark.parametrize("case", CASES)


@cache
def case_of(name):
    """A fitted net, five rows to explain, and rows to compare them with."""
    net, X, y = CASES[name]()
    return clone(net).fit(X, y), X[:5], X[5:25]


def anatomy(net):
    """All that an explanation could leave behind in a net."""
    parts = [
        (
            name,
            part.training,
            {k: len(v) for k, v in vars(part).items() if isinstance(v, dict)},
        )
        for name, part in net.module_.named_modules()
    ]
    weights = {k: v.numpy().tobytes() for k, v in net.module_.state_dict().items()}
    wanted = [p.requires_grad for p in net.module_.parameters()]
    return sorted(vars(net)), parts, weights, wanted


def outputs(net, X, codes):
    """What is explained: a logit, or of two classes the lead of one."""
    logits = net.decision_function(X)
    if logits.ndim == 1:
        logits = np.column_stack([-logits, logits])
    return logits[np.arange(len(logits)), codes]


def total(attributions):
    return attributions.reshape(len(attributions), -1).sum(1)
