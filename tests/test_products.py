"""Which library multiplies, and that both give the same."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits

from skdeep import _products
from skdeep._products import multipliers, multiply, multiply_few
from skdeep._threads import TRAINING

LARGE = 2e8
X = load_digits().data[:1792].reshape(28, 64, 64)


@pytest.fixture(params=["GenuineIntel", "AuthenticAMD"])
def is_intel(request, monkeypatch):
    monkeypatch.setattr(_products, "_processor", lambda: request.param)
    monkeypatch.setattr("torch.backends.mkl.is_available", lambda: True)
    _products._mkl_is_at_home.cache_clear()
    yield request.param == "GenuineIntel"
    _products._mkl_is_at_home.cache_clear()


def test_large_steps_are_torchs_where_its_library_is_fast(is_intel):
    chosen = (multiply, multiply) if is_intel else (np.matmul, multiply_few)
    assert multipliers(LARGE) == chosen
    assert multipliers(1e6) == (np.matmul, multiply_few)


def test_steps_worth_several_threads_are_torchs(is_intel):
    assert multipliers(TRAINING) == (multiply, multiply)


def test_not_without_mkl(is_intel, monkeypatch):
    monkeypatch.setattr("torch.backends.mkl.is_available", lambda: False)
    _products._mkl_is_at_home.cache_clear()
    assert multipliers(LARGE) == (np.matmul, multiply_few)


def test_the_processor_has_a_name():
    assert _products._processor()


@pytest.mark.parametrize("product", [multiply, multiply_few])
@pytest.mark.parametrize("few", [10**9, 0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_are_equal(product, few, dtype, monkeypatch):
    monkeypatch.setattr(_products, "_MANY_FOR_FEW", few)
    a, b = X.astype(dtype)[:, :10], X.astype(dtype).transpose(0, 2, 1)
    expected = np.matmul(X[:, :10], X.transpose(0, 2, 1))
    tol = 1e-6 if dtype is np.float32 else 1e-14
    found = product(a, b)
    assert found.dtype == dtype
    assert_allclose(found, expected, rtol=tol)
    rows = np.zeros((28, 700), dtype)
    out = rows[:, 30:670].reshape(28, 10, 64)
    assert product(a, b, out=out) is not None
    assert_allclose(out, expected, rtol=tol)
    assert not rows[:, :30].any()
    assert not rows[:, 670:].any()
