"""Solvers, learning-rate schedules and penalties, on one flat vector of parameters.

A fused step on one vector costs a handful of operations whatever the number of layers,
and needs no ``torch.optim``, whose first use in a process imports the compiler.
"""

import math

import numpy as np
import torch
from scipy.optimize import minimize


class FlatParameters:
    """All parameters of a module as one vector, weights before biases and norms.

    The parameters of the module become views of the vector, and so do their gradients.

    Parameters
    ----------
    module : nn.Module

    Attributes
    ----------
    vector, gradient : Tensor of shape (n_parameters,)

    n_penalized : int
        The first so many entries are weights, which penalties act on.
    """

    def __init__(self, module):
        parameters = sorted(module.parameters(), key=lambda p: p.ndim < 2)
        self.parameters = parameters
        self.n_penalized = sum(p.numel() for p in parameters if p.ndim >= 2)
        self.vector = torch.cat([p.detach().reshape(-1) for p in parameters])
        self.gradient = torch.zeros_like(self.vector)
        start = 0
        for p in parameters:
            stop = start + p.numel()
            p.data = self.vector[start:stop].view_as(p)
            p.grad = self.gradient[start:stop].view_as(p)
            start = stop

    def release_gradients(self):
        """Forget the gradients, so that the module holds its weights only."""
        for p in self.parameters:
            p.grad = None


class Penalty:
    """Elastic net: ``alpha * (l1_ratio * |w|_1 + (1 - l1_ratio) / 2 * |w|^2)``.

    It acts on the weights and, as in scikit-learn's MLPClassifier, is divided by the
    sum of the sample weights of the batch.

    Parameters
    ----------
    flat : FlatParameters

    alpha, l1_ratio : float

    decoupled : bool
        Whether the quadratic part is weight decay outside of the gradient.
    """

    def __init__(self, flat, alpha, l1_ratio, decoupled=False):
        self.l1 = alpha * l1_ratio
        l2 = alpha * (1.0 - l1_ratio)
        self.l2, self.decay = (0.0, l2) if decoupled else (l2, 0.0)
        self.weights = flat.vector[: flat.n_penalized]
        self.gradient = flat.gradient[: flat.n_penalized]

    def value(self, total):
        """Penalty at the present weights, as a Python float."""
        if not (self.l1 or self.l2):
            return 0.0
        w = self.weights
        return float(self.l1 * w.abs().sum() + self.l2 / 2 * w.dot(w)) / total

    def add_gradient(self, total):
        """Add the gradient of the smooth part."""
        if self.l2:
            self.gradient.add_(self.weights, alpha=self.l2 / total)

    def shrink(self, rate, total):
        """Apply what isn't part of the gradient: weight decay, then the L1 part.

        The proximal step of L1 (Parikh and Boyd, 2014) leaves exact zeros.
        """
        if self.decay:
            self.weights.mul_(1.0 - rate * self.decay)
        if self.l1:
            threshold = rate * self.l1 / total
            self.weights.copy_(torch.nn.functional.softshrink(self.weights, threshold))


class SGD:
    """Stochastic gradient descent with (Nesterov) momentum, as scikit-learn has it.

    Parameters
    ----------
    vector : Tensor

    momentum : float

    nesterovs_momentum : bool
    """

    def __init__(self, vector, momentum, nesterovs_momentum):
        self.momentum, self.nesterov = momentum, nesterovs_momentum
        self.velocity = torch.zeros_like(vector)

    def update(self, vector, gradient, rate):
        self.velocity.mul_(self.momentum).sub_(gradient, alpha=rate)
        vector.add_(self.velocity, alpha=self.momentum if self.nesterov else 1.0)
        if self.nesterov:
            vector.sub_(gradient, alpha=rate)


