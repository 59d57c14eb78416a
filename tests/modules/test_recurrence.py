"""Recurrent cells whose backward pass is written out, beside torch's own."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from skdeep import DeepRNNClassifier
from skdeep.modules import rnn
from skdeep.modules.recurrence import can_train, train
from skdeep.modules.rnn import RecurrentLayer

CELLS = {"rnn": nn.RNN, "gru": nn.GRU}
EACH_CELL = pytest.mark.parametrize("kind", CELLS)


def make(kind, dtype=torch.float64):
    torch.manual_seed(0)
    return CELLS[kind](3, 5, batch_first=True).to(dtype)


def draw(*shape, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


def read(cells, x):
    return cells(x)[0]


def gradients(run, cells, x, d_output):
    """Of the parameters, and of x if it wants one."""
    wanted = [*cells.parameters(), *([x] if x.requires_grad else [])]
    return torch.autograd.grad(run(cells, x), wanted, d_output)


@EACH_CELL
@pytest.mark.parametrize("timesteps", [1, 2, 30])
@pytest.mark.parametrize("n_samples", [1, 4])
@pytest.mark.parametrize("x_wants_one", [False, True])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)]
)
def test_outputs_and_gradients_are_torch_s(
    kind, timesteps, n_samples, x_wants_one, dtype, tolerance
):
    cells = make(kind, dtype)
    x = draw(n_samples, timesteps, 3, dtype=dtype).requires_grad_(x_wants_one)
    d_output = draw(n_samples, timesteps, 5, dtype=dtype)
    assert_allclose(
        train(cells, x).detach(), read(cells, x).detach(), atol=tolerance / 10
    )
    got = gradients(train, cells, x, d_output)
    expected = gradients(read, cells, x, d_output)
    assert len(got) == 4 + x_wants_one
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.dtype == dtype
        assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@EACH_CELL
@pytest.mark.parametrize(
    "lay_out",
    [lambda x: x.flip(1), lambda x: x.transpose(0, 1), lambda x: x[:, ::2]],
    ids=["reversed", "steps first", "every other"],
)
def test_input_and_gradient_may_lie_anyhow(kind, lay_out):
    cells, x = make(kind), lay_out(draw(6, 6, 3)).requires_grad_()
    # As the gradient of a mean: one number in memory.
    d_output = draw(1).expand(*x.shape[:2], 5)
    got = gradients(train, cells, x, d_output)
    expected = gradients(read, cells, x, d_output)
    for ours, theirs in zip(got, expected, strict=True):
        assert_allclose(ours, theirs, atol=1e-12)


@EACH_CELL
def test_a_second_backward_pass_finds_everything_as_it_was(kind):
    cells, x = make(kind), draw(4, 6, 3)
    output = train(cells, x)
    parameters = list(cells.parameters())
    first = torch.autograd.grad(output.sum(), parameters, retain_graph=True)
    second = torch.autograd.grad(output.sum(), parameters)
    assert all(map(torch.equal, first, second))


@EACH_CELL
def test_gradients_of_gradients_are_refused(kind):
    cells, x = make(kind), draw(4, 6, 3).requires_grad_()
    loss = train(cells, x).square().sum()
    (first,) = torch.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


@EACH_CELL
def test_no_more_memory_than_torch_takes(kind):
    def n_bytes(run):
        kept = {}

        def keep(tensor):
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            run(make(kind), draw(4, 30, 3))
        return sum(storage.nbytes() for storage in kept.values())

    assert 0 < n_bytes(train) <= n_bytes(read)


@pytest.fixture
def trained(monkeypatch):
    """Cells that ``train`` was called with."""
    calls = []

    def count(cells, x):
        calls.append(cells)
        return train(cells, x)

    monkeypatch.setattr(rnn, "train", count)
    return calls


@EACH_CELL
@pytest.mark.parametrize("bidirectional", [False, True])
def test_layers_use_it_in_training(kind, bidirectional, trained):
    layer = RecurrentLayer(kind, 3, 5, bidirectional).double()
    x = draw(4, 6, 3).requires_grad_()
    output = layer(x, None)
    assert len(trained) == 1 + bidirectional
    assert_allclose(output.detach(), layer.eval()(x, None).detach(), atol=1e-12)


@EACH_CELL
def test_whoever_only_reads_gets_torch_s_cells(kind, trained):
    layer, x = RecurrentLayer(kind, 3, 5, False).double(), draw(4, 6, 3)
    with torch.no_grad():
        layer(x, None)
    with torch.autocast("cpu", torch.bfloat16):
        layer(x, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.jit, "is_tracing", lambda: True)
        layer(x, None)
    x = x.requires_grad_()
    (first,) = torch.autograd.grad(layer.eval()(x, None).sum(), x, create_graph=True)
    first.sum().backward()
    assert x.grad.any()
    assert not trained


def test_lstm_cells_stay_torch_s():
    assert can_train(nn.GRU(3, 5, batch_first=True))
    assert not can_train(nn.LSTM(3, 5, batch_first=True))


@EACH_CELL
def test_fits_are_those_of_torch_s_cells(kind, monkeypatch, trained):
    X, y = draw(40, 7, 3).numpy(), np.arange(40) % 3
    clf = DeepRNNClassifier(
        cell_type=kind,
        architecture="recurrent",
        hidden_size=4,
        n_layers=2,
        bidirectional=True,
        dtype="float64",
        max_iter=3,
        batch_size=10,
        random_state=0,
    )
    ours = clf.fit(X, y).predict_proba(X)
    assert set(map(type, trained)) == {CELLS[kind]}
    n_calls = len(trained)
    monkeypatch.setattr(rnn, "can_train", lambda cells: False)
    theirs = clf.fit(X, y).predict_proba(X)
    assert len(trained) == n_calls
    assert_allclose(ours, theirs, atol=1e-10)


@EACH_CELL
def test_predictions_agree_with_what_was_trained(kind, trained):
    X, y = draw(40, 7, 3).numpy(), np.arange(40) % 3
    clf = DeepRNNClassifier(
        cell_type=kind,
        architecture="recurrent",
        normalization="layer",
        dropout=0.0,
        dtype="float64",
        max_iter=2,
    ).fit(X, y)
    trained.clear()
    p = clf.predict_proba(X)
    assert not trained
    logits = clf.module_.train()(torch.from_numpy(X))
    assert len(trained) == len(clf.module_.recurrent)
    assert_allclose(p, logits.detach().softmax(1), atol=1e-12)
