"""Multi-layer perceptron."""

from torch import nn

from skdeep.modules.layers import Net, dense_layers, standardizer


class MLP(Net):
    """Dense layers: (n_samples, n_features) to logits (n_samples, n_outputs).

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

    standardize : bool
        Whether the first layer standardizes each feature.

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
    ):
        super().__init__(
            config={
                "input_shape": input_shape,
                "n_outputs": n_outputs,
                "hidden_layer_sizes": hidden_layer_sizes,
                "activation": activation,
                "normalization": normalization,
                "dropout": dropout,
                "standardize": standardize,
            },
            standardizer=standardizer(standardize, input_shape, channel_axis=0),
        )
        sizes = (*input_shape, *hidden_layer_sizes)
        self.hidden = nn.Sequential(
            *dense_layers(sizes, activation, normalization, dropout)
        )
        self.output = nn.Linear(sizes[-1], n_outputs)
        hidden = [layer for layer in self.hidden if isinstance(layer, nn.Linear)]
        self.linear_layers = (*hidden, self.output)

        self.row_size = max(*sizes, n_outputs)
        self.n_operations = sum(layer.weight.numel() for layer in self.linear_layers)

    def body(self, x):
        """Logits of standardized input."""
        return self.output(self.hidden(x))