class Adam:
    """Adam (Kingma and Ba, 2015); without `beta_1`, bias-corrected RMSProp.

    Parameters
    ----------
    vector : Tensor

    beta_1, beta_2, epsilon : float
    """

    def __init__(self, vector, beta_1, beta_2, epsilon):
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.mean = torch.zeros_like(vector) if beta_1 else None
        self.square = torch.zeros_like(vector)
        self.n_steps = 0

    def update(self, vector, gradient, rate):
        self.n_steps += 1
        correction = math.sqrt(1.0 - self.beta_2**self.n_steps)
        self.square.mul_(self.beta_2)
        self.square.addcmul_(gradient, gradient, value=1.0 - self.beta_2)
        scale = self.square.sqrt().add_(self.epsilon)
        if self.mean is not None:
            gradient = self.mean.lerp_(gradient, 1.0 - self.beta_1)
            correction /= 1.0 - self.beta_1**self.n_steps
        vector.addcdiv_(gradient, scale, value=-rate * correction)


class Schedule:
    """Constant learning rate, and the events that other schedules react to.

    Parameters
    ----------
    rate : float
        Initial, or for "one_cycle" highest, learning rate.
    """

    planned_end = False

    def __init__(self, rate):
        self.rate = rate

    def step_done(self):
        """After each batch."""

    def epoch_done(self, n_seen):
        """After each epoch; `n_seen` samples in all so far."""

    def plateau(self):
        """When the loss has stopped to improve. Returns whether to stop."""
        return True


class InverseScaling(Schedule):
    """Divide by a power of the number of samples seen."""

    def __init__(self, rate, power_t):
        super().__init__(rate)
        self.initial, self.power_t = rate, power_t

    def epoch_done(self, n_seen):
        self.rate = self.initial / (n_seen + 1) ** self.power_t


class Adaptive(Schedule):
    """Divide by five at each plateau, until 1e-6."""

    def plateau(self):
        if self.rate <= 1e-6:
            return True
        self.rate /= 5.0
        return False


class Cosine(Schedule):
    """Half a cosine from the rate down to zero (Loshchilov and Hutter, 2017).

    Parameters
    ----------
    rate : float

    n_steps : int
        Steps of the whole fit.
    """

    planned_end = True

    def __init__(self, rate, n_steps):
        super().__init__(rate)
        self.highest, self.n_steps, self.n_done = rate, n_steps, 0

    def step_done(self):
        self.n_done += 1
        self.rate = self.highest * _half_cosine(self.n_done / self.n_steps)


class OneCycle(Cosine):
    """Warm up for 30 % of the steps, then anneal (Smith and Topin, 2018)."""

    warm_up = 0.3

    def __init__(self, rate, n_steps):
        super().__init__(rate, n_steps)
        self.rate = self._at(0.0)

    def step_done(self):
        self.n_done += 1
        self.rate = self._at(self.n_done / self.n_steps)

    def _at(self, progress):
        if progress < self.warm_up:
            rise = 1.0 - _half_cosine(progress / self.warm_up)
            return self.highest * (0.04 + 0.96 * rise)
        return self.highest * _half_cosine(
            (progress - self.warm_up) / (1.0 - self.warm_up)
        )


def _half_cosine(progress):
    return 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))


class Solver:
    """One step: penalty, clipping, update, proximal step, schedule.

    Parameters
    ----------
    flat : FlatParameters

    rule : SGD or Adam

    penalty : Penalty

    schedule : Schedule

    gradient_clip : float or None
        Largest norm of the gradient (Pascanu et al., 2013).
    """

    def __init__(self, flat, rule, penalty, schedule, gradient_clip):
        self.flat, self.rule, self.penalty = flat, rule, penalty
        self.schedule, self.gradient_clip = schedule, gradient_clip

    @property
    def learning_rate(self):
        """Rate of the next step."""
        return self.schedule.rate

    def step(self, total):
        """Move the parameters.

        Parameters
        ----------
        total : float
            Sum of the sample weights of the batch.
        """
        vector, gradient = self.flat.vector, self.flat.gradient
        self.penalty.add_gradient(total)
        if self.gradient_clip is not None:
            norm = torch.linalg.vector_norm(gradient)
            gradient.mul_((self.gradient_clip / (norm + 1e-12)).clamp_max(1.0))
        self.rule.update(vector, gradient, self.schedule.rate)
        self.penalty.shrink(self.schedule.rate, total)
        self.schedule.step_done()


