"""
=========================
Four answers to imbalance
=========================

When one class is rare, a net that says "the other one" looks accurate. Weights,
balanced batches, resampling and a tuned threshold all mend that. They differ in what
they do to the probabilities.
"""

# %%
# A rare class that is hard to see
# --------------------------------
# Patients of the diabetes study whose disease moved on fastest: one in ten.

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

X, progression = load_diabetes(return_X_y=True)
y = (progression > np.quantile(progression, 0.9)).astype(int)
print(f"{y.sum()} of {len(y)} patients")

# %%
# One plain net, four remedies
# ----------------------------
# Weights are given to the loss (``class_weight``), to the order of the rows
# (``batch_sampler``), or to the data (SMOTE, which makes new rows between old ones).
# The last way leaves the net alone and moves the threshold above which it says "fast".

from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.model_selection import TunedThresholdClassifierCV

from skdeep import DeepMLPClassifier

plain = DeepMLPClassifier(
    hidden_layer_sizes=(16,),
    alpha=1.0,
    learning_rate="one_cycle",
    learning_rate_init=0.01,
    max_iter=30,
    dtype="float32",
    random_state=0,
)
ways = {
    "plain": plain,
    "class_weight": clone(plain).set_params(class_weight="balanced"),
    "batch_sampler": clone(plain).set_params(batch_sampler="balanced"),
    "SMOTE": make_pipeline(SMOTE(random_state=0), plain),
    "threshold": TunedThresholdClassifierCV(plain, scoring="balanced_accuracy"),
}

# %%
# Three questions
# ---------------
# Does it find the rare class (balanced accuracy)? Does it rank patients well (average
# precision)? Are its probabilities true (log loss)? Asked on the test rows of ten
# splits.

from sklearn.metrics import average_precision_score, balanced_accuracy_score, log_loss
from sklearn.model_selection import RepeatedStratifiedKFold

folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
rows, probabilities, truth = [], {name: [] for name in ways}, []
for train, test in folds.split(X, y):
    truth.append(y[test])
    for name, way in ways.items():
        model = clone(way).fit(X[train], y[train])
        probability = model.predict_proba(X[test])[:, 1]
        probabilities[name].append(probability)
        rows.append(
            {
                "way": name,
                "balanced accuracy": balanced_accuracy_score(
                    y[test], model.predict(X[test])
                ),
                "average precision": average_precision_score(y[test], probability),
                "log loss": log_loss(y[test], probability),
            }
        )
scores = pd.DataFrame(rows).groupby("way", sort=False).agg(["mean", "sem"])
print(scores.xs("mean", axis=1, level=1).round(3))

# %%
# All four remedies find far more of the rare class than the plain net. None ranks the
# patients much better. But weights, batches and SMOTE pay with their probabilities,
# which say 80 % where the truth is 35 %. The threshold keeps those of the plain net:
# try it first when somebody will read them.

import matplotlib.pyplot as plt
from sklearn.calibration import calibration_curve

COLOURS = dict(
    zip(ways, ["#000000", "#0072B2", "#56B4E9", "#D55E00", "#009E73"], strict=True)
)
MARKERS = dict(zip(ways, "os^Dv", strict=True))

figure, axes = plt.subplots(2, 2, figsize=(9, 6.5), layout="constrained")
for ax, metric in zip(axes.flat, scores.columns.levels[0], strict=False):
    for place, name in enumerate(ways):
        score = scores.loc[name, metric]
        ax.errorbar(
            score["mean"],
            place,
            xerr=score["sem"],
            marker=MARKERS[name],
            color=COLOURS[name],
            markersize=8,
        )
    ax.set(title=metric, ylim=(len(ways) - 0.5, -0.5))
    ax.set_yticks(range(len(ways)), list(ways))

ax = axes[1, 1]
ax.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle=":")
for name in ("plain", "class_weight", "batch_sampler", "SMOTE"):
    found, said = calibration_curve(
        np.concatenate(truth),
        np.concatenate(probabilities[name]),
        n_bins=6,
        strategy="quantile",
    )
    ax.plot(
        said, found, marker=MARKERS[name], color=COLOURS[name], markersize=5, label=name
    )
ax.set(
    title="calibration",
    xlabel="probability that the net said",
    ylabel="share of fast patients",
)
ax.legend(frameon=False)
for ax in axes.flat:
    ax.spines[["top", "right"]].set_visible(False)
plt.show()
