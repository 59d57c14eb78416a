"""Solvers and penalties, for one net or for many of one architecture.

The parameters of a net are one flat vector, those of many nets the rows of a matrix. A
step costs a handful of operations on it whatever the number of layers and nets, and
needs no ``torch.optim``, whose first use in a process imports the compiler.
"""

import math
from functools import partial
from itertools import pairwise, starmap
from typing import NamedTuple

import numpy as np
import torch

from skdeep._fused_adam import FusedAdam
from skdeep._schedules import make_schedule
from skdeep._threads import Team

# Parameters, a multiple of those that a vector unit moves at once.
_VECTOR = 64


class StepNumbers(NamedTuple):
    """What a step takes besides parameters and gradients.

    Each is a list with a number for each net, a Tensor of shape (n_nets, 1) on the
    device of the nets, or None where the step has no such part.

    Attributes
    ----------
    slopes : list, Tensor or None
        Multiples of the weights to be added to their gradients.

    sizes : list or Tensor
        Of the update, as the rule of the solver understands it.

    kept : list, Tensor or None
        Share of the weights that decay leaves.

    bounds : list, Tensor or None
        By how much the weights come nearer to zero.
    """

    slopes: list | torch.Tensor | None
    sizes: list | torch.Tensor
    kept: list | torch.Tensor | None
    bounds: list | torch.Tensor | None


def _per_net(numbers, like):
    """One number if all nets agree on it, else a column of them."""
    if isinstance(numbers, torch.Tensor):
        return numbers
    if min(numbers) == max(numbers):
        return numbers[0]
    # Five times as fast as a tensor of a list.
    column = torch.from_numpy(np.array(numbers))[:, None]
    return column.to(like.dtype).to(like.device)


def _add_multiple(x, y, factor, out=None):
    """``x + factor * y``, in place unless told otherwise; a factor as ``_per_net``."""
    out = x if out is None else out
    if isinstance(factor, torch.Tensor):
        return torch.addcmul(x, y, factor, out=out)
    return torch.add(x, y, alpha=factor, out=out)


def _sqrt(x, out):
    if x.device.type != "cpu":
        return torch.sqrt(x, out=out)
    # Twice as fast as torch's.
    np.sqrt(x.numpy(), out=out.numpy())
    return out


class Penalty:
    """Elastic net: ``alpha * (l1_ratio * |w|_1 + (1 - l1_ratio) / 2 * |w|^2)``.

    It acts on the weights and, as in scikit-learn's MLPClassifier, is divided by the
    sum of the sample weights of the batch.

    Parameters
    ----------
    weights, gradients : Tensor of shape (n_nets, n_weights)

    settings : list of dict
        Parameters of each estimator: `alpha`, `l1_ratio`, and `solver`, for with
        "adamw" the quadratic part is weight decay outside of the gradient.
    """

    def __init__(self, weights, gradients, settings):
        self.weights, self.gradients = weights, gradients
        self.l1 = [s["alpha"] * s["l1_ratio"] for s in settings]
        l2 = [s["alpha"] * (1.0 - s["l1_ratio"]) for s in settings]
        decoupled = [s["solver"] == "adamw" for s in settings]
        self.l2 = [0.0 if d else x for x, d in zip(l2, decoupled, strict=True)]
        self.decay = [x if d else 0.0 for x, d in zip(l2, decoupled, strict=True)]

    def values(self, totals):
        """Penalty of each net at its present weights, a list of float."""
        values = np.zeros(len(totals))
        w = self.weights
        if any(self.l1):
            values += np.multiply(self.l1, abs(w).sum(1).tolist())
        if any(self.l2):
            values += np.multiply(self.l2, (w * w).sum(1).tolist()) / 2
        return (values / totals).tolist()

    def slopes(self, totals):
        """Multiple of the weights that is the gradient of the smooth part."""
        if any(self.l2):
            return [x / total for x, total in zip(self.l2, totals, strict=True)]
        return None

    def kept(self, rates):
        """Share of the weights that decay leaves."""
        if any(self.decay):
            return [1.0 - r * x for r, x in zip(rates, self.decay, strict=True)]
        return None

    def bounds(self, rates, totals):
        """By how much the L1 part brings weights nearer to zero."""
        if any(self.l1):
            return [r * x / t for r, x, t in zip(rates, self.l1, totals, strict=True)]
        return None

    def add_gradient(self, slopes):
        """Add the gradient of the smooth part."""
        if slopes is not None:
            _add_multiple(self.gradients, self.weights, _per_net(slopes, self.weights))

    def shrink(self, kept, bounds):
        """Apply what isn't part of the gradient: weight decay, then the L1 part.

        The proximal step of L1 (Parikh and Boyd, 2014) leaves exact zeros.
        """
        w = self.weights
        if kept is not None:
            w *= _per_net(kept, w)
        if bounds is not None:
            bound = _per_net(bounds, w)
            w -= torch.clip(w, -bound, bound)


