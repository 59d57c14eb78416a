"""What each epoch achieved, when to stop, and the best weights."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from skdeep._inference import forward
from skdeep._losses import weighted_mean


@dataclass
class Curves:
    """What training has to show so far; a warm start goes on with it."""

    loss: list = field(default_factory=list)
    validation_loss: list = field(default_factory=list)
    validation_score: list = field(default_factory=list)
    best_loss: float = np.inf
    best_score: float = -np.inf
    best_score_loss: float = np.inf
    n_without_improvement: int = 0
    n_seen: int = 0


class Outcome(NamedTuple):
    """How training ended.

    Attributes
    ----------
    n_iter : int
        Epochs, or iterations of lbfgs.

    complete : bool
        Whether it converged, was asked to stop, or came to its planned end.

    message : str
        Why not, if it isn't complete.
    """

    n_iter: int
    complete: bool
    message: str


class Validation:
    """Held-out data and how to judge a net on it.

    Parameters
    ----------
    rows : Rows

    codes : ndarray
        Targets.

    target : Tensor of shape (n_samples, n_classes)
        Target probabilities.

    weight : ndarray of shape (n_samples,) or None
        Weights in the loss.

    score : callable
        Module, logits and loss to the number that early stopping watches; higher is
        better.
    """

    def __init__(self, rows, codes, target, weight, score):
        self.rows, self.codes, self.score = rows, codes, score
        self.target = target.double()
        self.weight = None if weight is None else torch.from_numpy(weight)
        self.total = len(rows) if weight is None else float(weight.sum())

    def __call__(self, module, per_sample_loss):
        """Loss and score of `module`, a pair of floats."""
        module.eval()
        logits = forward(module, self.rows)
        losses = per_sample_loss(torch.from_numpy(logits), self.target)
        loss = float(weighted_mean(losses, self.weight, self.total))
        score = float(self.score(module, logits, loss))
        module.train()
        return loss, score


class Snapshot:
    """Copy of all parameters and buffers, to go back to.

    Parameters
    ----------
    module : nn.Module

    flat : FlatParameters
        Of that module.
    """

    def __init__(self, module, flat):
        self.module, self.flat = module, flat
        self.take()

    def take(self):
        """Remember the present state instead."""
        self.vector = self.flat.vector.clone()
        self.buffers = [buffer.clone() for buffer in self.module.buffers()]

    @torch.no_grad()
    def restore(self):
        """Go back."""
        self.flat.vector.copy_(self.vector)
        for buffer, saved in zip(self.module.buffers(), self.buffers, strict=True):
            buffer.copy_(saved)


class Progress:
    """Records epochs and tells when no more improvement is to be had.

    Parameters
    ----------
    module : Net

    flat : FlatParameters

    per_sample_loss : callable

    validation : Validation or None
        If given, its score is watched and the best epoch's weights are kept;
        otherwise the training loss is watched.

    curves : Curves
        Extended in place.

    tol, n_iter_no_change, verbose
        As in the estimators.
    """

    def __init__(
        self,
        module,
        flat,
        per_sample_loss,
        validation,
        curves,
        *,
        tol,
        n_iter_no_change,
        verbose,
    ):
        self.module, self.flat, self.per_sample_loss = module, flat, per_sample_loss
        self.validation, self.curves = validation, curves
        self.tol, self.n_iter_no_change, self.verbose = tol, n_iter_no_change, verbose
        self.n_epochs = 0
        self.best = Snapshot(module, flat) if validation is not None else None

    @property
    def stalled(self):
        """Whether the last `n_iter_no_change` epochs brought less than `tol` each."""
        return self.curves.n_without_improvement > self.n_iter_no_change

    def record(self, loss, n_seen):
        """Take in an epoch.

        Parameters
        ----------
        loss : float
            Training loss.

        n_seen : int
            Samples trained on.

        Raises
        ------
        ValueError
            If the loss isn't finite.
        """
        self.n_epochs += 1
        curves = self.curves
        curves.n_seen += n_seen
        if not np.isfinite(loss):
            raise ValueError(
                f"The training loss must stay finite. Got {loss} in epoch "
                f"{self.n_epochs}. Lower `learning_rate_init`, set `gradient_clip` "
                "(for example 1.0), scale X or use standardize=True."
            )
        curves.loss.append(loss)
        if self.verbose:
            print(f"Iteration {self.n_epochs}, loss = {loss:.8f}")
        if self.validation is None:
            self._watch_loss(loss)
        else:
            self._watch_score()

    def _watch_loss(self, loss):
        curves = self.curves
        curves.n_without_improvement += 1
        if loss <= curves.best_loss - self.tol:
            curves.n_without_improvement = 0
        curves.best_loss = min(loss, curves.best_loss)

    def _watch_score(self):
        curves, tol = self.curves, self.tol
        loss, score = self.validation(self.module, self.per_sample_loss)
        if not np.isfinite(score):
            raise ValueError(
                f"The validation score must stay finite. Got {score} in epoch "
                f"{self.n_epochs}. Choose another `scoring`, or raise "
                "`validation_fraction` so that every class is well represented."
            )
        if self.verbose:
            print(f"Validation score: {score:f}, loss = {loss:.8f}")
        # Accuracy moves in steps: where the score says nothing, the loss decides.
        higher = score > curves.best_score + tol
        tied = not higher and score >= curves.best_score - tol
        improves = score >= curves.best_score + tol or (
            tied and loss <= curves.best_score_loss - tol
        )
        curves.n_without_improvement += 1
        if improves:
            curves.n_without_improvement = 0
        if higher or (tied and loss < curves.best_score_loss):
            self.best.take()
            curves.best_score_loss = loss
        curves.best_score = max(score, curves.best_score)
        curves.validation_loss.append(loss)
        curves.validation_score.append(score)

    def outcome(self, schedule, *, asked_to_stop, max_iter):
        """Tell the schedule of an epoch's end and whether training goes on.

        Parameters
        ----------
        schedule : Schedule

        asked_to_stop : bool
            By a callback.

        max_iter : int

        Returns
        -------
        outcome : Outcome or None
            None if training goes on.
        """
        complete = asked_to_stop
        if not complete:
            schedule.epoch_done(self.curves.n_seen)
            # A training loss that rests at a high rate says nothing of a plan's end.
            on_plan = schedule.planned_end and self.validation is None
            if self.stalled and not on_plan:
                complete = schedule.plateau()
                if not complete:
                    self.curves.n_without_improvement = 0
        if not complete and self.n_epochs < max_iter:
            return None
        return Outcome(
            self.n_epochs,
            complete or schedule.planned_end,
            f"Stochastic Optimizer: Maximum iterations ({max_iter}) reached and the "
            "optimization hasn't converged yet.",
        )

    def restore_best(self):
        """Go back to the epoch with the best validation score."""
        if self.best is not None:
            self.best.restore()
