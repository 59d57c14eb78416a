"""What to search over: valid values, around those that the estimator has."""

import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from numpy.testing import assert_array_equal
from sklearn import model_selection as peer
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import VotingClassifier

# Imported for what it does: it makes HalvingRandomSearchCV importable.
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterSampler, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_nets import EACH_NET, NETS, SENTENCES, SUBJECT, X, Y, data

from skdeep import (
    DeepCNNClassifier,
    DeepMLPClassifier,
    DeepRNNClassifier,
    _small_maps,
    _stacked,
)
from skdeep._rules import check_estimator_parameters
from skdeep.model_selection import RandomizedSearchCV, param_distributions
from skdeep.preprocessing import SequenceTokenizer

SIZES = ("small", "medium", "large")
EACH_SIZE = pytest.mark.parametrize("size", SIZES)
# Of every kind: defaults, and values that leave little room around them.
ESTIMATORS = {
    "mlp": DeepMLPClassifier(),
    "mlp of lists": DeepMLPClassifier(
        [3, 2], alpha=0.0, batch_size=1, activation="logistic", dropout=0.99
    ),
    "linear mlp": DeepMLPClassifier((), solver="lbfgs", alpha=50.0),
    "cnn": DeepCNNClassifier(),
    "cnn on images": DeepCNNClassifier(input_shape=(1, 8, 8), batch_size=1),
    "inception": DeepCNNClassifier(
        architecture="inception",
        n_filters=(5, 4),
        kernel_size=1,
        augmentation=["flip", "crop"],
    ),
    "fcn": DeepCNNClassifier(
        architecture="fcn", n_filters=[3, 4], kernel_size=[3, 2], normalization=None
    ),
    "rocket": DeepCNNClassifier(architecture="rocket", n_filters=[20]),
    "rnn": DeepRNNClassifier(),
    "rnn of one unit": DeepRNNClassifier(
        architecture="recurrent", input_shape=(8, 8), hidden_size=1, solver="lbfgs"
    ),
    "rnn on tokens": DeepRNNClassifier(input_type="tokens", batch_size=3),
}
EACH_ESTIMATOR = pytest.mark.parametrize("name", ESTIMATORS)


def samples(estimator, size, n=200):
    space = param_distributions(estimator, size)
    return list(ParameterSampler(space, n, random_state=0))


@EACH_SIZE
@EACH_ESTIMATOR
def test_every_value_is_valid(name, size):
    net = ESTIMATORS[name]
    for parameters in samples(net, size):
        check_estimator_parameters(clone(net).set_params(**parameters))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@EACH_ESTIMATOR
def test_nets_with_such_parameters_learn(name):
    net = clone(ESTIMATORS[name]).set_params(max_iter=1, random_state=0)
    if name == "rnn on tokens":
        codes = SequenceTokenizer().fit_transform(SENTENCES[:20])
        X_small, y_small = codes, SUBJECT[:10] + SUBJECT[-10:]
    else:
        X_small, y_small = (part[:20] for part in load_digits(return_X_y=True))
    for parameters in samples(net, "large", 8):
        fitted = clone(net).set_params(**parameters).fit(X_small, y_small)
        assert np.isfinite(fitted.predict_proba(X_small)).all()


@EACH_ESTIMATOR
def test_larger_sizes_hold_the_smaller_ones(name):
    small, medium, large = (param_distributions(ESTIMATORS[name], s) for s in SIZES)
    assert small.keys() < medium.keys() < large.keys()


@EACH_ESTIMATOR
def test_what_the_estimator_has_is_in_reach(name):
    net = ESTIMATORS[name]
    for parameter, values in param_distributions(net, "large").items():
        own = getattr(net, parameter)
        if isinstance(values, list):
            assert own == values[0] or tuple(own) == values[0]
            assert len({repr(value) for value in values}) == len(values) > 1
        else:
            low, high = values.support()
            assert low < (1e-4 if own in (0, "auto") else own) < high


def test_ranges_follow_the_estimator():
    low, high = (
        param_distributions(DeepMLPClassifier(learning_rate_init=rate))[
            "learning_rate_init"
        ].support()
        for rate in (0.001, 0.1)
    )
    assert_array_equal(np.array(low) * 100, high)
    wide = param_distributions(DeepMLPClassifier((64, 512)), "medium")
    assert (1024, 1024) in wide["hidden_layer_sizes"]


def test_lbfgs_gets_nothing_that_it_does_not_use():
    net = DeepCNNClassifier(solver="lbfgs")
    unused = {
        "dropout",
        "input_dropout",
        "learning_rate",
        "learning_rate_init",
        "batch_size",
    }
    assert not unused & param_distributions(net, "large").keys()


