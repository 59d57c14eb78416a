"""What each epoch achieved, when to stop, and the best weights."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from skdeep._batches import Fold, Rows
from skdeep._flat import FlatParameters
from skdeep._losses import loss_function
from skdeep._progress import Curves, Progress, Snapshot, Validation
from skdeep.modules import allocate, build, initialize

LOG_LOSS = loss_function("log_loss", False, 0.0)


def make_module(normalization=None):
    config = {
        "input_shape": (2,),
        "n_outputs": 2,
        "hidden_layer_sizes": (3,),
        "activation": "relu",
        "normalization": normalization,
        "dropout": 0.0,
        "standardize": True,
    }
    module = allocate(build("MLP", config), torch.float64)
    initialize(module, torch.Generator().manual_seed(0), "relu")
    return module


class Judged:
    """Stands for a Validation with given losses and scores."""

    def __init__(self, scores, losses):
        self.results = iter(zip(losses, scores, strict=True))

    def __call__(self, module, per_sample_loss):
        return next(self.results)


def make_progress(
    validation=None, curves=None, tol=0.01, n_iter_no_change=2, **options
):
    module = make_module()
    flat = FlatParameters(module)
    return Progress(
        module,
        flat,
        LOG_LOSS,
        validation,
        Curves() if curves is None else curves,
        tol=tol,
        n_iter_no_change=n_iter_no_change,
        **{"verbose": False, **options},
    )


def stalls(losses, **options):
    """Whether training has stalled after each epoch."""
    progress = make_progress(**options)
    got = []
    for loss in losses:
        progress.record(loss, 10)
        got.append(progress.stalled)
    return got, progress.curves


def test_falling_loss_goes_on():
    got, curves = stalls([1.0, 0.9, 0.8, 0.7, 0.6])
    assert not any(got)
    assert curves.best_loss == 0.6
    assert curves.loss == [1.0, 0.9, 0.8, 0.7, 0.6]
    assert curves.n_seen == 50


def test_more_than_n_iter_no_change_epochs_without_improvement_stop():
    got, _ = stalls([1.0, 1.0, 1.0, 1.0])
    assert got == [False, False, False, True]


def test_improvements_below_tol_do_not_count_and_yet_move_the_mark():
    got, curves = stalls([1.0, 0.995, 0.99, 0.985])
    assert got == [False, False, False, True]
    assert curves.best_loss == 0.985


def test_an_improvement_in_between_counts_anew():
    got, _ = stalls([1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5])
    assert got == [False] * 6 + [True]


def test_infinite_patience():
    got, _ = stalls([1.0] * 50, n_iter_no_change=np.inf)
    assert not any(got)


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_loss_that_is_not_finite_raises_with_advice(loss):
    progress = make_progress()
    progress.record(1.0, 10)
    with pytest.raises(ValueError, match=rf"must stay finite\. Got {loss} in epoch 2"):
        progress.record(loss, 10)
    with pytest.raises(ValueError, match=r"learning_rate_init.*gradient_clip.*scale X"):
        progress.record(loss, 10)


def test_score_that_is_not_finite_raises_with_advice():
    progress = make_progress(Judged([np.nan], [1.0]))
    with pytest.raises(
        ValueError, match=r"validation score.*scoring.*validation_fract"
    ):
        progress.record(1.0, 10)


def test_verbose_prints_each_epoch(capsys):
    progress = make_progress(verbose=True)
    progress.record(0.5, 10)
    progress.record(0.25, 10)
    expected = "Iteration 1, loss = 0.50000000\nIteration 2, loss = 0.25000000\n"
    assert capsys.readouterr().out == expected


def test_verbose_prints_the_validation_score(capsys):
    make_progress(Judged([0.75], [0.5]), verbose=True).record(1.0, 10)
    out = capsys.readouterr().out
    assert out.endswith("Validation score: 0.750000, loss = 0.50000000\n")


def test_silence_by_default(capsys):
    make_progress(Judged([0.75], [0.5])).record(1.0, 10)
    assert capsys.readouterr().out == ""


def best_epoch(scores, losses, tol=0.01, n_iter_no_change=2):
    """Number of the epoch gone back to, and whether each epoch stalled."""
    progress = make_progress(Judged(scores, losses), None, tol, n_iter_no_change)
    stalled = []
    for epoch in range(len(scores)):
        progress.flat.vector.fill_(float(epoch))
        progress.record(9.0 - epoch, 10)
        stalled.append(progress.stalled)
    progress.flat.vector.fill_(-1.0)
    progress.restore_best()
    return int(progress.flat.vector[0]), stalled, progress.curves


def test_best_score_decides():
    best, stalled, curves = best_epoch([0.5, 0.8, 0.6, 0.7, 0.6], [1, 1, 1, 1, 1])
    assert best == 1
    assert stalled == [False, False, False, False, True]
    assert curves.best_score == 0.8
    assert curves.validation_score == [0.5, 0.8, 0.6, 0.7, 0.6]
    assert curves.validation_loss == [1, 1, 1, 1, 1]


def test_training_loss_is_not_watched_beside_a_score():
    _, stalled, _ = best_epoch([0.5] * 4, [1.0] * 4)
    assert stalled == [False, False, False, True]


def test_of_equal_scores_the_lower_loss_decides():
    best, _, _ = best_epoch([0.8, 0.8, 0.8], [1.0, 0.5, 0.7])
    assert best == 1


def test_a_lower_loss_does_not_make_up_for_a_worse_score():
    best, _, _ = best_epoch([0.8, 0.5], [1.0, 0.1])
    assert best == 0


def test_a_falling_loss_keeps_equal_scores_going():
    losses = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]
    _, stalled, _ = best_epoch([0.8] * 6, losses)
    assert not any(stalled)


def test_a_loss_that_falls_by_less_than_tol_does_not():
    losses = [1.0, 0.999, 0.998, 0.997]
    best, stalled, _ = best_epoch([0.8] * 4, losses)
    assert stalled[-1]
    assert best == 3


def test_first_epoch_counts_whatever_its_score():
    best, _, curves = best_epoch([-1e9], [1e9])
    assert best == 0
    assert curves.best_score == -1e9


def test_without_validation_nothing_is_restored():
    progress = make_progress()
    progress.record(1.0, 10)
    progress.flat.vector.fill_(7.0)
    progress.restore_best()
    assert (progress.flat.vector == 7.0).all()


def test_curves_go_on():
    curves = Curves(loss=[2.0], best_loss=0.5, n_seen=30, n_without_improvement=2)
    progress = make_progress(curves=curves)
    progress.record(1.0, 10)
    assert curves.loss == [2.0, 1.0]
    assert curves.n_seen == 40
    assert curves.best_loss == 0.5
    assert progress.stalled
    assert progress.n_epochs == 1


def test_snapshot_holds_parameters_and_buffers():
    module = make_module("batch")
    module.standardizer.update(torch.randn(5, 2), torch.ones(5))
    flat = FlatParameters(module)
    snapshot = Snapshot(module, flat)
    before = {name: t.clone() for name, t in module.state_dict().items()}
    for tensor in module.state_dict().values():
        tensor.add_(1)
    snapshot.restore()
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert module.output.weight.data_ptr() >= flat.vector.data_ptr()
    flat.vector.fill_(3.0)
    assert (module.output.weight == 3.0).all()


X = np.random.default_rng(0).standard_normal((8, 2))
CODES = np.array([0, 1] * 4)
TARGET = torch.eye(2)[CODES]


def make_validation(weight=None, score=lambda module, logits, loss: -loss):
    rows = Rows(X, Fold((2,)), torch.float64, torch.device("cpu"))
    return Validation(rows, CODES, TARGET, weight, score)


@pytest.mark.parametrize("weight", [None, np.arange(1.0, 9.0)])
def test_validation_loss_is_weighted(weight):
    module = make_module()
    loss, score = make_validation(weight)(module, LOG_LOSS)
    with torch.no_grad():
        p = module(torch.from_numpy(X)).softmax(1).numpy()
    expected = np.average(-np.log(p[np.arange(8), CODES]), weights=weight)
    assert loss == pytest.approx(expected)
    assert score == -loss


def test_validation_judges_in_eval_mode_and_goes_back_to_training():
    module = make_module("batch").train()
    modes = []

    def score(judged, logits, loss):
        modes.append(judged.training)
        assert_allclose(logits, judged(torch.from_numpy(X)).detach())
        return 0.0

    statistics = module.hidden[1].running_mean.clone()
    make_validation(score=score)(module, LOG_LOSS)
    assert modes == [False]
    assert module.training
    assert torch.equal(module.hidden[1].running_mean, statistics)
