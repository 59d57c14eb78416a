"""Dense nets on numpy against autograd and against the module."""

from unittest.mock import Mock

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris

from skdeep import _dense, _products
from skdeep._batches import Batch
from skdeep._dense import DenseForward, DenseGradient, is_plain
from skdeep._flat import FlatParameters
from skdeep._losses import loss_function, target_rows, weighted_mean
from skdeep._streams import for_nets
from skdeep.modules import allocate, build, initialize, use_generator

X, Y = load_iris(return_X_y=True)
LABELS = np.column_stack([Y == 0, Y > 0, X[:, 0] > 5.5])
WEIGHT = np.random.default_rng(0).uniform(0.1, 3.0, len(X))
PLAIN = ["identity", "logistic", "tanh", "relu"]
# Petal lengths, cut to whole centimetres, as the codes of categories.
CODES = {"n_categories": (0, 0, 12, 0), "n_bins": (3, 0, 0, 4)}


def make_module(dtype=torch.float64, name="MLP", **config):
    config = {
        "input_shape": (4,),
        "n_outputs": 3,
        "hidden_layer_sizes": (7, 5),
        "activation": "relu",
        "normalization": None,
        "dropout": 0.0,
        "standardize": True,
        **config,
    }
    module = allocate(build(name, config), dtype)
    initialize(module, torch.Generator().manual_seed(0), config["activation"])
    if config["standardize"]:
        module.standardizer.update(torch.from_numpy(X), torch.ones(len(X)))
    return module


def make_batch(module, multilabel, weighted, smoothing):
    codes = LABELS if multilabel else Y
    targets = target_rows(codes, 3, smoothing, torch.float64)(np.arange(len(X)))
    return Batch(
        module.standardizer(torch.from_numpy(X)),
        targets,
        torch.from_numpy(WEIGHT) if weighted else None,
        WEIGHT.sum() if weighted else len(X),
    )


def by_autograd(module, flat, batch, multilabel):
    flat.gradient.zero_()
    losses = loss_function("log_loss", multilabel, 0.0)(
        module.body(batch.x), batch.target
    )
    loss = weighted_mean(losses, batch.weight, batch.total)
    loss.backward()
    return float(loss.detach()), flat.gradient.clone()


def dense_gradient(module, flat, multilabel, *threads, **size):
    """Gradient function of one net."""
    values, gradients = flat.views(flat.vector[None]), flat.views(flat.gradient[None])
    gradient = DenseGradient([module], values, gradients, multilabel, *threads, **size)
    return lambda batch: gradient(for_nets(batch)).item() / batch.total


