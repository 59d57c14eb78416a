"""The first stages of a net for tables."""

import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skdeep.modules import MLP, allocate, build, initialize
from skdeep.modules.table import CategoryEmbedding, PiecewiseLinear, TableInput

NAN = float("nan")
# A number, 2 categories, 10 categories, a number, 9 categories.
N_CATEGORIES = (0, 2, 10, 0, 9)
X = torch.tensor(
    [
        [1.0, 0.0, 9.0, 5.0, 0.0],
        [3.0, 1.0, 0.0, NAN, NAN],
        [NAN, NAN, NAN, 7.0, 8.0],
    ],
    dtype=torch.float64,
)
CONFIG = {
    "input_shape": (5,),
    "n_outputs": 3,
    "hidden_layer_sizes": (4,),
    "activation": "relu",
    "normalization": None,
    "dropout": 0.0,
    "standardize": True,
    "n_categories": N_CATEGORIES,
    "missing": (3,),
}


def make(**config):
    net = allocate(build("MLP", {**CONFIG, **config}), torch.float64)
    initialize(net, torch.Generator().manual_seed(0), "relu")
    return net


def test_numbers_then_indicators_then_categories_then_codes():
    first = TableInput(N_CATEGORIES, missing=(3,), standardize=False)
    expected = [
        [1, 5, 0, 1, 0, 10, 1],
        [3, 0, 1, 0, 1, 1, 0],
        [0, 7, 0, 0, 0, 0, 9],
    ]
    assert_array_equal(first(X), expected)
    assert first.n_dense == 5
    assert first.embedded == [10, 9]


def test_only_numbers_are_standardized():
    first = TableInput(N_CATEGORIES, missing=(), standardize=True)
    first.update(X, torch.ones(3))
    assert_allclose(first(X)[:, :2], [[-1, -1], [1, 0], [0, 1]], atol=1e-6)
    assert_array_equal(first(X)[:, 2:4], [[1, 0], [0, 1], [0, 0]])


def test_a_vector_for_each_category_and_none_for_what_is_missing():
    embedding = make().embedding
    assert embedding.weight.shape == (10 + 1 + 9 + 1, 8)
    assert embedding.n_outputs == 16
    codes = torch.tensor([[0.5, 10.0, 1.0], [0.5, 0.0, 0.0]], dtype=torch.float64)
    weight = embedding.weight.detach()
    expected = torch.cat([torch.tensor([0.5]), weight[10], weight[12]])
    assert_array_equal(embedding(codes)[0].detach(), expected)
    assert_array_equal(embedding(codes)[1].detach(), [0.5] + [0.0] * 16)
    lengths = weight.square().sum(1)
    assert_array_equal(lengths == 0, [i in (0, 11) for i in range(21)])
    assert lengths.mean() == pytest.approx(1.0, rel=0.3)


def test_the_vector_of_what_is_missing_is_trained_where_it_occurs():
    net = make()
    net(X[:1]).sum().backward()
    moved = net.embedding.weight.grad.abs().sum(1) > 0
    assert moved.nonzero().ravel().tolist() == [10, 12]
    net(X).sum().backward()
    moved = net.embedding.weight.grad.abs().sum(1) > 0
    assert moved[[0, 11]].all()


def test_numbers_alone_are_a_plain_net():
    net = make(n_categories=(), missing=())
    names = {name.partition(".")[0] for name, _ in net.named_parameters()}
    assert names == {"hidden", "output"}
    assert net.linear_layers[0].in_features == 5
    assert type(net.standardizer).__name__ == "InputStandardizer"


@pytest.mark.parametrize("standardize", [True, False])
def test_missing_numbers_are_the_mean_of_a_plain_net(standardize):
    net = make(n_categories=(), missing=(), standardize=standardize)
    if standardize:
        net.standardizer.update(X, torch.ones(3))
    mean = X.nanmean(0) if standardize else torch.zeros(5, dtype=torch.float64)
    filled = torch.where(X.isnan(), mean, X)
    assert_allclose(net(X).detach(), net(filled).detach(), atol=1e-12)


def test_config_rebuilds_the_net():
    net = make()
    again = MLP(**net.config).double()
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(X), net(X))
    assert net(X).isfinite().all()


def test_sizes_of_categories_that_are_embedded():
    assert not TableInput((8,), (), False).embedded
    assert TableInput((9,), (), False).embedded == [9]
    assert CategoryEmbedding([9]).first_rows == [0]


def test_a_number_for_each_bin():
    bins = PiecewiseLinear((0, 2, 3))
    bins.set_edges([[], [0.0, 1.0, 5.0], [2.0, 3.0, 4.0, 8.0]])
    x = torch.tensor([[9.0, 0.25, 6.0], [9.0, 3.0, 1.0], [9.0, NAN, 8.0]])
    within = torch.tensor([[0.25, 0, 1, 1, 0.5], [1, 0.5, 0, 0, 0], [0, 0, 1, 1, 1]])
    center = torch.tensor([3 / 4, 1 / 4, 5 / 6, 3 / 6, 1 / 6])
    expected = within - center
    # What is missing is as good as the mean.
    expected[2, :2] = 0.0
    assert_allclose(bins(x), expected, atol=1e-6)


def test_a_bin_without_width_is_silent():
    bins = PiecewiseLinear((3,))
    bins.set_edges([[0.0, 2.0, 2.0, 2.0]])
    assert_array_equal(bins(X[:, :1])[:, 1:], torch.zeros(3, 2))


def test_bins_follow_the_numbers():
    first = TableInput(N_CATEGORIES, (3,), standardize=False, n_bins=(2, 0, 0, 0, 0))
    assert first.n_dense == 7
    first.bins.set_edges([[0.0, 2.0, 4.0], [], [], [], []])
    expected = [[0.5 - 0.75, -0.25], [0.25, 0.5 - 0.25], [0.0, 0.0]]
    assert_allclose(first(X)[:, 2:4], expected, atol=1e-6)
    assert_array_equal(first(X)[:, 4], [0, 1, 0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_explainers_see_the_values_that_predictions_are_made_of(dtype):
    bins = PiecewiseLinear((0, 2, 3)).to(dtype)
    bins.set_edges([[], [1.0, 2.0, 4.0], [0.0, 3.0, 3.5, 9.0]])
    x = torch.linspace(-5.0, 15.0, 60, dtype=dtype).view(20, 3)
    x[3, 1] = torch.nan
    before = x.clone()
    asked = bins(x.clone().requires_grad_())
    assert asked.requires_grad
    torch.testing.assert_close(bins(x), asked.detach())
    torch.testing.assert_close(x, before, equal_nan=True, rtol=0.0, atol=0.0)
