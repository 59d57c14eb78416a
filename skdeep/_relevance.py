"""Which columns matter: what moves the logits of nets that are trained already.

A net that starts anew, with its input scaled by that, hardly sees the columns that say
nothing (Radhakrishnan, Beaglehole, Pandit and Belkin, 2024: the average gradient outer
product, here its diagonal). Adam takes steps of one size whatever the scale of the
gradients. So input that is scaled is the same as weights that start so much larger,
and move so much faster: the net stays what it was, with nothing to be scaled later on.
"""

import numpy as np
import torch

# Samples that slopes are taken at.
_MOST_ROWS = 4096
# Of a speed, where their mean square is one: no column is lost, none rules.
_SLOWEST, _FASTEST = 0.1, 3.0
_TINY = 1e-12


def relevance(modules, rows, weight, multilabel, random_state):
    """How much each feature moves the logits, on the mean of several nets.

    Parameters
    ----------
    modules : list of MLP
        In eval mode.

    rows : Rows

    weight : ndarray of shape (n_samples,) or None

    multilabel : bool

    random_state : RandomState
        Chooses samples, if there are many.

    Returns
    -------
    relevance : Tensor of shape (n_features,), float64
        Mean squares of slopes along what the first dense layer gets of a feature.
    """
    positions, weights = np.arange(len(rows)), torch.ones(len(rows))
    if weight is not None:
        weights = torch.from_numpy(weight)
    if len(positions) > _MOST_ROWS:
        positions = random_state.choice(len(rows), _MOST_ROWS, replace=False)
    x, seed = rows.take(positions), random_state.randint(2**31 - 1)
    weights = weights[positions].to(x.device, torch.float64)
    weights /= weights.sum()
    found = [_of_one(module, x, weights, multilabel, seed) for module in modules]
    return sum(found) / len(found)


def _of_one(module, x, weights, multilabel, seed):
    """Mean square slopes of each feature, shares of those of all inputs."""
    with torch.no_grad():
        inputs = module.encode(x)
    inputs.requires_grad_()
    with torch.enable_grad():
        logits = module.read(inputs)
        if not multilabel:
            # What they have in common says nothing.
            logits = logits - logits.mean(1, keepdim=True)
        # One pass for all classes: the square of a sum of random signs is, on the
        # mean, the sum of the squares.
        generator = torch.Generator().manual_seed(seed)
        signs = torch.randint(0, 2, logits.shape, generator=generator)
        signs = signs.to(logits) * 2 - 1
        (slopes,) = torch.autograd.grad((logits * signs).sum(), inputs)
    inputs = inputs.detach().double()
    variance = weights @ (inputs - weights @ inputs).square()
    squares = weights @ slopes.double().square()
    totals = variance.new_zeros(2, *module.config["input_shape"])
    sources = module.sources.to(x.device)
    totals.index_add_(1, sources, torch.stack([squares * variance, variance]))
    of_features = (totals[0] / totals[1].clamp_min(_TINY)).cpu()
    return of_features / of_features[module.sources.cpu()].mean().clamp_min(_TINY)


def column_speeds(module, relevance):
    """Factors of the first layer's weights, at the start and in each step.

    Parameters
    ----------
    module : MLP

    relevance : Tensor of shape (n_features,)

    Returns
    -------
    speeds : Tensor of shape (n_inputs,), float64
        For each input of the first dense layer. Their mean square is one.
    """
    speeds = relevance[module.sources.cpu()].clamp_min(_TINY).sqrt()
    speeds = (speeds / speeds.square().mean().sqrt()).clamp(_SLOWEST, _FASTEST)
    return speeds / speeds.square().mean().sqrt()