def make_solver(flat, settings, n_steps):
    """Build the solver that the parameters of an estimator describe.

    Parameters
    ----------
    flat : FlatParameters

    settings : dict
        Parameters of the estimator.

    n_steps : int or None
        Steps of the whole fit; without a planned end (None), the schedules that need
        one are constant.

    Returns
    -------
    solver : Solver
    """
    return Solver(
        flat,
        _make_rule(flat.vector, settings),
        Penalty(
            flat,
            settings["alpha"],
            settings["l1_ratio"],
            decoupled=settings["solver"] == "adamw",
        ),
        _make_schedule(settings, n_steps),
        settings["gradient_clip"],
    )


def _make_rule(vector, settings):
    solver = settings["solver"]
    if solver == "lbfgs":
        return None
    if solver == "sgd":
        return SGD(vector, settings["momentum"], settings["nesterovs_momentum"])
    beta_1 = 0.0 if solver == "rmsprop" else settings["beta_1"]
    return Adam(vector, beta_1, settings["beta_2"], settings["epsilon"])


def _make_schedule(settings, n_steps):
    name, rate = settings["learning_rate"], settings["learning_rate_init"]
    if name == "invscaling":
        return InverseScaling(rate, settings["power_t"])
    if name == "adaptive":
        return Adaptive(rate)
    if name == "constant" or n_steps is None:
        return Schedule(rate)
    return {"cosine": Cosine, "one_cycle": OneCycle}[name](rate, n_steps)


def minimize_lbfgs(flat, penalty, loss, total, *, max_iter, max_fun, tol, callback):
    """Minimise the full-batch objective by L-BFGS-B (Byrd et al., 1995).

    With an L1 part each weight is the difference of two non-negative variables, which
    makes the problem smooth and leaves exact zeros (Tibshirani, 1996).

    Parameters
    ----------
    flat : FlatParameters

    penalty : Penalty

    loss : callable
        Returns the loss at ``flat.vector`` and leaves the gradient in
        ``flat.gradient``.

    total : float
        Sum of the sample weights.

    max_iter, max_fun : int
        Limits on iterations and on evaluations.

    tol : float
        Largest entry of the projected gradient at the solution.

    callback : callable
        Gets the objective after each iteration, with the iterate in
        ``flat.vector``; returns whether to stop.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
    """
    n = flat.n_penalized if penalty.l1 else 0
    l1 = penalty.l1 / total

    def place(z):
        w = np.concatenate([z[:n] - z[n : 2 * n], z[2 * n :]])
        flat.vector.copy_(torch.from_numpy(w))

    def objective(z):
        place(z)
        value = float(loss()) + penalty.value(total)
        penalty.add_gradient(total)
        g = flat.gradient.double().cpu().numpy()
        return value, np.concatenate([g[:n] + l1, l1 - g[:n], g[n:]])

    def after_iteration(intermediate_result):
        place(intermediate_result.x)
        if callback(float(intermediate_result.fun)):
            raise StopIteration

    w = flat.vector.double().cpu().numpy()
    start = np.concatenate([w[:n].clip(0), (-w[:n]).clip(0), w[n:]])
    bounds = [(0, None)] * (2 * n) + [(None, None)] * (len(w) - n) if n else None
    result = minimize(
        objective,
        start,
        method="L-BFGS-B",
        jac=True,
        bounds=bounds,
        callback=after_iteration,
        options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
    )
    place(result.x)
    return result
