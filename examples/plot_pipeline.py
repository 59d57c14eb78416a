"""
=============================
A table, from frame to scores
=============================

A deep net is one step of a scikit-learn pipeline: column names, text categories and
missing values are the business of the steps before it, and cross-validation repeats
all of them on each fold.
"""

# %%
# A frame with everything that frames have
# ----------------------------------------
# The diabetes study has ten numbers for each patient. The sex is a category, so we
# write it as one; and because real tables have holes, we cut some.

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

diabetes = load_diabetes(as_frame=True, scaled=False)
X = diabetes.data.assign(sex=diabetes.data["sex"].map({1.0: "first", 2.0: "second"}))
rng = np.random.default_rng(0)
for column in ("bmi", "bp", "s5"):
    X.loc[rng.random(len(X)) < 0.1, column] = np.nan
y = np.where(diabetes.target > diabetes.target.median(), "fast", "slow")
X.head()

# %%
# One pipeline
# ------------
# The net scales its own input (``standardize=True``), so numbers need no scaler. The
# strong penalty ``alpha`` suits a table of 442 rows.

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skdeep import DeepMLPClassifier

prepare = make_column_transformer(
    (SimpleImputer(strategy="median"), make_column_selector(dtype_include="number")),
    (OneHotEncoder(drop="if_binary", sparse_output=False), ["sex"]),
    verbose_feature_names_out=False,
)
net = DeepMLPClassifier(
    hidden_layer_sizes=(32, 16),
    numerical_embedding=None,
    alpha=3.0,
    learning_rate="one_cycle",
    learning_rate_init=0.01,
    max_iter=40,
    random_state=0,
)
model = make_pipeline(prepare, net)
model

# %%
# With frames as output, the net knows the names of its columns, and refuses a frame in
# which they are others.

model.set_output(transform="pandas").fit(X, y)
print(list(model[-1].feature_names_in_))

# %%
# Scores with their spread
# ------------------------
# A score without its spread says little about so small a table: five repetitions of
# five folds, beside a linear model and scikit-learn's own net in the same pipeline.

import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

models = {
    "logistic\nregression": make_pipeline(
        prepare, StandardScaler(), LogisticRegression()
    ),
    "MLPClassifier": make_pipeline(
        prepare,
        StandardScaler(),
        MLPClassifier(
            (32, 16), alpha=3.0, learning_rate_init=0.01, max_iter=500, random_state=0
        ),
    ),
    "DeepMLPClassifier": model,
}
folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=0)
scores = {
    name: cross_validate(candidate, X, y, cv=folds, scoring=["roc_auc", "neg_log_loss"])
    for name, candidate in models.items()
}
summary = pd.DataFrame(
    {
        name.replace("\n", " "): {
            "ROC AUC": score["test_roc_auc"].mean(),
            "log loss": -score["test_neg_log_loss"].mean(),
            "seconds a fit": score["fit_time"].mean(),
        }
        for name, score in scores.items()
    }
).T.round(3)
print(summary)

# %%
# All three read about the same from this table. That is the usual result on small and
# nearly linear data, and a good reason to keep a linear model in every comparison.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
for ax, metric, sign, label in (
    (axes[0], "test_roc_auc", 1, "ROC AUC (higher is better)"),
    (axes[1], "test_neg_log_loss", -1, "log loss (lower is better)"),
):
    ax.boxplot(
        [sign * score[metric] for score in scores.values()],
        orientation="horizontal",
        tick_labels=list(scores),
        widths=0.6,
        medianprops={"color": "#B2182B", "linewidth": 2},
    )
    ax.set_xlabel(label)
    ax.spines[["top", "right"]].set_visible(False)
figure.suptitle("25 test folds")
plt.show()