class SGD:
    """Stochastic gradient descent with (Nesterov) momentum, as scikit-learn has it.

    Parameters
    ----------
    vectors : Tensor of shape (n_nets, n_parameters)

    settings : list of dict
        Parameters of each estimator: `momentum` and `nesterovs_momentum`, on which
        all nets agree.
    """

    def __init__(self, vectors, settings):
        self.momentum = _per_net([s["momentum"] for s in settings], vectors)
        self.nesterov = settings[0]["nesterovs_momentum"]
        self.velocity = torch.zeros_like(vectors)

    def take_over(self, other, rows):
        """Go on with some of the nets of `other`."""
        self.velocity = other.velocity[rows]

    def sizes(self, rates, n_steps):
        """What ``update`` multiplies gradients by."""
        return [-rate for rate in rates]

    def update(self, vectors, gradients, sizes):
        """Move the parameters by their gradients."""
        step = _per_net(sizes, vectors)
        self.velocity *= self.momentum
        _add_multiple(self.velocity, gradients, step)
        if self.nesterov:
            _add_multiple(vectors, self.velocity, self.momentum)
            _add_multiple(vectors, gradients, step)
        else:
            vectors += self.velocity


class Adam:
    """Adam (Kingma and Ba, 2015); without `beta_1`, bias-corrected RMSProp.

    The moving averages leave out their constant factors, ``1 - beta``, which are made
    up for in the step.

    Parameters
    ----------
    vectors : Tensor of shape (n_nets, n_parameters)

    settings : list of dict
        Parameters of each estimator: `solver`, `beta_1`, `beta_2`, `epsilon`.

    slowness : Tensor of the shape of `vectors`, or None
        What the step of each parameter is divided by.
    """

    def __init__(self, vectors, settings, slowness=None):
        self.slowness = slowness
        self.beta_1, self.beta_2 = zip(*map(_betas, settings), strict=True)
        self.keep_1 = _per_net(self.beta_1, vectors)
        self.keep_2 = _per_net(self.beta_2, vectors)
        self.floor = _per_net(
            [s["epsilon"] / math.sqrt(1.0 - s["beta_2"]) for s in settings], vectors
        )
        self.mean = torch.zeros_like(vectors) if any(self.beta_1) else None
        self.square = torch.zeros_like(vectors)
        self.scratch = torch.empty_like(vectors)

    def take_over(self, other, rows):
        """Go on with some of the nets of `other`."""
        self.square = other.square[rows]
        if self.mean is not None:
            self.mean = other.mean[rows]

    def averages(self, rows):
        """Means of the gradients and of their squares of some of the nets."""
        found = []
        for sums, betas in ((self.mean, self.beta_1), (self.square, self.beta_2)):
            sums = torch.zeros_like(self.square) if sums is None else sums
            left_out = [1.0 - betas[row] for row in rows]
            found.append(sums[rows] * _per_net(left_out, sums))
        return found

    def sizes(self, rates, n_steps):
        """Rates, bias corrections and constant factors of the averages in one.

        Parameters
        ----------
        rates : list of float
            Of each net.

        n_steps : int
            Steps so far, this one included.
        """
        betas = list(zip(self.beta_1, self.beta_2, strict=True))
        corrections = {
            (b1, b2): (1.0 - b1)
            / (1.0 - b1**n_steps)
            * math.sqrt((1.0 - b2**n_steps) / (1.0 - b2))
            for b1, b2 in set(betas)
        }
        return [
            rate * corrections[pair] for rate, pair in zip(rates, betas, strict=True)
        ]

    def update(self, vectors, gradients, sizes):
        """Move the parameters by the averages of their gradients."""
        self.square *= self.keep_2
        self.square.addcmul_(gradients, gradients)
        if self.mean is not None:
            _add_multiple(gradients, self.mean, self.keep_1, out=self.mean)
            gradients = self.mean
        scale = _sqrt(self.square, out=self.scratch)
        scale += self.floor
        if self.slowness is not None:
            scale *= self.slowness
        factor = _per_net(sizes, vectors)
        if isinstance(factor, torch.Tensor):
            scale *= 1.0 / factor
            factor = 1.0
        vectors.addcdiv_(gradients, scale, value=-factor)


def _betas(settings):
    beta_1 = 0.0 if settings["solver"] == "rmsprop" else settings["beta_1"]
    return beta_1, settings["beta_2"]


