"""What a net sees of a number: waves."""

import math

import torch
from torch import nn

# As RealMLP has it (Holzmueller et al., 2024).
_N_WAVES, _N_OUTPUTS, _DEVIATION = 16, 3, 0.1


class PeriodicEmbedding(nn.Module):
    """Learned waves of some numbers, beside all that there is.

    Each number x gets ``w2 @ cos(2 pi w1 x + b1) + b2`` of its own, three values of 16
    waves whose frequencies are learned too: PBLD of Holzmueller, Grinsztajn and
    Steinwart (2024), after Gorishniy, Rubachev and Babenko (2022).

    Parameters
    ----------
    positions : list of int
        Columns that get it.

    Attributes
    ----------
    n_outputs : int
        Width of what comes before the input.

    row_size, n_operations : int
        As of ``Net``.
    """

    def __init__(self, positions):
        super().__init__()
        self.at, n = positions, len(positions)
        self.n_outputs, self.row_size = n * _N_OUTPUTS, n * _N_WAVES
        self.n_operations = self.row_size * (1 + _N_OUTPUTS)
        self.register_buffer("positions", torch.tensor(positions))
        # Flat, as penalties act on matrices: on the weights only.
        self.frequencies = nn.Parameter(torch.empty(n * _N_WAVES))
        self.phases = nn.Parameter(torch.empty(n * _N_WAVES))
        self.weight = nn.Parameter(torch.empty(n, _N_WAVES, _N_OUTPUTS))
        self.bias = nn.Parameter(torch.empty(n * _N_OUTPUTS))
        # As in InputStandardizer.
        self.result = nn.Identity()

    def initialize(self, generator):
        """Draw slow waves of any phase, and fill the buffer."""
        self.positions.copy_(torch.tensor(self.at))
        shape, options = self.frequencies.shape, {"generator": generator}
        options |= {"dtype": torch.float64, "device": "cpu"}
        self.frequencies.copy_(_DEVIATION * torch.randn(shape, **options))
        bound = 1.0 / math.sqrt(_N_WAVES)
        for parameter, largest in (
            (self.phases, math.pi),
            (self.weight, bound),
            (self.bias, bound),
        ):
            values = torch.rand(parameter.shape, **options)
            parameter.copy_((2.0 * values - 1.0) * largest)

    def repeat(self, sources):
        """For each output, the feature that it is made of, given those of the input."""
        own = sources[self.positions].repeat_interleave(_N_OUTPUTS)
        return torch.cat([own, sources])

    def forward(self, x):
        # Number by number, so that all of them are one batch of products.
        numbers = x[:, self.positions].T.unsqueeze(2)
        n = len(numbers)
        frequencies = self.frequencies.view(n, 1, _N_WAVES)
        phases = self.phases.view(n, 1, _N_WAVES)
        waves = torch.cos(numbers * (2.0 * math.pi * frequencies) + phases)
        vectors = torch.baddbmm(self.bias.view(n, 1, -1), waves, self.weight)
        return self.result(torch.cat([vectors.transpose(0, 1).flatten(1), x], dim=1))
