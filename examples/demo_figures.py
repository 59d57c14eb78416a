"""The figures of ``demo.py``: six panels for each net, and an overview of all."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay

from skdeep.inspection import (
    ImportanceDisplay,
    LearningHistoryDisplay,
    SaliencyDisplay,
)

# The ends of the colour map "RdBu_r", which colour-blind readers tell apart.
RED, BLUE, GREY = "#B2182B", "#2166AC", "#666666"
STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.titlesize": 13,
    "savefig.dpi": 130,
}
N_BARS = 8


def save_task(task, file):
    """Six panels: how the net learned, what it can do, and why."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(2, 3, figsize=(15, 8.5), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
        figure.suptitle(f"{type(task.net).__name__}: {task.about}")
        for draw, ax in zip(PANELS, axes.flat, strict=True):
            draw(task, ax)
        figure.savefig(file)
        plt.close(figure)


def save_overview(tasks, file):
    """How good each net is, and why it says what it says."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(2, 3, figsize=(15, 8.5), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
        for task, column in zip(tasks, axes.T, strict=True):
            draw_confusion(task, column[0])
            scores = f"balanced accuracy {task.results['balanced accuracy']:.3f}"
            title = f"{type(task.net).__name__}: {scores}\n{task.about}"
            column[0].set_title(title)
            draw_shap(task, column[1])
        figure.savefig(file)
        plt.close(figure)


def winner(task):
    return task.results["search"].best_estimator_["net"]


def draw_loss(task, ax):
    LearningHistoryDisplay.from_estimator(winner(task), ax=ax)
    ax.set_title("Loss of the winner")


def draw_search(task, ax):
    """A dot for each candidate: samplers by place, the net's parameter by colour."""
    (parameter,) = task.grid
    candidates = task.results["search"].cv_results_
    samplers = np.array([str(s).split("(")[0] for s in candidates["param_sampler"]])
    names = list(dict.fromkeys(samplers))
    styles = zip(task.grid[parameter], (BLUE, RED), "os", (-0.12, 0.12), strict=True)
    for value, colour, marker, shift in styles:
        chosen = [found == value for found in candidates[f"param_{parameter}"]]
        ax.errorbar(
            candidates["mean_test_score"][chosen],
            [names.index(name) + shift for name in samplers[chosen]],
            xerr=candidates["std_test_score"][chosen],
            fmt=marker,
            color=colour,
            elinewidth=1,
            label=f"{parameter.removeprefix('net__')}={value}",
        )
    tested = task.results["balanced accuracy"]
    ax.axvline(tested, color=GREY, linestyle="--", label="winner on the test rows")
    shown = {"passthrough": "none", "RandomOverSampler": "Random-\nOverSampler"}
    ax.set_yticks(range(len(names)), [shown.get(name, name) for name in names])
    ax.set_ylim(len(names) + 0.3, -0.5)
    ax.set_title("Search over sampler and net together")
    ax.set_xlabel("balanced accuracy: mean and deviation over the folds")
    ax.legend(loc="lower left", ncols=2, fontsize=9, framealpha=1, edgecolor="none")


def draw_confusion(task, ax):
    results = task.results
    binary = len(results["classes"]) == 2
    display = ConfusionMatrixDisplay.from_predictions(
        results["y_test"],
        results["predicted"],
        normalize="true",
        values_format=".2f",
        cmap="Blues",
        im_kw={"vmin": 0, "vmax": 1, "aspect": "auto"},
        text_kw={"fontsize": 12 if binary else 8},
        colorbar=False,
        ax=ax,
    )
    for text in display.text_.flat:
        text.set_text(text.get_text().replace("0.00", "0" if binary else ""))
    ax.spines[:].set_visible(False)
    ax.set(xlabel="predicted class", ylabel="true class")
    ax.set_title(f"Test rows: balanced accuracy {results['balanced accuracy']:.3f}")


def draw_importance(task, ax):
    ImportanceDisplay.from_importances(
        task.results["importance"],
        label="rise of the log loss when shuffled",
        estimator=winner(task),
        feature_names=task.results["data"].feature_names,
        max_features=N_BARS,
        ax=ax,
    )
    ax.set_title("Permutation importance over the test rows")


def draw_shap(task, ax):
    draw_values(task, ax, "shap")


def draw_lime(task, ax):
    draw_values(task, ax, "lime")


def draw_values(task, ax, method):
    """A signed number for each feature of the explained row."""
    net, results = winner(task), task.results
    data = results["data"]
    SaliencyDisplay.from_values(
        net,
        results["row"][np.newaxis],
        results[method][np.newaxis],
        target=task.shown_class,
        label=f"effect on the probability of “{task.shown_class}”",
        feature_names=None if data.shape else data.feature_names,
        max_features=N_BARS,
        ax=ax,
    )
    ax.set_title(f"{method.upper()}: why is this one “{task.shown_class}”?")


PANELS = (draw_loss, draw_search, draw_confusion, draw_importance, draw_shap, draw_lime)
