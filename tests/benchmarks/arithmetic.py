"""The arithmetic of dense nets alone: what no way of training them can do without.

Matrix products and Adam, on arrays that are there already: no batches, activations,
losses, biases, checks or records.
"""

from itertools import pairwise

import numpy as np


def arithmetic(sizes, batch_size, n_nets, n_steps, dtype):
    """Build a function that takes so many steps of a stack of nets.

    Parameters
    ----------
    sizes : tuple of int
        Features, hidden units of each layer, classes.

    batch_size, n_nets, n_steps : int

    dtype : str

    Returns
    -------
    run : callable
    """
    random = np.random.default_rng(0)

    def normal(*shape):
        return random.standard_normal((n_nets, *shape)).astype(dtype)

    layers = list(pairwise(sizes))
    x = [normal(batch_size, n) for n in sizes]
    weights = [normal(n_out, n_in) for n_in, n_out in layers]
    n_parameters = sum((n_in + 1) * n_out for n_in, n_out in layers)
    vectors, gradients, mean, square = (abs(normal(n_parameters)) for _ in range(4))
    scratch = np.empty_like(vectors)

    def step():
        for k, weight in enumerate(weights):
            np.matmul(x[k], weight.transpose(0, 2, 1))
            np.matmul(x[k + 1].transpose(0, 2, 1), x[k])
            if k:
                np.matmul(x[k + 1], weight)
        _adam(vectors, gradients, mean, square, scratch)

    def run():
        for _ in range(n_steps):
            step()

    return run


def _adam(vectors, gradients, mean, square, scratch):
    mean *= 0.9
    mean += gradients
    square *= 0.999
    np.multiply(gradients, gradients, out=scratch)
    square += scratch
    np.sqrt(square, out=scratch)
    np.divide(mean, scratch, out=scratch)
    scratch *= 1e-9
    vectors -= scratch
