"""Several multi-layer perceptrons that have most of their weights in common."""

import torch
from torch import nn

from skdeep.modules.ensemble import join_logits
from skdeep.modules.mlp import MLP


class SharedMLP(MLP):
    """Ensemble that shares its hidden layers (Gorishniy, Kotelnikov and Babenko, 2025).

    A member has scales of its own for what enters the first layer, and an output layer
    of its own: TabM-mini of the paper. In training the logits are those of each member,
    (n_members, n_samples, n_outputs); else they are of the mean of their probabilities.

    Parameters
    ----------
    n_members : int

    multilabel : bool
        Whether each output is a label of its own.

    **config
        Of ``MLP``.
    """

    def __init__(self, *, n_members, multilabel, **config):
        super().__init__(**config)
        self.config = {**self.config, "n_members": n_members, "multilabel": multilabel}
        self.scales = MemberScales(n_members, self.linear_layers[0].in_features)
        self.output = MemberLinear(
            n_members, self.output.in_features, self.output.out_features
        )
        self.linear_layers = (*self.linear_layers[:-1], self.output)
        self.row_size *= n_members
        self.n_operations *= n_members

    def read(self, encoded, present=None):
        """Logits of what the first dense layer gets."""
        logits = self.output(self.hidden(self.scales(encoded)))
        if self.training:
            return logits
        return join_logits(logits, self.config["multilabel"])


class MemberScales(nn.Module):
    """Scale the input for each member: (n, d) to (n_members, n, d).

    Parameters
    ----------
    n_members, n_features : int
    """

    def __init__(self, n_members, n_features):
        super().__init__()
        self.shape = (n_members, 1, n_features)
        # Flat, as penalties act on matrices.
        self.scales = nn.Parameter(torch.empty(n_members * n_features))

    def draw_signs(self, generator):
        """Start with signs by chance, which sets the members apart."""
        signs = torch.randint(0, 2, self.scales.shape, generator=generator)
        self.scales.copy_(2 * signs - 1)

    def forward(self, x):
        return x * self.scales.view(self.shape)


class MemberLinear(nn.Module):
    """A linear layer for each member: (n_members, n, n_in) to (n_members, n, n_out).

    Parameters
    ----------
    n_members, in_features, out_features : int
    """

    def __init__(self, n_members, in_features, out_features):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = nn.Parameter(torch.empty(n_members, out_features, in_features))
        self.bias = nn.Parameter(torch.empty(n_members * out_features))

    def forward(self, x):
        bias = self.bias.view(len(self.weight), 1, self.out_features)
        return torch.baddbmm(bias, x, self.weight.mT)
