"""Recurrent nets for sequences, of equal or of different length."""

import torch
from torch import nn

from skdeep.modules.layers import (
    Dropout,
    Net,
    dense_layers,
    norm_layer,
    standardizer,
)

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def reverse_time(x, lengths):
    """Reverse the first ``lengths[i]`` time steps of each sequence.

    Parameters
    ----------
    x : Tensor of shape (n_samples, timesteps, features)

    lengths : Tensor of shape (n_samples,)
    """
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
        output = self.forward_cells(x)[0]
        if self.backward_cells is None:
            return output
        backward = self.backward_cells(reverse_time(x, lengths))[0]
        return torch.cat([output, reverse_time(backward, lengths)], dim=2)


class SequencePool(nn.Module):
    """Reduce the outputs of all steps to one vector, padding left out.

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
            self.project = nn.Linear(n_features, n_features)
            self.tanh = nn.Tanh()
            self.score = nn.Linear(n_features, 1)
            self.softmax = nn.Softmax(dim=1)

    def forward(self, output, mask, lengths):
        if self.kind == "last":
            return self._last(output, lengths)
        mask = mask[:, :, None]
        if self.kind == "mean":
            total = torch.where(mask, output, 0.0).sum(1)
            return total / lengths[:, None].to(output.dtype)
        if self.kind == "max":
            return torch.where(mask, output, float("-inf")).amax(1)
        score = self.score(self.tanh(self.project(output)))
        weight = self.softmax(torch.where(mask, score, float("-inf")))
        return (weight * output).sum(1)

    def _last(self, output, lengths):
        index = (lengths - 1)[:, None, None].expand(-1, 1, output.shape[2])
        last = output.gather(1, index)[:, 0]
        if not self.bidirectional:
            return last
        half = output.shape[2] // 2
        return torch.cat([last[:, :half], output[:, 0, half:]], dim=1)


class RNN(Net):
    """Recurrent layers: (n_samples, timesteps, features) to logits.

    Time steps at the end that are NaN in every feature are padding.

    Parameters
    ----------
    input_shape : tuple of int
        ``(timesteps, features)``.

    n_outputs : int
        Number of logits.

    cell_type : {"rnn", "gru", "lstm"}
        Elman cell, Cho et al. (2014), Hochreiter and Schmidhuber (1997).

    hidden_size : int
        Units of each layer and direction.

    n_layers : int
        Recurrent layers.

    bidirectional : bool
        Whether each layer also reads backward (Schuster and Paliwal, 1997).

    pooling : {"last", "mean", "max", "attention"}
        How the outputs of all steps become a vector.

    hidden_layer_sizes : tuple of int
        Dense layers between that vector and the logits.

    activation, normalization, dropout, standardize
        As in :class:`MLP`; `activation` is that of the dense layers, `normalization`
        acts on the pooled vector too, `dropout` between the layers and after pooling.
    """

    def __init__(
        self,
        *,
        input_shape,
        n_outputs,
        cell_type,
        hidden_size,
        n_layers,
        bidirectional,
        pooling,
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
                "cell_type": cell_type,
                "hidden_size": hidden_size,
                "n_layers": n_layers,
                "bidirectional": bidirectional,
                "pooling": pooling,
                "hidden_layer_sizes": hidden_layer_sizes,
                "activation": activation,
                "normalization": normalization,
                "dropout": dropout,
                "standardize": standardize,
            },
            standardizer=standardizer(standardize, input_shape, channel_axis=1),
        )
        n_output = hidden_size * (2 if bidirectional else 1)
        n_inputs = [input_shape[1]] + [n_output] * (n_layers - 1)
        self.recurrent = nn.ModuleList(
            RecurrentLayer(cell_type, n_in, hidden_size, bidirectional)
            for n_in in n_inputs
        )
        self.between = nn.ModuleList(Dropout(dropout) for _ in range(n_layers - 1))
        self.pool = SequencePool(pooling, n_output, bidirectional)
        sizes = (n_output, *hidden_layer_sizes)
        self.head = nn.Sequential(
            norm_layer(normalization, n_output),
            *([Dropout(dropout)] if dropout else []),
            *dense_layers(sizes, activation, normalization, dropout),
        )
        self.output = nn.Linear(sizes[-1], n_outputs)
        n_weights = sum(p.numel() for p in self.recurrent.parameters())
        self.n_operations = input_shape[0] * n_weights
        self.row_size = input_shape[0] * 4 * n_output

    def body(self, x):
        """Logits of standardized input."""
        mask = ~torch.isnan(x).all(2)
        lengths = mask.sum(1).clamp_min(1)
        x = torch.where(mask[:, :, None], x, 0.0)
        for i, layer in enumerate(self.recurrent):
            x = layer(self.between[i - 1](x) if i else x, lengths)
        return self.output(self.head(self.pool(x, mask, lengths)))
