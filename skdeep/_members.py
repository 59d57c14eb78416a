"""One estimator, one net or several: what they have in common."""

import numpy as np

from skdeep._progress import Curves
from skdeep.modules import Ensemble


def modules_of(module):
    """List of the nets behind ``module_``."""
    return list(module.members) if isinstance(module, Ensemble) else [module]


def count_members(module):
    """Number of nets that answer as one, whether they share weights or not."""
    members = modules_of(module)
    return len(members) * members[0].config.get("n_members", 1)


def join_modules(modules, multilabel):
    """Build ``module_`` of the nets of one estimator."""
    return modules[0] if len(modules) == 1 else Ensemble(modules, multilabel).eval()


def join_curves(curves):
    """Mean of what several nets have to show.

    A net that has stopped stays where it is.

    Parameters
    ----------
    curves : list of Curves

    Returns
    -------
    curves : Curves
    """
    if len(curves) == 1:
        return curves[0]

    def mean(name):
        return float(np.mean([getattr(c, name) for c in curves]))

    def mean_curve(name):
        lists = [getattr(c, name) for c in curves]
        n = max(map(len, lists))
        padded = [values + values[-1:] * (n - len(values)) for values in lists]
        return np.mean(padded, axis=0).tolist()

    return Curves(
        loss=mean_curve("loss"),
        validation_loss=mean_curve("validation_loss"),
        validation_score=mean_curve("validation_score"),
        best_loss=mean("best_loss"),
        best_score=mean("best_score"),
        best_score_loss=mean("best_score_loss"),
        n_without_improvement=min(c.n_without_improvement for c in curves),
        n_seen=max(c.n_seen for c in curves),
    )
