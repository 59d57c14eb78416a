"""Recurrent nets for sequences, padded or not."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from skdeep.modules import ACTIVATIONS, RNN, Dropout
from skdeep.modules.blocks import fuse
from skdeep.modules.fcn import MaskedConvBlock
from skdeep.modules.rnn import (
    RecurrentLayer,
    SequencePool,
    join_steps,
    reverse_time,
    trim,
)

CELLS = ["rnn", "gru", "lstm"]
POOLINGS = ["last", "mean", "max", "attention"]
CONFIG = {
    "input_shape": (6, 2),
    "n_outputs": 3,
    "architecture": "recurrent",
    "vocabulary_size": None,
    "embedding_dim": 5,
    "patch_size": 1,
    "cell_type": "gru",
    "hidden_size": 4,
    "n_layers": 1,
    "bidirectional": False,
    "pooling": "last",
    "n_filters": (6, 7, 8),
    "hidden_layer_sizes": (5,),
    "activation": "relu",
    "normalization": None,
    "dropout": 0.0,
    "standardize": True,
}
LENGTHS = [6, 1, 3, 5]


def make(**config):
    torch.manual_seed(0)
    return RNN(**{**CONFIG, **config}).double().eval()


def make_x(*shape):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, *(shape or (6, 2)), generator=generator, dtype=torch.float64)


def padded():
    x = make_x()
    for row, length in zip(x, LENGTHS, strict=True):
        row[length:] = torch.nan
    return x


def test_reverse_time_turns_each_sequence_within_its_length():
    x = torch.arange(1.0, 11.0).reshape(2, 5, 1)
    turned = reverse_time(x, torch.tensor([5, 3]))
    assert turned[:, :, 0].tolist() == [[5, 4, 3, 2, 1], [8, 7, 6, 9, 10]]
    again = reverse_time(turned, torch.tensor([5, 3]))
    assert torch.equal(again, x)


@pytest.mark.parametrize("cell_type", CELLS)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("n_layers", [1, 2])
@pytest.mark.parametrize("architecture", ["recurrent", "lstm_fcn"])
@pytest.mark.parametrize("patch_size", [1, 2, 4])
def test_padding_never_changes_an_answer(
    cell_type, pooling, bidirectional, n_layers, architecture, patch_size
):
    net = make(
        architecture=architecture,
        patch_size=patch_size,
        cell_type=cell_type,
        pooling=pooling,
        bidirectional=bidirectional,
        n_layers=n_layers,
        normalization="layer",
        dropout=0.3,
    )
    x = padded()
    net.standardizer.update(make_x() * 3 + 1, torch.ones(4))
    with torch.no_grad():
        together = net(x)
        assert together.shape == (4, 3)
        for i, length in enumerate(LENGTHS):
            alone = net(x[i : i + 1, :length])
            assert_allclose(together[i : i + 1], alone, atol=1e-12)
            longer = torch.full((1, 9, 2), torch.nan, dtype=torch.float64)
            longer[0, :length] = x[i, :length]
            assert_allclose(net(longer), alone, atol=1e-12)
        assert not np.allclose(together[0], net(x[:1, :1]), atol=1e-6)


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_padding_never_changes_an_answer_of_normalized_convolutions(normalization):
    net = make(architecture="lstm_fcn", normalization=normalization)
    net.train()
    net(padded())
    net.eval()
    with torch.no_grad():
        together = net(padded())
        for i, length in enumerate(LENGTHS):
            alone = net(make_x()[i : i + 1, :length])
            assert_allclose(together[i : i + 1], alone, atol=1e-12)


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("architecture", ["recurrent", "lstm_fcn"])
def test_padding_of_a_whole_batch_changes_nothing_in_training(
    normalization, architecture
):
    net = make(architecture=architecture, normalization=normalization).train()
    x = padded()
    longer = nn.functional.pad(x, (0, 0, 0, 5), value=torch.nan)
    assert_allclose(net(longer).detach(), net(x).detach(), atol=1e-12)


@pytest.mark.parametrize("architecture", ["recurrent", "lstm_fcn"])
@pytest.mark.parametrize("cell_type", CELLS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_through_padding_are_those_of_the_short_sequence(
    architecture, cell_type, pooling
):
    net = make(
        architecture=architecture,
        cell_type=cell_type,
        pooling=pooling,
        bidirectional=True,
        n_layers=2,
    )
    x = padded()[2:3]

    def gradients(x):
        net.zero_grad()
        net(x)[0, 0].backward()
        return torch.cat([p.grad.flatten() for p in net.parameters()])

    got = gradients(x)
    assert torch.isfinite(got).all()
    assert_allclose(got, gradients(x[:, :3]), atol=1e-12)


@pytest.mark.parametrize("cell_type", CELLS)
def test_layers_are_those_of_torch(cell_type):
    """Bidirectional layers on sequences of full length."""
    ours = RecurrentLayer(cell_type, 2, 4, bidirectional=True).double()
    classes = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
    theirs = classes[cell_type](2, 4, batch_first=True, bidirectional=True).double()
    state = {}
    for name, tensor in ours.forward_cells.state_dict().items():
        state[name] = tensor
        state[name + "_reverse"] = ours.backward_cells.state_dict()[name]
    theirs.load_state_dict(state)
    x, lengths = make_x(), torch.full((4,), 6)
    with torch.no_grad():
        assert_allclose(ours(x, lengths), theirs(x)[0], atol=1e-12)


def test_steps_are_joined_in_their_order():
    x, mask = join_steps(OUTPUT, MASK, 4)
    assert x.shape == (4, 2, 16)
    assert torch.equal(x[:, 0], OUTPUT[:, :4].flatten(1))
    assert torch.equal(x[:, 1, :8], OUTPUT[:, 4:].flatten(1))
    assert not x[:, 1, 8:].any()
    assert mask.tolist() == [[True, n > 4] for n in LENGTHS]
    assert join_steps(OUTPUT, MASK, 1) == (OUTPUT, MASK)


def test_steps_beyond_the_longest_are_cut_off():
    mask = MASK.clone()
    mask[0, 5:] = False
    x, short = trim(OUTPUT, mask)
    assert torch.equal(x, OUTPUT[:, :5])
    assert torch.equal(short, mask[:, :5])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.jit, "is_tracing", lambda: True)
        assert trim(OUTPUT, mask)[0].shape == OUTPUT.shape


# torch's own cells are not written for its export.
@pytest.mark.filterwarnings("ignore:The tensor attributes:UserWarning")
def test_an_exported_net_reads_other_lengths():
    net = make(pooling="attention", bidirectional=True, architecture="lstm_fcn")
    x = padded()
    exported = torch.export.export(net, (x[1:2],)).module()
    with torch.no_grad():
        assert_allclose(exported(x[:1]), net(x[:1]), atol=1e-12)


def test_convolutions_stand_beside_the_recurrent_layers():
    """Wang et al. (2017), as torch's own layers have it."""
    net = make(architecture="lstm_fcn", hidden_layer_sizes=(), standardize=False)
    x = make_x()
    maps = x.transpose(1, 2)
    for block, kernel_size in zip(net.convolutions.blocks, (8, 5, 3), strict=True):
        *_, layer = block.convolution
        assert layer.kernel_size == (kernel_size,)
        sides = ((kernel_size - 1) // 2, kernel_size // 2)
        maps = nn.functional.pad(maps, sides)
        maps = torch.relu(nn.functional.conv1d(maps, layer.weight, layer.bias))
    last = net.recurrent[0](x, torch.full((4,), 6))[:, -1]
    with torch.no_grad():
        expected = net.output(torch.cat([last, maps.mean(2)], 1))
        assert_allclose(net(x), expected, atol=1e-12)


OUTPUT = make_x(6, 4)
MASK = torch.arange(6) < torch.tensor(LENGTHS)[:, None]


def pool(kind, bidirectional=False):
    torch.manual_seed(0)
    layer = SequencePool(kind, 4, bidirectional).double()
    with torch.no_grad():
        return layer(OUTPUT, MASK, torch.tensor(LENGTHS)), layer


def test_convolutions_take_batch_normalization_in():
    net = make(architecture="lstm_fcn", normalization="batch")
    net.train()(make_x())
    net.eval()
    inputs = (make_x(), padded())
    expected = [net(x).detach() for x in inputs]
    fuse(net)
    blocks = [m for m in net.modules() if isinstance(m, MaskedConvBlock)]
    assert [block.norm for block in blocks] == [None] * 3
    for x, logits in zip(inputs, expected, strict=True):
        assert_allclose(net(x).detach(), logits, rtol=1e-12)


def test_pooling_takes_the_last_step():
    pooled, _ = pool("last")
    expected = torch.stack([OUTPUT[i, n - 1] for i, n in enumerate(LENGTHS)])
    assert torch.equal(pooled, expected)


def test_pooling_takes_the_last_state_of_each_direction():
    pooled, _ = pool("last", bidirectional=True)
    for i, n in enumerate(LENGTHS):
        assert torch.equal(pooled[i, :2], OUTPUT[i, n - 1, :2])
        assert torch.equal(pooled[i, 2:], OUTPUT[i, 0, 2:])


def test_pooling_means_and_maxima_leave_padding_out():
    means, maxima = pool("mean")[0], pool("max")[0]
    for i, n in enumerate(LENGTHS):
        assert_allclose(means[i], OUTPUT[i, :n].mean(0))
        assert torch.equal(maxima[i], OUTPUT[i, :n].amax(0))


def test_attention_is_a_weighted_mean_of_what_is_there():
    pooled, layer = pool("attention")
    with torch.no_grad():
        for i, n in enumerate(LENGTHS):
            steps = OUTPUT[i, :n]
            score = layer.score(torch.tanh(layer.project(steps)))[:, 0]
            assert_allclose(pooled[i], torch.softmax(score, 0) @ steps, atol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("hidden_layer_sizes", [(), (5, 6)])
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_shapes(bidirectional, hidden_layer_sizes, normalization):
    net = make(
        bidirectional=bidirectional,
        hidden_layer_sizes=hidden_layer_sizes,
        normalization=normalization,
        n_layers=3,
    )
    assert net(make_x()).shape == (4, 3)
    width = 8 if bidirectional else 4
    sizes = [layer.forward_cells.input_size for layer in net.recurrent]
    assert sizes == [2, width, width]
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm1d | nn.LayerNorm)]
    assert len(norms) == (1 + len(hidden_layer_sizes) if normalization else 0)


