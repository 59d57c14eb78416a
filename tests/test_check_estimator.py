"""scikit-learn's own conformance checks, on the defaults and on variants."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier

# Planned schedules go through all epochs, of which a check asks for a thousand.
BRIEF = {"learning_rate": "constant", "max_iter": 30}
VARIANTS = [
    DeepMLPClassifier(),
    DeepMLPClassifier(early_stopping=True),
    DeepMLPClassifier(solver="sgd"),
    DeepMLPClassifier(solver="lbfgs", max_iter=100),
    DeepMLPClassifier(numerical_embedding="periodic", standardize="robust", **BRIEF),
    # Five nets, of which each epoch takes as long as many of a small one.
    DeepCNNClassifier(**{**BRIEF, "max_iter": 5}),
    DeepCNNClassifier(
        input_shape=(1, 1, -1), n_filters=8, early_stopping=True, **BRIEF
    ),
    DeepCNNClassifier(solver="lbfgs", architecture="residual", n_filters=8),
    DeepRNNClassifier(**BRIEF),
    DeepRNNClassifier(input_shape=(1, -1), early_stopping=True, **BRIEF),
    DeepRNNClassifier(
        architecture="recurrent",
        solver="sgd",
        cell_type="rnn",
        hidden_size=16,
        pooling="mean",
        **BRIEF,
    ),
]


# The checks feed toy data on which any net runs into max_iter; that they must not
# warn is another check of theirs.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
# skipped by scikit-learn itself, for its own estimators too
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(VARIANTS)
def test_check_estimator(estimator, check):
    check(estimator)
