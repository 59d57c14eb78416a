"""Recurrent nets for sequences, of equal or of different length."""

import warnings

import torch
from torch import nn

from skdeep.modules.fcn import ConvolutionalBranch
from skdeep.modules.layers import (
    Dropout,
    Linear,
    Net,
    dense_layers,
    n_weights,
)
from skdeep.modules.normalization import norm_layer
from skdeep.modules.recurrence import can_train, train
from skdeep.modules.scaling import standardizer
from skdeep.modules.tokens import TokenEmbedding, read_codes

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def reverse_time(x, lengths):
    """Reverse the first ``lengths[i]`` time steps of each sequence.

    Parameters
    ----------
    x : Tensor of shape (n_samples, timesteps, features)

    lengths : Tensor of shape (n_samples,) or None
        None if all have the length of `x`.
    """
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    index = lengths[:, None] - 1 - steps
    index = torch.where(index >= 0, index, steps)
    return x.gather(1, index[:, :, None].expand_as(x))


class RecurrentLayer(nn.Module):
    """One layer of cells, read forward and, if asked for, backward.

    Padding stands at the end: the forward cells meet it after everything that counts,
    and the backward cells read each sequence reversed within its own length. So no
    packing is needed and padding never changes an answer.
    """

    def __init__(self, cell_type, n_in, hidden_size, bidirectional):
        super().__init__()
        cell = CELLS[cell_type]
        self.forward_cells = cell(n_in, hidden_size, batch_first=True)
        self.backward_cells = (
            cell(n_in, hidden_size, batch_first=True) if bidirectional else None
        )

    def forward(self, x, lengths):
        output = self._run(self.forward_cells, x)
        if self.backward_cells is None:
            return output
        backward = self._run(self.backward_cells, reverse_time(x, lengths))
        return torch.cat([output, reverse_time(backward, lengths)], dim=2)

    def _run(self, cells, x):
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            # Not every processor has an LSTM in bfloat16.
            with torch.autocast("cpu", enabled=False):
                return cells(x.to(cells.weight_ih_l0.dtype))[0]
        if _may_look(x) and can_train(cells):
            return train(cells, x)
        if x.device.type != "cuda":
            return cells(x)[0]
        with warnings.catch_warnings():
            # They lie where solvers want them, and copying them together costs little.
            warnings.filterwarnings("ignore", "RNN module weights are not part")
            return cells(x)[0]


class SequencePool(nn.Module):
    """Reduce the outputs of all steps to one vector, padding left out.

    Without a mask and lengths nothing is padding.

    Parameters
    ----------
    kind : {"last", "mean", "max", "attention"}
        "last" takes the last state of each direction; "attention" is the weighted mean
        with learned weights of Bahdanau et al. (2015), without a query.

    n_features : int
        Size of one step's output.

    bidirectional : bool
        Whether the second half of the features was read backward.
    """

    def __init__(self, kind, n_features, bidirectional):
        super().__init__()
        self.kind = kind
        self.bidirectional = bidirectional
        if kind == "attention":
            self.project = Linear(n_features, n_features)
            self.tanh = nn.Tanh()
            self.score = Linear(n_features, 1)
            self.softmax = nn.Softmax(dim=1)

    def forward(self, output, mask, lengths):
        if self.kind == "last":
            return self._last(output, lengths)
        mask = None if mask is None else mask[:, :, None]
        if self.kind == "mean":
            if mask is None:
                return output.mean(1)
            total = torch.where(mask, output, 0.0).sum(1)
            return total / lengths[:, None].to(output.dtype)
        if self.kind == "max":
            return _without(mask, output).amax(1)
        score = self.score(self.tanh(self.project(output)))
        return (self.softmax(_without(mask, score)) * output).sum(1)

    def _last(self, output, lengths):
        if lengths is None:
            last = output[:, -1]
        else:
            index = (lengths - 1)[:, None, None].expand(-1, 1, output.shape[2])
            last = output.gather(1, index)[:, 0]
        if not self.bidirectional:
            return last
        half = output.shape[2] // 2
        return torch.cat([last[:, :half], output[:, 0, half:]], dim=1)


