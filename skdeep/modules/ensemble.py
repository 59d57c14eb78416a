"""Several nets that answer as one."""

import math
from functools import cached_property

import torch
from torch import nn
from torch.nn import functional as F

from skdeep.modules.layers import Net


class Ensemble(Net):
    """Logits of the mean of the members' probabilities (Hansen and Salamon, 1990).

    Parameters
    ----------
    members : list of Net

    multilabel : bool
        Whether each output is a label of its own.
    """

    def __init__(self, members, multilabel):
        super().__init__(config=None, standardizer=nn.Identity())
        self.members = nn.ModuleList(members)
        self.multilabel = multilabel
        self.row_size = max(member.row_size for member in members)
        self.n_operations = sum(member.n_operations for member in members)

    def forward(self, x):
        return self.combine(torch.stack([member(x) for member in self.members]))

    def combine(self, logits):
        """Logits of the ensemble, of those of its members."""
        return join_logits(logits, self.multilabel)

    @cached_property
    def reads_alike(self):
        """Whether what the members do to raw input is the same for all of them."""
        first, *others = [net.standardizer.state_dict() for net in self.members]
        return all(
            first.keys() == other.keys()
            and all(torch.equal(first[name], other[name]) for name in first)
            for other in others
        )

    @property
    def output(self):
        """The last layer of the first member, which tells device and dtype."""
        return self.members[0].output


def join_logits(logits, multilabel):
    """Logits, (n_samples, n_outputs), of (n_members, n_samples, n_outputs)."""
    if multilabel:
        positive = torch.logsumexp(F.logsigmoid(logits), 0)
        return positive - torch.logsumexp(F.logsigmoid(-logits), 0)
    log_p = F.log_softmax(logits, 2)
    return torch.logsumexp(log_p, 0) - math.log(len(logits))
