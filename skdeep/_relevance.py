"""Which columns matter: what moves the logits of nets that are trained already.

A net that starts anew, with its input scaled by that, hardly sees the columns that say
nothing (Radhakrishnan, Beaglehole, Pandit and Belkin, 2024: the average gradient outer
product, here its diagonal). Adam takes steps of one size whatever the scale of the
gradients. So input that is scaled is the same as weights that start so much larger,
and move so much faster: the net stays what it was, with nothing to be scaled later on.
"""

import numpy as np
import torch

# Samples that slopes are taken at, and values in the widest layer of all of them.
_MOST_ROWS, _MOST_VALUES = 2**12, 2**22
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
    most = min(_MOST_ROWS, max(1, _MOST_VALUES // modules[0].row_size))
    positions = np.arange(len(rows))
    if len(rows) > most:
        positions = random_state.choice(len(rows), most, replace=False)
    weights = np.ones(len(positions)) if weight is None else weight[positions]
    x, seed = rows.take(positions), random_state.randint(2**31 - 1)
    weights = torch.from_numpy(weights / weights.sum())
    found = [_of_one(module, x, weights, multilabel, seed) for module in modules]
    return sum(found) / len(found)


def _of_one(module, x, weights, multilabel, seed):
    """As ``relevance``, of one net and relative to the mean over its inputs."""
    inputs, slopes = _slopes(module, x, multilabel, seed)
    # So inputs that hardly vary hardly count; alone, they do.
    variance = weights @ (inputs - weights @ inputs).square() + _TINY
    squares = weights @ slopes.square()
    totals = torch.zeros(2, *module.config["input_shape"], dtype=torch.float64)
    sources = module.sources.cpu()
    totals.index_add_(1, sources, torch.stack([squares * variance, variance]))
    of_features = totals[0] / totals[1].clamp_min(_TINY)
    return of_features / of_features[sources].mean().clamp_min(_TINY)


def _slopes(module, x, multilabel, seed):
    """What the first dense layer gets, and slopes of the logits there, float64."""
    with torch.no_grad():
        inputs = module.encode(x)
    inputs = inputs.detach().requires_grad_()
    with torch.enable_grad():
        logits = module.read(inputs)
        if not multilabel:
            # What they have in common says nothing.
            logits = logits - logits.mean(1, keepdim=True)
        # One pass for all classes: the square of a sum of random signs is, on the
        # mean, the sum of the squares.
        generator = torch.Generator().manual_seed(seed)
        signs = 2 * torch.randint(0, 2, logits.shape, generator=generator) - 1
        (slopes,) = torch.autograd.grad((logits * signs.to(logits)).sum(), inputs)
    return inputs.detach().cpu().double(), slopes.cpu().double()


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
