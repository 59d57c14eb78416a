"""Learning rates in the course of training."""

import math


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


def make_schedule(settings, n_steps):
    """Build the schedule that the parameters of an estimator describe.

    Parameters
    ----------
    settings : dict
        Parameters of the estimator.

    n_steps : int or None
        Steps of the whole fit; without a planned end (None), the schedules that need
        one are constant.

    Returns
    -------
    schedule : Schedule
    """
    name, rate = settings["learning_rate"], settings["learning_rate_init"]
    if name == "invscaling":
        return InverseScaling(rate, settings["power_t"])
    if name == "adaptive":
        return Adaptive(rate)
    if name == "constant" or n_steps is None:
        return Schedule(rate)
    return {"cosine": Cosine, "one_cycle": OneCycle}[name](rate, n_steps)