def compare(module, multilabel, weighted=False, smoothing=0.0, **size):
    module.train()
    batch = make_batch(module, multilabel, weighted, smoothing)
    flat = FlatParameters(module)
    use_generator(module, torch.Generator().manual_seed(5))
    expected_loss, expected = by_autograd(module, flat, batch, multilabel)
    flat.gradient.fill_(99.0)
    use_generator(module, torch.Generator().manual_seed(5))
    loss = dense_gradient(module, flat, multilabel, **size)(batch)
    assert expected.abs().max() > 1e-3
    assert_allclose(loss, expected_loss, rtol=1e-12)
    assert_allclose(flat.gradient, expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("activation", PLAIN)
def test_gradient_is_that_of_autograd(activation, multilabel, weighted):
    compare(make_module(activation=activation), multilabel, weighted)


def test_gradient_of_a_large_step_takes_no_product_of_numpy(monkeypatch):
    products = Mock(wraps=np.matmul)
    monkeypatch.setattr(np, "matmul", products)
    compare(make_module(**CODES, dropout=0.4), False, weighted=True)
    assert products.called
    products.reset_mock()
    compare(make_module(**CODES, dropout=0.4), False, weighted=True, n_operations=5e9)
    assert not products.called


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("activation", PLAIN)
def test_gradient_through_dropout(activation, multilabel):
    compare(make_module(activation=activation, dropout=0.4), multilabel)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("multilabel", [False, True])
def test_gradient_with_label_smoothing(multilabel, weighted):
    compare(make_module(), multilabel, weighted, smoothing=0.3)


@pytest.mark.parametrize("multilabel", [False, True])
def test_gradient_through_dropout_that_a_batch_shares(multilabel):
    compare(make_module(dropout=0.4, shared_dropout=True), multilabel)


@pytest.mark.parametrize("sizes", [(), (7, 5)])
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_of_the_vectors_of_categories(weighted, sizes):
    module = make_module(**CODES, hidden_layer_sizes=sizes)
    assert module.embedding is not None
    compare(module, False, weighted)


def test_forward_through_the_vectors_of_categories():
    module = make_module(**CODES).eval()
    with torch.no_grad():
        expected = module(torch.from_numpy(X))
    assert_allclose(DenseForward(module, len(X))(X), expected, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("block", [2, 2**15])
def test_gradient_in_shards(block, n_threads, shared, weighted, monkeypatch):
    monkeypatch.setattr(_dense, "_BLOCK", block)
    config = {"dropout": 0.3, "shared_dropout": shared, **CODES}
    module = make_module(activation="tanh", **config).train()
    flat = FlatParameters(module)
    batch = make_batch(module, False, weighted, 0.1)
    results = []
    for n_shards, threads in ((1, 1), (4, 1), (4, n_threads)):
        use_generator(module, torch.Generator().manual_seed(5))
        gradient = dense_gradient(module, flat, False, n_shards, threads)
        results.append((gradient(batch), flat.gradient.clone()))
    (whole, expected), (one, by_one), (many, by_many) = results
    assert_allclose(one, whole, rtol=1e-12)
    assert_allclose(by_one, expected, rtol=1e-9, atol=1e-14)
    # How many threads there are must not show in a single bit.
    assert many == one
    assert torch.equal(by_many, by_one)


@pytest.mark.parametrize("sizes", [(), (6,), (3, 4, 5, 6)])
def test_gradient_at_any_depth(sizes):
    compare(make_module(hidden_layer_sizes=sizes), multilabel=False)


@pytest.mark.parametrize("multilabel", [False, True])
def test_gradient_leaves_the_batch_as_it_was(multilabel):
    module = make_module(activation="identity", hidden_layer_sizes=())
    flat = FlatParameters(module)
    batch = make_batch(module, multilabel, weighted=True, smoothing=0.1)
    before = [part.clone() for part in batch[:3]]
    dense_gradient(module, flat, multilabel)(batch)
    assert all(torch.equal(*pair) for pair in zip(batch[:3], before, strict=True))


def test_gradient_sees_the_weights_move():
    module = make_module()
    flat = FlatParameters(module)
    gradient = dense_gradient(module, flat, False)
    batch = make_batch(module, multilabel=False, weighted=False, smoothing=0.0)
    first = gradient(batch)
    flat.vector.add_(flat.gradient, alpha=-0.01)
    assert gradient(batch) < first


@pytest.mark.parametrize("multilabel", [False, True])
def test_extreme_logits_stay_finite(multilabel):
    module = make_module(hidden_layer_sizes=(), standardize=False)
    flat = FlatParameters(module)
    flat.vector.mul_(1e4)
    batch = make_batch(module, multilabel, weighted=False, smoothing=0.0)
    loss = dense_gradient(module, flat, multilabel)(batch)
    assert loss > 100
    assert np.isfinite(loss)
    assert torch.isfinite(flat.gradient).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("sizes", [(), (7, 5)])
@pytest.mark.parametrize("activation", PLAIN)
@pytest.mark.parametrize("n_samples", [len(X), 10_000])
def test_forward_is_that_of_the_module(
    activation, sizes, standardize, dtype, n_samples
):
    module = make_module(
        dtype, activation=activation, hidden_layer_sizes=sizes, standardize=standardize
    ).eval()
    x = X.astype(np.float32 if dtype == torch.float32 else np.float64)
    given = x.copy()
    logits = DenseForward(module, n_samples)(x)
    assert logits.dtype == x.dtype
    tolerance = 2e-5 if dtype == torch.float32 else 1e-12
    with torch.no_grad():
        assert_allclose(logits, module(torch.from_numpy(x)), atol=tolerance)
    assert_array_equal(x, given)


def test_forward_drops_nothing():
    module = make_module(dropout=0.5).eval()
    with torch.no_grad():
        expected = module(torch.from_numpy(X))
    assert_allclose(DenseForward(module, len(X))(X), expected, atol=1e-12)


def test_chunks_share_memory_and_nothing_else():
    module = make_module().eval()
    compute = DenseForward(module, 10_000)
    first = compute(X[:20])
    given = first.copy()
    for part in (X[20:33], X[33:]):
        found = compute(part)
        assert_allclose(found, DenseForward(module, 13)(part), atol=1e-12)
    assert_array_equal(first, given)


def test_logits_of_many_rows_by_torch(monkeypatch):
    products = Mock(wraps=_products.multiply)
    monkeypatch.setattr(_products, "multiply", products)
    compare(make_module(), multilabel=False)
    assert not products.called
    monkeypatch.setattr(_products, "_MANY_FOR_FEW", 0)
    compare(make_module(), multilabel=False)
    assert products.called
    products.reset_mock()
    module = make_module().eval()
    with torch.no_grad():
        expected = module(torch.from_numpy(X))
    for n_samples in (len(X), 10_000):
        assert_allclose(DenseForward(module, n_samples)(X), expected, atol=1e-12)
    assert products.call_count == 2


@pytest.mark.parametrize(("shift", "handed_on"), [(10.0, True), (1e9, False)])
def test_large_offsets_cost_no_digits(shift, handed_on):
    """Time stamps: a mean that is huge beside the standard deviation."""
    module = make_module().eval()
    reference = make_module().eval()
    with torch.no_grad():
        for net, by in ((module, shift), (reference, 0.0)):
            net.standardizer.mean.copy_(torch.tensor(by))
            net.standardizer.inverse_scale.fill_(1.0)
        expected = reference(torch.from_numpy((X + shift) - shift))
    compute = DenseForward(module, 10_000)
    assert (compute.floors is not None) == handed_on
    assert_allclose(compute(X + shift), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("config", "plain"),
    [
        ({}, True),
        ({"dropout": 0.5}, True),
        ({"standardize": False}, True),
        *[({"activation": name}, True) for name in PLAIN],
        *[({"activation": name}, False) for name in ("gelu", "elu", "silu")],
        ({"activation": "leaky_relu"}, False),
        ({"normalization": "batch"}, False),
        ({"normalization": "layer"}, False),
    ],
)
def test_which_nets_are_plain(config, plain):
    assert is_plain(make_module(**config)) is plain


def test_nets_elsewhere_are_not_plain():
    assert not is_plain(make_module().to("meta"))
    series = {"architecture": "plain", "n_filters": (2,), "depth": 1}
    pooling = {"kernel_size": ((3,),), "stride": 1, "pool_size": 2, "pooling": "mean"}
    config = {"name": "CNN", "input_shape": (1, 4), "hidden_layer_sizes": ()}
    module = make_module(**config, **series, **pooling, standardize=False)
    assert not is_plain(module)