def _without(mask, x):
    """Let what is padding be less than anything."""
    return x if mask is None else torch.where(mask, x, float("-inf"))


def join_steps(x, mask, patch_size):
    """Make one step of `patch_size` successive ones; zeros fill up the last.

    Parameters
    ----------
    x : Tensor of shape (n_samples, timesteps, features)

    mask : Tensor of shape (n_samples, timesteps) or None
        None if nothing is padding.

    patch_size : int

    Returns
    -------
    x : Tensor of shape (n_samples, n_steps, patch_size * features)

    mask : Tensor of shape (n_samples, n_steps) or None
    """
    if patch_size == 1:
        return x, mask
    missing = -x.shape[1] % patch_size
    x = nn.functional.pad(x, (0, 0, 0, missing)).unflatten(1, (-1, patch_size))
    if mask is not None:
        mask = nn.functional.pad(mask, (0, missing)).unflatten(1, (-1, patch_size))
        mask = mask.any(2)
    return x.flatten(2), mask


def _may_look(x):
    """Whether the work may depend on values.

    Not if a graph is to hold for others, nor on an accelerator, which would be waited
    for.
    """
    traced = torch.jit.is_tracing() or torch.compiler.is_compiling()
    return x.device.type == "cpu" and not traced


def trim(x, mask):
    """Cut off the steps that are padding in every sequence."""
    if mask is None or not _may_look(x):
        return x, mask
    longest = max(1, int(mask.any(0).sum()))
    return x[:, :longest], mask[:, :longest]


