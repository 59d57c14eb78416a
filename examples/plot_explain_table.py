"""
==============================
Which columns matter, in a row
==============================

What a net has learned from a table: which columns matter to it, alone and together, and
why it answers as it does for one row.
"""

# %%
# Training
# --------
# Tumours, benign or malignant, measured thirty ways. Some of the training rows are held
# out, so that training can return to its best epoch.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from skdeep import DeepMLPClassifier
from skdeep.inspection import (
    EmbeddingDisplay,
    ImportanceDisplay,
    LearningHistoryDisplay,
    SaliencyDisplay,
    permutation_importance,
)

cancer = load_breast_cancer(as_frame=True)
X, y = cancer.data, cancer.target_names[cancer.target]
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
mlp = DeepMLPClassifier(
    (32,),
    alpha=1.0,
    learning_rate="one_cycle",
    learning_rate_init=0.01,
    max_iter=60,
    early_stopping=True,
    validation_fraction=0.2,
    scoring="loss",
    n_iter_no_change=60,
    random_state=0,
)
mlp.fit(X_train, y_train)
print(f"accuracy on the test rows: {mlp.score(X_test, y_test):.3f}")
LearningHistoryDisplay.from_estimator(mlp)
plt.show()

# %%
# Columns alone
# -------------
# How much the test loss rises when one column is shuffled among the rows. The lines are
# the spread over the shuffles.

how = {"scoring": "neg_log_loss", "n_repeats": 20, "random_state": 0}
ImportanceDisplay.from_estimator(mlp, X_test, y_test, **how)
plt.show()

# %%
# Columns together
# ----------------
# Columns that say the same vouch for each other: shuffle the radius, and the perimeter
# and the area still tell it. So shuffle together what belongs together: the size of a
# tumour is worth much more than the sum of its columns.

SUBJECTS = {
    "size": ("radius", "perimeter", "area"),
    "outline": ("concavity", "concave points", "compactness"),
    "texture": ("texture",),
    "smoothness": ("smoothness",),
    "symmetry": ("symmetry",),
    "fractal dimension": ("fractal dimension",),
}
groups = {
    subject: [name for name in X.columns if any(word in name for word in words)]
    for subject, words in SUBJECTS.items()
}
alone = permutation_importance(mlp, X_test, y_test, **how)
together = permutation_importance(mlp, X_test, y_test, groups=groups, **how)
rise = "rise of the log loss when shuffled"
ImportanceDisplay.from_importances(together, label=rise)
size = np.isin(alone.group_names, groups["size"])
print(f"size, column by column: {alone.importances_mean[size].sum():.3f}")
print(f"size, all together:     {together.importances_mean[0]:.3f}")
plt.show()

# %%
# Why these rows
# --------------
# Integrated gradients share the logit out among the columns, in comparison with the
# mean training row. Here are the two rows that the net is surest of, and the two that
# it gets most wrong.

p = mlp.predict_proba(X_test)[
    np.arange(len(X_test)), np.searchsorted(mlp.classes_, y_test)
]
surest = [np.argmax(p * (y_test == label)) for label in mlp.classes_]
chosen = [*surest, *p.argsort()[:2]]
SaliencyDisplay.from_estimator(
    mlp,
    X_test.iloc[chosen],
    y_test[chosen],
    method="integrated_gradients",
)
plt.show()

# %%
# SHAP
# ----
# shap takes the estimator as it is, and knows the classes by name. The values of one
# row add up to the difference between its probability and the average one.

import shap

background = shap.sample(X_train, 20, random_state=0)
explainer = shap.Explainer(mlp, background, seed=0)
explanation = explainer(X_test.iloc[:8], silent=True)[:, :, "malignant"]

row = int(np.argmax(y_test[:8] == "malignant"))
said = mlp.predict_proba(X_test.iloc[[row]])[0, mlp.output_names.index("malignant")]
print(f"average probability of 'malignant'  {explanation.base_values[row]:.3f}")
print(f"all that the columns add            {explanation.values[row].sum():+.3f}")
print(f"probability for this patient        {said:.3f}")

figure, axes = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
for ax, title, shown in (
    (axes[0], "8 patients, on average", explanation),
    (axes[1], "one patient", explanation[row]),
):
    shap.plots.bar(shown, max_display=8, ax=ax, show=False)
    ax.set_title(title)
    ax.set_xlabel(ax.get_xlabel(), fontsize=10)
    ax.set_xlim(left=2 * ax.get_xlim()[0])
    ax.tick_params(labelsize=10)
plt.show()

# %%
# Where the net is unsure
# -----------------------
# What the hidden layer makes of the test rows: two arms, one for each class. Wrong
# predictions, ringed, lie where the arms meet.

EmbeddingDisplay.from_estimator(mlp, X_test, y_test)
plt.show()

# sphinx_gallery_thumbnail_number = 3
