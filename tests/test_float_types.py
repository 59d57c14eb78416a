"""What dtype="auto" makes of the data."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier
from skdeep._validation import fits_float32

X, y = load_digits(return_X_y=True)
FAST = {"max_iter": 1, "random_state": 0}
NETS = [
    DeepMLPClassifier((8,), **FAST),
    DeepCNNClassifier(n_filters=(2,), **FAST),
    DeepRNNClassifier(hidden_size=2, input_shape=(8, 8), **FAST),
]


def dtype(net):
    return str(net.module_.dtype).removeprefix("torch.")


@pytest.mark.parametrize("net", NETS)
def test_many_rows_are_float32(net):
    assert dtype(clone(net).fit(X, y)) == "float32"
    assert dtype(clone(net).fit(X[:999], y[:999])) == "float64"
    assert dtype(clone(net).fit(X[:999].astype(np.float32), y[:999])) == "float32"


@pytest.mark.parametrize("net", NETS)
def test_modules_take_float64_all_the_same(net):
    clf = clone(net).fit(X, y)
    rows = torch.from_numpy(X[:5]).reshape(5, *clf.input_shape_).requires_grad_()
    logits = clf.to_module()(rows)
    assert_allclose(logits.detach().numpy(), clf.decision_function(X[:5]), atol=1e-5)
    logits.sum().backward()
    assert rows.grad.dtype == torch.float64
    assert rows.grad.abs().sum() > 0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "options", [{"dtype": "float64"}, {"solver": "lbfgs"}], ids=str
)
def test_who_asks_gets_float64(options):
    assert dtype(clone(NETS[0]).set_params(**options).fit(X, y)) == "float64"


def test_digits_that_matter_are_kept():
    """The label hangs on milliseconds of a time since 1970."""
    rng = np.random.default_rng(0)
    seconds = rng.random((2000, 1))
    late = seconds[:, 0] > 0.5
    net = DeepMLPClassifier((16,), max_iter=20, random_state=0)
    net.fit(seconds + 1.7e9, late)
    assert dtype(net) == "float64"
    assert net.score(seconds + 1.7e9, late) > 0.97
    blurred = clone(net).set_params(dtype="float32").fit(seconds + 1.7e9, late)
    said = blurred.predict(seconds + 1.7e9)
    assert accuracy_score(late, said) < 0.7


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        (lambda X: X, True),
        (lambda X: X + 900.0, True),
        (lambda X: X + 1e5, False),
        (lambda X: X - 1e5, False),
        (lambda X: X * 1e29, False),
        (lambda X: X * 1e-32, False),
        (lambda X: X * 1e-20, True),
        (lambda X: np.column_stack([X, np.full(len(X), 1e5)]), True),
        (lambda X: np.where(X == 3.0, np.nan, X), True),
        (lambda X: np.column_stack([X, np.full(len(X), np.nan)]), True),
        (sparse.csr_matrix, True),
        (lambda X: sparse.csr_matrix(X * 1e29), False),
    ],
)
def test_fits_float32(change, fits):
    assert fits_float32(change(X)) is fits
