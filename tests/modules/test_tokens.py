"""Codes of tokens and their vectors."""

import pytest
import torch
from torch import nn

from skdeep.modules import RNN
from skdeep.modules.tokens import TokenEmbedding, read_codes

CONFIG = {
    "input_shape": (6,),
    "n_outputs": 3,
    "architecture": "recurrent",
    "vocabulary_size": 9,
    "embedding_dim": 5,
    "patch_size": 1,
    "cell_type": "gru",
    "hidden_size": 4,
    "n_layers": 1,
    "bidirectional": True,
    "pooling": "last",
    "n_filters": (6, 7, 8),
    "hidden_layer_sizes": (),
    "activation": "relu",
    "normalization": "layer",
    "dropout": 0.0,
    "standardize": False,
}
POOLINGS = ["last", "mean", "max", "attention"]


def make(**config):
    torch.manual_seed(0)
    return RNN(**{**CONFIG, **config}).eval()


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.float32])
def test_reading_codes(dtype):
    x = torch.tensor([[2, 8, 0, 0], [0, 0, 0, 0], [0, 3, 0, 4], [9, 1, 5, 0]])
    codes, mask = read_codes(x.to(dtype), 9)
    assert codes.dtype == torch.int64
    assert codes.tolist() == [[2, 8, 0, 0], [1, 0, 0, 0], [1, 3, 1, 4], [1, 1, 5, 0]]
    assert torch.equal(mask, codes > 0)


def test_codes_that_no_integer_holds_are_unknown():
    codes, _ = read_codes(torch.tensor([[1e30, 2.0]]), 9)
    assert codes.tolist() == [[1, 2]]


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("architecture", ["recurrent", "lstm_fcn"])
def test_padding_never_changes_an_answer(pooling, architecture):
    net = make(pooling=pooling, architecture=architecture)
    short = torch.tensor([[3, 4, 7], [2, 0, 0], [0, 0, 0]])
    with torch.no_grad():
        expected = torch.cat(
            [
                net(row[None, : max(1, n)])
                for row, n in zip(short, (3, 1, 0), strict=True)
            ]
        )
        assert torch.isfinite(expected).all()
        torch.testing.assert_close(net(short), expected)
        torch.testing.assert_close(net(nn.functional.pad(short, (0, 4))), expected)


def test_codes_are_looked_up_and_read_as_vectors():
    net = make()
    features = make(input_shape=(6, 5), vocabulary_size=None)
    state = net.state_dict()
    vectors = state.pop("embedding.weight")
    features.load_state_dict(state)
    codes = torch.tensor([[2, 5, 5, 8], [3, 3, 2, 4]])
    with torch.no_grad():
        torch.testing.assert_close(net(codes), features(vectors[codes]))


def test_vectors_are_dropped_in_training():
    net = make(dropout=0.5)
    codes = torch.tensor([[2, 5, 5, 8]])
    still = net(codes)
    net.embedding_dropout.train()
    assert not torch.equal(net(codes), still)


def test_padding_has_no_gradient():
    net = make(pooling="mean")
    net(torch.tensor([[2, 3, 0, 0], [0, 0, 0, 0]])).sum().backward()
    gradient = net.embedding.weight.grad.abs().sum(1) > 0
    assert gradient.tolist() == [False, True, True, True] + [False] * 5
    assert isinstance(net.embedding, TokenEmbedding)
