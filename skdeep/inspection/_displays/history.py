"""How training went."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeep._members import count_members
from skdeep.inspection._displays.colours import BLUE, GREY, RED
from skdeep.inspection._displays.panels import SMALL, Panels, few_ticks, tidy
from skdeep.inspection._subject import take_apart


class LearningHistoryDisplay:
    """Loss of each epoch and, with early stopping, how the held-out data was judged.

    Parameters
    ----------
    loss : list of float
        Training loss of each epoch.

    validation_loss, validation_score : list of float, default=None
        Of each epoch, with early stopping.

    best_epoch : int, default=None
        Epoch whose weights were kept, counted from 1.

    score_name : str, default="validation score"
        Label of the scores.

    n_members : int, default=1
        Number of nets whose mean the curves are.

    Attributes
    ----------
    axes_ : ndarray of Axes of shape (1,) or (2,)
        Losses and, if there are any, scores.

    figure_ : Figure
    """

    def __init__(
        self,
        loss,
        *,
        validation_loss=None,
        validation_score=None,
        best_epoch=None,
        score_name="validation score",
        n_members=1,
    ):
        self.loss = loss
        self.validation_loss = validation_loss
        self.validation_score = validation_score
        self.best_epoch = best_epoch
        self.score_name = score_name
        self.n_members = n_members

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the curves of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A net, or a Pipeline that ends in one.

        ax : Axes or array-like of Axes, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : LearningHistoryDisplay
        """
        _, estimator = take_apart(estimator)
        check_is_fitted(estimator)
        losses, scores = estimator.validation_loss_curve_, estimator.validation_scores_
        told = isinstance(estimator.scoring, str) and estimator.scoring == "loss"
        display = cls(
            estimator.loss_curve_,
            validation_loss=losses,
            # A score that is the loss is drawn once.
            validation_score=None if told else scores,
            best_epoch=_best_epoch(scores, losses, estimator.tol) if scores else None,
            score_name=_score_name(estimator.scoring),
            n_members=count_members(estimator.module_),
        )
        return display.plot(ax=ax)

    def plot(self, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            One for the losses, or two for losses and scores; None makes a figure.

        Returns
        -------
        self : LearningHistoryDisplay
        """
        n_panels = 1 if self.validation_score is None else 2
        if ax is not None:
            # The losses alone are worth drawing too.
            n_panels = min(n_panels, np.size(ax))
        panels = Panels(ax, n_panels, (5.2, 3.4), 2)
        self._draw(panels.axes[0], "training", BLUE, "-", self.loss)
        panels.axes[0].set(title="Loss", ylabel=f"loss{self._of_members()}")
        if self.validation_loss is not None:
            held_out = ("validation", RED, "--", self.validation_loss)
            self._draw(panels.axes[0], *held_out)
        if n_panels == 2:
            held_out = ("validation", RED, "--", self.validation_score)
            self._draw(panels.axes[1], *held_out)
            label = f"{self.score_name}{self._of_members()}"
            panels.axes[1].set(title="Score", ylabel=label)
        for panel in panels.axes:
            if self.best_epoch is not None:
                label = f"best epoch: {self.best_epoch}"
                style = {"color": GREY, "linestyle": ":", "zorder": 0}
                panel.axvline(self.best_epoch, label=label, **style)
            panel.set_xlabel("epoch")
            panel.xaxis.set_major_locator(few_ticks(integer=True))
            tidy(panel)
            panel.legend(frameon=False, fontsize=SMALL)
        self.axes_, self.figure_ = panels.axes, panels.figure
        return self

    def _draw(self, ax, label, colour, style, numbers):
        epochs = range(1, len(numbers) + 1)
        marker = "o" if len(numbers) == 1 else None
        ax.plot(epochs, numbers, style, color=colour, label=label, marker=marker)

    def _of_members(self):
        return "" if self.n_members == 1 else f", mean of {self.n_members} nets"


def _best_epoch(scores, losses, tol):
    """Where scores tie, the loss decides, as in training."""
    scores, losses = np.array(scores), np.array(losses)
    tied = scores >= scores.max() - tol
    return int(np.where(tied, losses, np.inf).argmin()) + 1


def _score_name(scoring):
    if scoring is None:
        return "validation accuracy"
    name = scoring if isinstance(scoring, str) else "score"
    return f"validation {name}".replace("_", " ")
