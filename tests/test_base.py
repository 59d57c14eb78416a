"""What the estimators have in common, beyond the stages with files of their own."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from small_nets import EACH_NET, data, fitted, mlp

from skdeep._parameters import parameters_of

NAMES = np.array(["zero", "one", "two"])
KINDS = {
    "int": lambda y: y,
    "small int": lambda y: y.astype(np.int8),
    "float": lambda y: y.astype(float),
    "str": lambda y: NAMES[y],
    "object": lambda y: NAMES[y].astype(object),
    "bool": lambda y: y == 1,
}


@EACH_NET
def test_each_parameter_has_rules(kind):
    net = fitted(kind)
    assert parameters_of(net) == net.get_params(deep=False)


@EACH_NET
@pytest.mark.parametrize("labels", KINDS)
@pytest.mark.parametrize("as_given", [np.asarray, list])
def test_score_is_the_accuracy(kind, labels, as_given):
    X, y = data(kind)
    y = KINDS[labels](y)
    net = fitted(kind).fit(X, y)
    wrong = np.random.default_rng(0).permutation(y)
    for truth in (y, wrong):
        score = net.score(X, as_given(truth))
        assert type(score) is float
        assert score == accuracy_score(truth, net.predict(X))
    assert net.score(X, y) > 0.8 > net.score(X, wrong)


def test_score_of_other_labels_and_of_a_part_of_them():
    X, y = data("mlp")
    net = mlp().fit(X, NAMES[y])
    longer = np.where(y == 0, "nothing at all", NAMES[y])
    assert net.score(X, longer) == accuracy_score(longer, net.predict(X))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        net.score(X, NAMES[y][:-1])


def test_score_of_weighted_and_of_several_labels():
    X, y = data("mlp")
    weight = np.linspace(0.1, 2.0, len(X))
    net = mlp(max_iter=1).fit(X, y)
    assert net.score(X, y, weight) == pytest.approx(
        weight[net.predict(X) == y].sum() / weight.sum()
    )
    several = np.column_stack([y == 0, y < 2]).astype(int)
    net.fit(X, several)
    right = (net.predict(X) == several).all(1)
    assert net.score(X, several) == pytest.approx(right.mean())
    assert 0 < right.mean() < 1
