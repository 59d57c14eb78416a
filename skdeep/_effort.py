"""How to train on a table: as trials on most of its rows suggest."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.utils import check_random_state

from skdeep import _fitting as fitting
from skdeep import _meeting as meeting
from skdeep._batches import Rows
from skdeep._fit_events import FitEvents
from skdeep._inference import forward, most_probable
from skdeep._losses import loss_function, target_rows
from skdeep._relevance import relevance
from skdeep._split import split_validation

# Fewer rows have too little to say about it.
_FEWEST_ROWS = 500
_HELD_OUT = 0.2
# Share of the epochs that a trial gets. More say little more.
_TRIAL = 0.5
# Of the logarithm of the temperature.
_BOUNDS = (-1.0, 2.5)


class Effort(NamedTuple):
    """What "auto" stands for, mostly as factors.

    Attributes
    ----------
    epochs, decay, dropout : float
        Of the number of epochs, the weight decay and the dropout.

    input_dropout : float
        Itself.

    handicap : float
        Share of the rows by which its net has to be better than the others in a trial,
        if that is too short to show what it does in the end.

    heat : float
        Of the temperature (Guo et al., 2017), from a trial to a whole training, in
        which logits grow further. Fitted on the tables that the defaults were chosen
        on.
    """

    epochs: float = 1.0
    decay: float = 1.0
    dropout: float = 1.0
    input_dropout: float = 0.0
    handicap: float = 0.0
    heat: float = 1.2


# Noisy labels want more noise in the net, clean ones longer training with less.
EFFORTS = (
    Effort(dropout=1.5, input_dropout=0.1),
    Effort(),
    Effort(epochs=2.0, decay=1 / 3, dropout=0.5, handicap=0.002, heat=1.6),
)


class Findings(NamedTuple):
    """What trials have found.

    Attributes
    ----------
    effort : Effort
        The one whose net is right most often, handicaps aside; the first of equals.

    temperature : float
        What the logits of a whole training with it should be divided by.

    relevance : Tensor of shape (n_features,) or None
        How much each feature has moved the logits; None is all alike.
    """

    effort: Effort = Effort()
    temperature: float = 1.0
    relevance: torch.Tensor | None = None


def try_efforts(estimator, data):
    """Train a net with each effort on most of the rows, and try them on the others.

    Parameters
    ----------
    estimator : BaseDeepClassifier
        Whose copies have ``Findings`` as ``_found``.

    data : Data

    Returns
    -------
    found : Findings
    """
    if len(data.index) < _FEWEST_ROWS:
        return Findings()
    seed = int(check_random_state(estimator.random_state).randint(2**31 - 1))
    try:
        train, held_out = _split(data, seed)
    except ValueError:
        # Where all rows of each class are alike, there is nothing to hold out.
        return Findings()
    settings = estimator.get_params(deep=False)
    settings.update(random_state=seed, n_members=1, callbacks=None, verbose=False)
    trainings = []
    for effort in EFFORTS:
        trial = type(estimator)(**settings)
        trial._found = Findings(effort._replace(epochs=_TRIAL))
        trainings += fitting.prepare(
            trial,
            data._replace(index=train),
            lambda snapshot: FitEvents(),
            going_on=False,
            incremental=False,
        )
    meeting.run(trainings)
    judge, modules = _Judge(data, held_out), [t.net.module_ for t in trainings]
    logits = [judge.logits(module) for module in modules]
    scores = [
        judge.accuracy(said) - effort.handicap
        for effort, said in zip(EFFORTS, logits, strict=True)
    ]
    best = int(np.argmax(scores))
    return Findings(
        EFFORTS[best],
        EFFORTS[best].heat * judge.temperature(logits[best]),
        relevance(
            modules,
            Rows(data.X, data.fold, data.dtype, data.device, train),
            None if data.weight is None else data.weight[train],
            data.targets.multilabel,
            check_random_state(seed),
        ),
    )


def cool(module, temperature):
    """Divide the logits of an ``MLP`` by this, in place."""
    with torch.no_grad():
        for parameter in module.output.parameters():
            parameter.div_(temperature)


def _split(data, seed):
    """Positions to train on and to judge by; a class's only row is trained on."""
    codes, index = data.targets.codes, data.index
    alone = np.zeros(len(index), dtype=bool)
    if codes.ndim == 1:
        alone = np.bincount(codes[index])[codes[index]] == 1
    train, held_out = split_validation(
        data.X, codes, data.weight, _HELD_OUT, seed, index[~alone]
    )
    return np.sort(np.concatenate([train, index[alone]])), held_out


class _Judge:
    """Compares logits with the truth.

    Parameters
    ----------
    data : Data

    index : ndarray of int
        Positions of the rows to judge by.
    """

    def __init__(self, data, index):
        targets = data.targets
        self.rows = Rows(data.X, data.fold, data.dtype, data.device, index)
        self.codes, self.multilabel = targets.codes[index], targets.multilabel
        # As if one more row were of any class: no net is right for ever.
        doubt, n_classes = 1.0 / (len(index) + 1), len(targets.classes)
        self.target = target_rows(targets.codes, n_classes, doubt, torch.float64)(index)
        self.weight = None if data.weight is None else data.weight[index]
        self.losses = loss_function("log_loss", self.multilabel, None)

    def logits(self, module):
        """Logits of the rows; ndarray of shape (n_samples, n_classes)."""
        return forward(module, self.rows)

    def accuracy(self, logits):
        """Weighted share of the rows, or of all their labels, that are right."""
        right = most_probable(logits, self.multilabel) == self.codes
        return np.average(right.reshape(len(right), -1).mean(1), weights=self.weight)

    def temperature(self, logits):
        """What the logits have to be divided by to be calibrated."""

        def loss(log):
            scaled = torch.from_numpy(logits / np.exp(log))
            return np.average(self.losses(scaled, self.target), weights=self.weight)

        return float(np.exp(minimize_scalar(loss, bounds=_BOUNDS, method="bounded").x))