class RNN(Net):
    """Recurrent layers: (n_samples, timesteps, features) to logits.

    Time steps at the end that are NaN in every feature are padding. With a vocabulary,
    the input is (n_samples, timesteps), integers of any type, and zeros at the end are
    padding.

    Parameters
    ----------
    input_shape : tuple of int
        ``(timesteps, features)``, or ``(timesteps,)`` of tokens.

    n_outputs : int
        Number of logits.

    architecture : {"recurrent", "lstm_fcn"}
        Recurrent layers alone, or beside three convolutions (Karim et al., 2018).

    vocabulary_size : int or None
        Number of tokens, padding and the unknown one included; None for features.

    embedding_dim : int
        Size of the vector of a token.

    patch_size : int
        Successive steps that are read as one.

    cell_type : {"rnn", "gru", "lstm"}
        Elman cell, Cho et al. (2014), Hochreiter and Schmidhuber (1997).

    hidden_size : int
        Units of each layer and direction.

    n_layers : int
        Recurrent layers.

    bidirectional : bool
        Whether each layer also reads backward (Schuster and Paliwal, 1997).

    pooling : {"last", "mean", "max", "attention"}
        How the outputs of all steps become a vector. Those of convolutions have no
        last one: "last" is their mean.

    n_filters : tuple of int
        Filters of the three convolutions.

    hidden_layer_sizes : tuple of int
        Dense layers between that vector and the logits.

    standardize : bool or "sample"
        As in :class:`CNN`.

    activation, normalization, dropout
        As in :class:`MLP`; `activation` is that of the dense and convolutional layers,
        `normalization` acts on the pooled vector too, `dropout` on the vectors of
        tokens, between the layers and after pooling.
    """

    def __init__(
        self,
        *,
        input_shape,
        n_outputs,
        architecture,
        vocabulary_size,
        embedding_dim,
        patch_size,
        cell_type,
        hidden_size,
        n_layers,
        bidirectional,
        pooling,
        n_filters,
        hidden_layer_sizes,
        activation,
        normalization,
        dropout,
        standardize,
    ):
        super().__init__(
            config={
                "input_shape": input_shape,
                "n_outputs": n_outputs,
                "architecture": architecture,
                "vocabulary_size": vocabulary_size,
                "embedding_dim": embedding_dim,
                "patch_size": patch_size,
                "cell_type": cell_type,
                "hidden_size": hidden_size,
                "n_layers": n_layers,
                "bidirectional": bidirectional,
                "pooling": pooling,
                "n_filters": n_filters,
                "hidden_layer_sizes": hidden_layer_sizes,
                "activation": activation,
                "normalization": normalization,
                "dropout": dropout,
                "standardize": standardize,
            },
            standardizer=standardizer(standardize, input_shape, channel_axis=-1),
        )
        self.vocabulary_size, self.patch_size = vocabulary_size, patch_size
        self.embedding, self.convolutions = None, None
        n_steps, n_features = -(-input_shape[0] // patch_size), input_shape[-1]
        if vocabulary_size is not None:
            n_features = embedding_dim
            self.embedding = TokenEmbedding(vocabulary_size, embedding_dim)
            self.embedding_dropout = Dropout(dropout)
        n_features *= patch_size * getattr(self.standardizer, "widening", 1)
        n_output = hidden_size * (2 if bidirectional else 1)
        n_inputs = [n_features] + [n_output] * (n_layers - 1)
        self.recurrent = nn.ModuleList(
            RecurrentLayer(cell_type, n_in, hidden_size, bidirectional)
            for n_in in n_inputs
        )
        self.between = nn.ModuleList(Dropout(dropout) for _ in range(n_layers - 1))
        self.pool = SequencePool(pooling, n_output, bidirectional)
        self.row_size = n_steps * 4 * n_output
        self.n_operations = n_steps * n_weights(self.recurrent)
        n_pooled = n_output
        if architecture == "lstm_fcn":
            kind = "mean" if pooling == "last" else pooling
            self.convolutions = ConvolutionalBranch(
                n_features, n_filters, activation, normalization
            )
            self.map_pool = SequencePool(kind, n_filters[-1], False)
            self.row_size = n_steps * max(4 * n_output, *n_filters)
            self.n_operations += n_steps * n_weights(self.convolutions)
            n_pooled += n_filters[-1]
        sizes = (n_pooled, *hidden_layer_sizes)
        self.head = nn.Sequential(
            norm_layer(normalization, n_pooled),
            *([Dropout(dropout)] if dropout else []),
            *dense_layers(sizes, activation, normalization, dropout),
        )
        self.output = Linear(sizes[-1], n_outputs)

    def body(self, x):
        """Logits of standardized input."""
        if self.embedding is None and _may_look(x) and not torch.isnan(x).any():
            return self._read(x, None)
        return self._read(*self._steps(x))

    @property
    def entry(self):
        return self.standardizer, self.embedding

    def enter(self, x):
        steps, mask = self._steps(self.standardizer(x))
        return steps, mask[:, :, None]

    def read(self, encoded, present=None):
        return self._read(torch.where(present, encoded, 0.0), present[:, :, 0])

    def collect(self, values):
        return super().collect(values) if self.embedding is None else values.sum(2)

    def spread(self, values):
        tokens = self.embedding is not None
        return values[:, :, None] if tokens else super().spread(values)

    def _read(self, x, mask):
        """Logits of the vectors of all steps, zero where `mask`, if any, is False."""
        x, mask = join_steps(*trim(x, mask), self.patch_size)
        lengths = None if mask is None else mask.sum(1).clamp_min(1)
        pooled = [self.pool(self._recur(x, lengths), mask, lengths)]
        if self.convolutions is not None:
            pooled.append(self.map_pool(self.convolutions(x, mask), mask, lengths))
        return self.output(self.head(torch.cat(pooled, 1)))

    def _steps(self, x):
        """Vectors of all steps, zero where padded, and which of them are there."""
        if self.embedding is None:
            mask = ~torch.isnan(x).all(2)
            return torch.where(mask[:, :, None], x, 0.0), mask
        codes, mask = read_codes(x, self.vocabulary_size)
        return self.embedding_dropout(self.embedding(codes)), mask

    def _recur(self, x, lengths):
        """Outputs of the recurrent layers."""
        for i, layer in enumerate(self.recurrent):
            x = layer(self.between[i - 1](x) if i else x, lengths)
        return x
