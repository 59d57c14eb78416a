"""Adam on a CPU, in one pass over the memory."""

import math

import numpy as np
import torch
from torch.optim.adam import adam

# torch corrects the bias of its averages by the number of steps, which so changes
# nothing any more. Here the rate has the correction in it, as in scikit-learn.
_LATE = 1e9


class FusedAdam:
    """As ``Adam``, for nets that agree on all but their rates.

    Parameters
    ----------
    vectors : Tensor of shape (n_nets, n_parameters)
        Contiguous, on a CPU.

    beta_1, beta_2, epsilon : float

    slowness : Tensor of the shape of `vectors`, or None
        What the step of each parameter is divided by.
    """

    def __init__(self, vectors, beta_1, beta_2, epsilon, slowness=None):
        self.betas = beta_1, beta_2
        self.speeds = None if slowness is None else 1.0 / slowness
        self.mean, self.square = torch.zeros_like(vectors), torch.zeros_like(vectors)
        self.options = {"beta1": beta_1, "beta2": beta_2, "eps": epsilon}
        self.options |= {"amsgrad": False, "maximize": False, "weight_decay": 0.0}
        self.n_steps = torch.tensor(_LATE)

    def take_over(self, other, rows):
        """Go on with some of the nets of `other`, which may be an ``Adam``."""
        self.mean, self.square = other.averages(rows)

    def averages(self, rows):
        """Means of the gradients and of their squares of some of the nets."""
        return self.mean[rows], self.square[rows]

    def sizes(self, rates, n_steps):
        """Rates with bias corrections; `n_steps` is one in the first step."""
        beta_1, beta_2 = self.betas
        correction = math.sqrt(1.0 - beta_2**n_steps) / (1.0 - beta_1**n_steps)
        return [rate * correction for rate in rates]

    def update(self, vectors, gradients, sizes):
        """Move the parameters by the averages of their gradients."""
        sizes = [float(size) for size in sizes]
        largest = max(sizes)
        shares = self._shares(sizes, largest, vectors.dtype)
        before = None if shares is None else vectors.clone()
        adam(
            [vectors],
            [gradients],
            [self.mean],
            [self.square],
            [],
            [self.n_steps],
            fused=True,
            foreach=False,
            lr=largest,
            **self.options,
        )
        if shares is not None:
            torch.lerp(before, vectors, shares, out=vectors)

    def _shares(self, sizes, largest, dtype):
        """Of the largest step, what each net or parameter takes; None is all of it."""
        if min(sizes) == largest:
            return self.speeds
        shares = torch.from_numpy(np.array(sizes)[:, None] / largest).to(dtype)
        return shares if self.speeds is None else shares * self.speeds