class Solver:
    """One step: penalty, clipping, update, proximal step, schedule.

    Parameters
    ----------
    vectors, gradients : Tensor of shape (n_nets, n_parameters)

    n_penalized : int
        The first so many parameters are penalized.

    settings : list of dict
        Parameters of each estimator.

    n_steps : list
        Steps of each whole fit, or None.

    n_threads : int
        Threads that share an update.
    """

    def __init__(self, vectors, gradients, n_penalized, settings, n_steps, n_threads=1):
        self.n_penalized, self.settings, self.n_steps = n_penalized, settings, 0
        self.vectors, self.gradients = vectors, gradients
        self.penalty = Penalty(
            vectors[:, :n_penalized], gradients[:, :n_penalized], settings
        )
        self.schedules = [
            make_schedule(s, n) for s, n in zip(settings, n_steps, strict=True)
        ]
        clips = [s["gradient_clip"] for s in settings]
        self.clip = None
        if any(clip is not None for clip in clips):
            clips = [math.inf if clip is None else clip for clip in clips]
            self.clip = _per_net(clips, vectors)
        self.team = Team(n_threads)
        self.rules = []
        if settings[0]["solver"] != "lbfgs":
            rule = _rule(vectors, settings)
            for part in _cut(vectors.shape[1], n_threads):
                self.rules.append((rule(part), vectors[:, part], gradients[:, part]))

    def keep(self, rows, vectors, gradients):
        """Build the solver of some of the nets, to go on where this one is.

        Parameters
        ----------
        rows : list of int
            Which nets.

        vectors, gradients : Tensor of shape (n_rows, n_parameters)
            Where these nets live now.

        Returns
        -------
        solver : Solver
        """
        settings = [self.settings[row] for row in rows]
        kept = Solver(
            vectors, gradients, self.n_penalized, settings, [None] * len(rows)
        )
        kept.schedules = [self.schedules[row] for row in rows]
        kept.n_steps = self.n_steps
        for (rule, *_), (other, *_) in zip(kept.rules, self.rules, strict=True):
            rule.take_over(other, rows)
        return kept

    def step(self, totals):
        """Move the parameters.

        Parameters
        ----------
        totals : sequence of float
            Sum of the sample weights of each net's batch.
        """
        self.apply(self.next_numbers(totals))

    def next_numbers(self, totals):
        """Go on to the next step. Returns its ``StepNumbers``."""
        rates = [schedule.rate for schedule in self.schedules]
        for schedule in self.schedules:
            schedule.step_done()
        self.n_steps += 1
        rule = self.rules[0][0]
        return StepNumbers(
            self.penalty.slopes(totals),
            rule.sizes(rates, self.n_steps),
            self.penalty.kept(rates),
            self.penalty.bounds(rates, totals),
        )

    def apply(self, numbers):
        """Move the parameters as the ``StepNumbers`` say."""
        self.penalty.add_gradient(numbers.slopes)
        if self.clip is not None:
            self._clip()
        self.team.share(partial(_update, numbers.sizes), self.rules)
        self.penalty.shrink(numbers.kept, numbers.bounds)

    def _clip(self):
        """Shorten gradients that are too long (Pascanu et al., 2013)."""
        norms = torch.linalg.vector_norm(self.gradients, dim=1, keepdim=True)
        self.gradients *= torch.clip(self.clip / (norms + 1e-12), max=1.0)


def _cut(n_parameters, n_parts):
    """Slices between borders at which vector units start anew: equal bits for all."""
    borders = np.linspace(0, n_parameters, n_parts + 1, dtype=int)
    borders[1:-1] -= borders[1:-1] % _VECTOR
    return list(starmap(slice, pairwise(borders.tolist())))


def _rule(vectors, settings):
    """Function of a slice of the parameters that builds what moves these."""
    if settings[0]["solver"] == "sgd":
        return lambda part: SGD(vectors[:, part], settings)
    slowness = [s["slowness"] for s in settings]
    if all(own is None for own in slowness):
        slowness = None
    else:
        one = torch.ones_like(vectors[0])
        slowness = torch.stack([one if own is None else own for own in slowness])
    averages = {(*_betas(s), s["epsilon"]) for s in settings}

    def build(part):
        own = vectors[:, part], None if slowness is None else slowness[:, part]
        if len(averages) == 1 and vectors.device.type == "cpu":
            return FusedAdam(own[0], *averages.copy().pop(), own[1])
        return Adam(own[0], settings, own[1])

    return build


def _update(sizes, rule, vectors, gradients):
    # Each thread has modes of its own.
    with torch.no_grad(), np.errstate(all="ignore"):
        rule.update(vectors, gradients, sizes)
