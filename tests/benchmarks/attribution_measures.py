"""How right attributions are, by measures that know the truth or the net."""

import copy

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from skdeep.modules import initialize


def hidden_step_by_step(x, fill, attributions):
    """Copies of `x` of which 0, 1, ... of the most important values are hidden.

    Parameters
    ----------
    x, fill : ndarray of shape (n_features,)

    attributions : ndarray of shape (n_features,)

    Returns
    -------
    rows : ndarray of shape (n_features + 1, n_features)
    """
    rank = (-attributions).argsort(kind="stable").argsort()
    return np.where(rank < np.arange(len(x) + 1)[:, None], fill, x)


def deletion_and_insertion(proba, X, fill, attributions, codes):
    """Mean probability of the explained class as values go, and as they come.

    Petsiuk, Das and Saenko (2018). The least important values stay longest when they
    go, and the most important ones come first.

    Parameters
    ----------
    proba : callable
        Rows to probabilities.

    X, attributions : ndarray of shape (n_samples, n_features)

    fill : ndarray of shape (n_fills, n_features)
        What takes the place of hidden values; results are averaged.

    codes : ndarray of int, (n_samples,)

    Returns
    -------
    deletion, insertion : float
    """
    areas = []
    for x, of_x, code in zip(X, attributions, codes, strict=True):
        for row in fill:
            gone = proba(hidden_step_by_step(x, row, of_x))[:, code]
            # What comes is hidden in the fill, as it were.
            come = proba(hidden_step_by_step(row, x, of_x))[:, code]
            areas.append([np.trapezoid(p, dx=1.0 / len(x)) for p in (gone, come)])
    return tuple(np.mean(areas, axis=0).tolist())


def faithfulness(outputs, X, fill, attributions, codes, n_subsets=100, seed=0):
    """Correlation of what subsets are said to be worth with what is lost without them.

    Bhatt, Weller and Moura (2020), with subsets of a quarter of the values.
    """
    rng, correlations = np.random.default_rng(seed), []
    n_features = X.shape[1]
    for x, of_x, code in zip(X, attributions, codes, strict=True):
        hidden = rng.random((n_subsets, n_features)).argsort(1) < n_features // 4
        lost = np.mean(
            [
                outputs(x[None])[0, code] - outputs(np.where(hidden, row, x))[:, code]
                for row in fill
            ],
            axis=0,
        )
        correlations.append(np.corrcoef(hidden @ of_x, lost)[0, 1])
    return float(np.nanmean(correlations))


def randomised(estimator, seed):
    """Copy of an estimator that has learned nothing but the scale of its input."""
    estimator = copy.deepcopy(estimator)
    module = estimator.module_
    statistics = copy.deepcopy(module.standardizer)
    generator = torch.Generator().manual_seed(seed)
    initialize(module, generator, estimator.activation)
    module.standardizer.load_state_dict(statistics.state_dict())
    return estimator


def rank_correlation(one, other):
    """Mean over the samples of the correlation of signed ranks."""
    pairs = zip(one, other, strict=True)
    return float(np.mean([spearmanr(a.ravel(), b.ravel())[0] for a, b in pairs]))


def sanity(explain, estimator, X, codes, n_seeds=3):
    """Correlation of maps of a net with maps of the same net without its weights.

    Adebayo et al. (2018), all layers randomised.

    Parameters
    ----------
    explain : callable
        Estimator, rows and labels to attributions.
    """
    target = estimator.classes_[codes]
    original = explain(estimator, X, target)
    correlations = [
        rank_correlation(original, explain(randomised(estimator, seed), X, target))
        for seed in range(n_seeds)
    ]
    return float(np.mean(correlations))


def pointing_game(attributions, inside):
    """Share of the samples whose highest value lies where the object is.

    Zhang et al. (2018).

    Parameters
    ----------
    attributions : ndarray of shape (n_samples, n_places)

    inside : ndarray of bool, of the same shape
    """
    highest = attributions.argmax(1)
    return float(inside[np.arange(len(inside)), highest].mean())


def mean_roc_auc(importance, informs):
    """Mean over the samples of the area under the curve that finds what informs.

    Parameters
    ----------
    importance : ndarray of shape (n_samples, n_places)

    informs : ndarray of bool, (n_places,)
    """
    return float(np.mean([roc_auc_score(informs, row) for row in importance]))


def true_shapley_values(outputs, x, background, n_orders, seed=0):
    """Shapley values by many random orders of the features, forward and backward.

    Parameters
    ----------
    outputs : callable
        Rows to outputs.

    x : ndarray of shape (n_features,)

    background : ndarray of shape (n_background, n_features)
        Takes turns.

    Returns
    -------
    values : ndarray of shape (n_features, n_outputs)
    """
    rng, n_features, values = np.random.default_rng(seed), len(x), 0.0
    for k in range(n_orders):
        row, order = background[k % len(background)], rng.permutation(n_features)
        for rank in (order, n_features - 1 - order):
            shown = rank < np.arange(n_features + 1)[:, None]
            steps = np.diff(outputs(np.where(shown, x, row)), axis=0)
            values = values + steps[rank]
    return values / (2 * n_orders)


def exact_shapley_values(outputs, x, background):
    """Shapley values by enumeration of all coalitions (Shapley, 1953)."""
    n = len(x)
    coalitions = np.arange(2**n)
    shown = (coalitions[:, None] >> np.arange(n)) & 1 == 1
    worth = np.mean([outputs(np.where(shown, x, row)) for row in background], axis=0)
    sizes = shown.sum(1)
    factorial = np.cumprod([1.0, *range(1, n + 1)])
    values = []
    for j in range(n):
        without = coalitions[~shown[:, j]]
        size = sizes[without]
        weight = factorial[size] * factorial[n - size - 1] / factorial[n]
        values.append(weight @ (worth[without | 1 << j] - worth[without]))
    return np.array(values)


def shapes(n_samples, seed=0, size=20):
    """Images of a square, a disc, a triangle or a cross somewhere in noise.

    Returns
    -------
    X : ndarray of shape (n_samples, 1, size, size)

    y : ndarray of str

    inside : ndarray of bool, (n_samples, size, size)
        The box around each one.
    """
    rng = np.random.default_rng(seed)
    names, radius = np.array(["cross", "disc", "square", "triangle"]), 4
    y, side = rng.choice(names, n_samples), 2 * radius + 1
    X = rng.normal(0.0, 0.3, (n_samples, size, size))
    inside = np.zeros(X.shape, dtype=bool)
    v, u = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    drawn = {
        "square": np.maximum(abs(u), abs(v)) <= radius - 1,
        "disc": u**2 + v**2 <= radius**2,
        "triangle": 2 * abs(u) <= v + radius,
        "cross": (abs(u) <= 1) | (abs(v) <= 1),
    }
    for image, box, name in zip(X, inside, y, strict=True):
        top, left = rng.integers(size - side + 1, size=2)
        place = (slice(top, top + side), slice(left, left + side))
        image[place] += drawn[name]
        box[place] = True
    return X[:, None], y, inside


def informative_steps(n_samples, seed=0, n_steps=40, n_features=3):
    """Sequences of noise of which a few steps tell the class.

    Returns
    -------
    X : ndarray of shape (n_samples, n_steps, n_features)

    y : ndarray of int

    informs : ndarray of bool, (n_steps,)
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n_samples)
    X = rng.normal(size=(n_samples, n_steps, n_features))
    informs = np.isin(np.arange(n_steps), range(15, 20))
    X[:, informs] += 1.5 * (2 * y[:, None, None] - 1)
    return X, y, informs
