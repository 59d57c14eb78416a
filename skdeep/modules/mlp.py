"""Multi-layer perceptron."""

import torch
from torch import nn

from skdeep.modules.layers import Linear, Net, dense_layers
from skdeep.modules.periodic import PeriodicEmbedding
from skdeep.modules.scaling import standardizer
from skdeep.modules.table import CategoryEmbedding, TableInput


class MLP(Net):
    """Dense layers: (n_samples, n_features) to logits (n_samples, n_outputs).

    Missing values, NaN, become the mean of their feature.

    Parameters
    ----------
    input_shape : tuple of int
        ``(n_features,)``.

    n_outputs : int
        Number of logits.

    hidden_layer_sizes : tuple of int
        Units of each hidden layer.

    activation : str
        Key of ``ACTIVATIONS``.

    normalization : {None, "batch", "layer"}
        Placed between the linear map and the activation.

    dropout : float
        Probability, after each activation.

    shared_dropout : bool
        Whether all samples of a batch lose the same units.

    standardize : bool or "robust"
        Whether, or how, the first layer standardizes each feature.

    n_categories : tuple of int
        Number of categories of each feature, 0 for numbers; empty if there are only
        numbers.

    missing : tuple of int
        Positions of the features that get an indicator of missing values.

    n_bins : tuple of int
        Bins of each feature for `PiecewiseLinear`; empty if there are none.

    numerical_embedding : {None, "piecewise_linear", "periodic"}
        With "periodic", features with bins have a `PeriodicEmbedding` too.

    Attributes
    ----------
    linear_layers : tuple of nn.Linear
        The linear layers, first to last.
    """

    def __init__(
        self,
        *,
        input_shape,
        n_outputs,
        hidden_layer_sizes,
        activation,
        normalization,
        dropout,
        standardize,
        n_categories=(),
        missing=(),
        n_bins=(),
        numerical_embedding=None,
        shared_dropout=False,
    ):
        if n_categories or missing or n_bins:
            n_categories = n_categories or (0,) * input_shape[0]
            first = TableInput(n_categories, missing, standardize, n_bins)
        else:
            first = standardizer(standardize, input_shape, 0, fill_missing=True)
        super().__init__(
            config={
                "input_shape": input_shape,
                "n_outputs": n_outputs,
                "hidden_layer_sizes": hidden_layer_sizes,
                "activation": activation,
                "normalization": normalization,
                "dropout": dropout,
                "standardize": standardize,
                "n_categories": n_categories,
                "missing": missing,
                "n_bins": n_bins,
                "numerical_embedding": numerical_embedding,
                "shared_dropout": shared_dropout,
            },
            standardizer=first,
        )
        self.periodic, self.embedding, (n_inputs,) = None, None, input_shape
        if isinstance(first, TableInput):
            n_inputs = first.n_dense
            if numerical_embedding == "periodic" and first.cut:
                self.periodic = PeriodicEmbedding(first.cut)
                n_inputs += self.periodic.n_outputs
            if first.embedded:
                self.embedding = CategoryEmbedding(first.embedded)
                n_inputs += self.embedding.n_outputs
        sizes = (n_inputs, *hidden_layer_sizes)
        self.hidden = nn.Sequential(
            *dense_layers(sizes, activation, normalization, dropout, shared_dropout)
        )
        self.output = Linear(sizes[-1], n_outputs)
        hidden = [layer for layer in self.hidden if isinstance(layer, nn.Linear)]
        self.linear_layers = (*hidden, self.output)

        self.row_size = max(*sizes, n_outputs)
        self.n_operations = sum(layer.weight.numel() for layer in self.linear_layers)
        if self.periodic is not None:
            self.row_size = max(self.row_size, self.periodic.row_size)
            self.n_operations += self.periodic.n_operations

    def body(self, x):
        """Logits of standardized input."""
        return self.read(self.embed(x))

    def embed(self, x):
        """Vectors beside numbers, and in place of the codes, which stand last."""
        if self.periodic is not None:
            x = self.periodic(x)
        return x if self.embedding is None else self.embedding(x)

    @property
    def sources(self):
        """For each input of the first dense layer, the feature that it is made of."""
        sources = torch.arange(self.config["input_shape"][0])
        if isinstance(self.standardizer, TableInput):
            sources = self.standardizer.sources
        if self.periodic is not None:
            sources = self.periodic.repeat(sources)
        if self.embedding is not None:
            n = len(self.standardizer.embedded)
            size = self.embedding.embedding_dim
            sources = torch.cat([sources[:-n], sources[-n:].repeat_interleave(size)])
        return sources

    @property
    def entry(self):
        return self.standardizer, self.periodic, self.embedding

    def enter(self, x):
        return self.encode(x), None

    def read(self, encoded, present=None):
        return self.output(self.hidden(encoded))

    def collect(self, values):
        total = values.new_zeros(len(values), *self.config["input_shape"])
        return total.index_add_(1, self.sources, values)

    def spread(self, values):
        return values.index_select(1, self.sources)

    def encode(self, x):
        """Input of the first dense layer, of raw input."""
        return self.embed(self.standardizer(x))
