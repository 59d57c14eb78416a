"""How training went, as a picture."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from pictures import check_legible, texts
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_nets import X, Y, fitted, mlp

from skdeep.inspection._displays.history import LearningHistoryDisplay

draw = LearningHistoryDisplay.from_estimator


def test_without_early_stopping():
    net = fitted("mlp")
    display = draw(net)
    (ax,) = display.axes_
    (line,) = ax.lines
    assert line.get_ydata().tolist() == net.loss_curve_
    assert line.get_xdata().tolist() == [1, 2, 3, 4]
    check_legible(display.figure_)


@pytest.mark.parametrize("n_members", [1, 2])
def test_best_epoch_is_marked(n_members):
    net = fitted("mlp", early_stopping=True, max_iter=6, n_members=n_members)
    display = draw(net)
    losses, scores = display.axes_
    assert losses.lines[1].get_ydata().tolist() == net.validation_loss_curve_
    assert scores.lines[0].get_ydata().tolist() == net.validation_scores_
    best = display.best_epoch
    assert net.validation_scores_[best - 1] == max(net.validation_scores_)
    assert scores.lines[1].get_xdata() == [best, best]
    written = [text.get_text() for text in texts(display.figure_)]
    assert f"best epoch: {best}" in written
    members = "" if n_members == 1 else ", mean of 2 nets"
    assert scores.get_ylabel() == f"validation accuracy{members}"
    check_legible(display.figure_)


def test_loss_decides_between_equal_scores():
    net = fitted("mlp", early_stopping=True, max_iter=3)
    net.validation_scores_ = [0.5, 0.9, 0.9, 0.9]
    net.validation_loss_curve_ = [0.1, 0.4, 0.2, 0.3]
    assert draw(net).best_epoch == 3


def test_score_has_a_name():
    net = fitted("mlp", early_stopping=True, max_iter=2, scoring="neg_brier_score")
    assert draw(net).axes_[1].get_ylabel() == "validation neg brier score"


def test_loss_is_drawn_once():
    net = fitted("mlp", early_stopping=True, max_iter=3, scoring="loss")
    display = draw(net)
    (ax,) = display.axes_
    best = int(np.argmin(net.validation_loss_curve_)) + 1
    assert ax.lines[-1].get_xdata() == [best, best]


def test_pipelines_and_axes():
    pipeline = make_pipeline(StandardScaler(), mlp(early_stopping=True)).fit(X, Y)
    _, ax = plt.subplots()
    assert draw(pipeline, ax=ax).axes_.tolist() == [ax]
    _, pair = plt.subplots(1, 2)
    assert draw(pipeline, ax=pair).axes_.tolist() == pair.tolist()


def test_wants_a_fitted_net():
    with pytest.raises(NotFittedError):
        draw(mlp())