@EACH_SIZE
def test_a_seed_gives_the_same_samples_again(size):
    assert samples(NETS["cnn"], size) == samples(NETS["cnn"], size)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("module", ["skdeep", "sklearn"])
@EACH_SIZE
@EACH_NET
def test_randomized_search(kind, size, module):
    net = clone(NETS[kind]).set_params(max_iter=1)
    Search = {"skdeep": RandomizedSearchCV, "sklearn": peer.RandomizedSearchCV}[module]
    space = param_distributions(net, size)
    search = Search(net, space, n_iter=4, cv=2, random_state=0, error_score="raise")
    search.fit(*data(kind))
    assert search.best_params_.keys() == space.keys()


def test_halving_search():
    net = clone(NETS["mlp"]).set_params(max_iter=1)
    search = peer.HalvingRandomSearchCV(
        net,
        param_distributions(net),
        resource="max_iter",
        max_resources=9,
        min_resources=1,
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(X, Y)
    assert search.best_estimator_.max_iter == 9


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_small_distributions_leave_the_nets_stacked(kind, monkeypatch):
    sizes, train = [], _stacked.Stack.run

    def run(self, *args):
        sizes.append(len(self.trainings))
        return train(self, *args)

    monkeypatch.setattr(_stacked.Stack, "run", run)
    # Small images would be faster alone.
    monkeypatch.setattr(_small_maps, "_FEW", 0)
    net = clone(NETS[kind]).set_params(max_iter=1)
    space = param_distributions(net)
    search = RandomizedSearchCV(net, space, n_iter=8, cv=2, random_state=0)
    search.fit(*data(kind))
    assert sum(sizes) == 16
    # Convolutional nets with and without dropout are two architectures.
    assert len(sizes) <= 2


NESTED = {
    "net": (make_pipeline(StandardScaler(), NETS["mlp"]), "deepmlpclassifier__"),
    "sampler": (
        make_imblearn_pipeline(RandomOverSampler(random_state=0), NETS["mlp"]),
        "deepmlpclassifier__",
    ),
    "pipeline in a pipeline": (
        make_pipeline(StandardScaler(), make_pipeline("passthrough", NETS["mlp"])),
        "pipeline__deepmlpclassifier__",
    ),
    "not at the end": (
        make_pipeline(CalibratedClassifierCV(NETS["mlp"], cv=2)),
        "calibratedclassifiercv__estimator__",
    ),
    "threshold": (
        TunedThresholdClassifierCV(make_pipeline(StandardScaler(), NETS["mlp"]), cv=2),
        "estimator__deepmlpclassifier__",
    ),
    "search": (
        peer.GridSearchCV(NETS["mlp"], {"alpha": [0.1, 1.0]}, cv=2),
        "estimator__",
    ),
}


@EACH_SIZE
@pytest.mark.parametrize("name", NESTED)
def test_a_net_inside_another_estimator(name, size):
    estimator, prefix = NESTED[name]
    space = param_distributions(estimator, size)
    alone = param_distributions(NETS["mlp"], size)
    assert list(space) == [prefix + key for key in alone]
    assert space.keys() <= estimator.get_params().keys()


@pytest.mark.parametrize("name", ["net", "sampler", "not at the end"])
def test_search_over_a_net_inside_another_estimator(name):
    estimator, _ = NESTED[name]
    space = param_distributions(estimator)
    search = RandomizedSearchCV(
        estimator, space, n_iter=2, cv=2, random_state=0, error_score="raise"
    )
    assert search.fit(X, Y).best_params_.keys() == space.keys()


@pytest.mark.parametrize(
    ("estimator", "n_nets"),
    [
        (LogisticRegression(), 0),
        (make_pipeline(StandardScaler(), LogisticRegression()), 0),
        (DeepMLPClassifier, 0),
        (None, 0),
        (FrozenEstimator(NETS["mlp"]), 0),
        (VotingClassifier([("a", NETS["mlp"]), ("b", NETS["mlp"])]), 2),
    ],
    ids=["other", "pipeline", "class", "None", "frozen", "two nets"],
)
def test_there_must_be_one_net(estimator, n_nets):
    match = rf"`estimator` must be .*\. Got (?s:.*), with {n_nets} of them\."
    with pytest.raises(ValueError, match=match):
        param_distributions(estimator)
    with pytest.raises(TypeError, match=match):
        param_distributions(estimator)


@pytest.mark.parametrize("size", ["huge", None, 3])
def test_other_sizes_are_refused(size):
    rule = "`size` must be 'small', 'medium' or 'large'. Got "
    with pytest.raises(ValueError, match=rule):
        param_distributions(NETS["mlp"], size)


def test_an_estimator_with_a_bad_value_is_refused():
    with pytest.raises(ValueError, match=r"`architecture` must be .* Got 'vgg'"):
        param_distributions(DeepCNNClassifier(architecture="vgg"), "medium")