def test_dropout_acts_between_layers_and_after_pooling():
    net = make(dropout=0.4, n_layers=3, hidden_layer_sizes=(5,))
    assert sum(isinstance(m, Dropout) for m in net.modules()) == 2 + 1 + 1
    x = make_x()
    with torch.no_grad():
        still = net(x)
        net.between[0].train()
        assert not torch.equal(net(x), still)
        assert torch.equal(net.eval()(x), still)


def test_statistics_are_per_feature():
    net = make()
    assert net.standardizer.mean.shape == (1, 2)


def test_config_rebuilds_the_net():
    net = make(n_layers=2, bidirectional=True, pooling="attention")
    again = RNN(**net.config).double().eval()
    again.load_state_dict(net.state_dict())
    with torch.no_grad():
        assert torch.equal(again(make_x()), net(make_x()))


def test_sizes_that_plan_threads_and_chunks():
    short, long = make(), make(input_shape=(60, 2))
    assert long.n_operations == 10 * short.n_operations
    assert long.row_size == 10 * short.row_size
    assert short.row_size >= 6 * 3 * 4


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_nonlinearity_is_used_once_and_not_in_place(activation):
    """Hooks of shap and captum count on it."""
    net = make(activation=activation, pooling="attention", hidden_layer_sizes=(5, 6))
    calls, versions = {}, {}

    def look(layer, inputs):
        versions[layer] = inputs[0]._version

    def count(layer, inputs, output):
        calls[layer] = calls.get(layer, 0) + 1
        assert inputs[0]._version == versions[layer]

    kinds = (ACTIVATIONS[activation], nn.Tanh, nn.Softmax)
    watched = [m for m in net.head.modules() if isinstance(m, kinds)]
    watched += [net.pool.tanh, net.pool.softmax]
    for layer in watched:
        layer.register_forward_pre_hook(look)
        layer.register_forward_hook(count)
    net(make_x()).sum().backward()
    assert len(watched) >= 4
    assert all(calls[layer] == 1 for layer in watched)
    assert not any(getattr(layer, "inplace", False) for layer in net.modules())
