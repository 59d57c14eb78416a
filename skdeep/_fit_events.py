"""Epochs of a fit, as scikit-learn's callbacks see them."""

import numpy as np


class FitEvents:
    """Reports epochs to scikit-learn's callbacks.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext or None
        None reports nothing.

    **arguments
        Of the hooks.
    """

    def __init__(self, context=None, **arguments):
        self.context, self.arguments = context, arguments
        self.n_epochs, self.stopped_after = 0, np.inf

    def epoch_begins(self):
        """Open the task of an epoch."""
        self.n_epochs += 1
        if self.context is not None:
            self.epoch = self.context.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(**self.arguments)

    def epoch_ends(self):
        """Close it. Returns whether a callback asks to stop."""
        if self.context is None:
            return False
        stop = self.epoch.call_on_fit_task_end(**self.arguments)
        if stop:
            self.stopped_after = self.n_epochs
        return stop


class FollowingEvents:
    """Stops where others stop, and reports nothing.

    Parameters
    ----------
    leader : FitEvents
    """

    def __init__(self, leader):
        self.leader, self.n_epochs = leader, 0

    def epoch_begins(self):
        """Count the epochs."""
        self.n_epochs += 1

    def epoch_ends(self):
        """Returns whether a callback has stopped the leader by now."""
        return self.n_epochs >= self.leader.stopped_after
