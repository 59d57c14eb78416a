"""Forward passes in chunks, probabilities and classes."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, softmax

from skdeep import _inference
from skdeep._batches import Fold, Rows
from skdeep._inference import forward, most_probable, probabilities
from skdeep.modules import allocate, build, initialize

X = np.random.default_rng(0).standard_normal((50, 6))
CONFIG = {
    "input_shape": (6,),
    "n_outputs": 3,
    "hidden_layer_sizes": (8,),
    "activation": "relu",
    "normalization": None,
    "dropout": 0.5,
    "standardize": True,
}


def make_module(dtype=torch.float64, **config):
    module = allocate(build("MLP", {**CONFIG, **config}), dtype)
    initialize(module, torch.Generator().manual_seed(0), "relu")
    return module.eval()


def make_rows(X=X, dtype=torch.float64):
    return Rows(X, Fold((6,)), dtype, torch.device("cpu"))


def limit_chunks(monkeypatch, n_values):
    monkeypatch.setattr(_inference, "_MODULE_CHUNK", n_values)
    monkeypatch.setattr(_inference, "_DENSE_CHUNK", n_values)
    monkeypatch.setattr(_inference, "_DENSE_ROWS", 1)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("rows_per_chunk", [0.5, 1, 7, 25, 49, 50, 51])
def test_chunks_do_not_show(monkeypatch, activation, rows_per_chunk):
    module = make_module(activation=activation)
    limit_chunks(monkeypatch, int(rows_per_chunk * module.row_size))
    logits = forward(module, make_rows())
    assert logits.shape == (50, 3)
    with torch.no_grad():
        assert_allclose(logits, module(torch.from_numpy(X)), atol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("n_samples", [1, 1000])
@pytest.mark.parametrize("config", [{}, {"missing": (2,)}, {"n_categories": (0,) * 6}])
def test_missing_values_are_for_the_module(activation, n_samples, config):
    module = make_module(activation=activation, **config)
    gaps = np.random.default_rng(1).standard_normal((n_samples, 6))
    gaps[0, 2] = gaps[-1, 5] = np.nan
    logits = forward(module, make_rows(gaps))
    with torch.no_grad():
        assert_allclose(logits, module(torch.from_numpy(gaps)), atol=1e-12)
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_logits_are_float64_arrays(activation):
    module = make_module(torch.float32, activation=activation)
    logits = forward(module, make_rows(X.astype(np.float32), torch.float32))
    assert type(logits) is np.ndarray
    assert logits.dtype == np.float64


@pytest.mark.parametrize("activation", ["identity", "relu", "gelu"])
def test_input_is_left_alone(activation):
    given = X.copy()
    module = make_module(activation=activation, standardize=False)
    forward(module, make_rows(given))
    assert_array_equal(given, X)


def test_sparse_rows(monkeypatch):
    limit_chunks(monkeypatch, 7 * 8)
    module = make_module()
    dense = forward(module, make_rows())
    assert_array_equal(forward(module, make_rows(sparse.csr_array(X))), dense)


LOGITS = np.array([[0.5, -1.0, 2.0], [1000.0, -1000.0, 0.0], [0.0, 0.0, 0.0]])


def test_softmax():
    p = probabilities(LOGITS, multilabel=False)
    assert_allclose(p, softmax(LOGITS, axis=1), atol=1e-15)
    assert_allclose(p.sum(1), 1.0, rtol=1e-15)


def test_sigmoid_of_labels():
    p = probabilities(LOGITS, multilabel=True)
    assert_allclose(p[[0, 2]], expit(LOGITS[[0, 2]]))
    assert ((p > 0) & (p < 1)).all()


def test_probabilities_leave_logits_alone():
    given = LOGITS.copy()
    probabilities(given, multilabel=False)
    probabilities(given, multilabel=True)
    assert_array_equal(given, LOGITS)


def test_most_probable():
    assert_array_equal(most_probable(LOGITS, multilabel=False), [2, 0, 0])
    assert_array_equal(
        most_probable(LOGITS, multilabel=True),
        [[True, False, True], [True, False, False], [False] * 3],
    )
