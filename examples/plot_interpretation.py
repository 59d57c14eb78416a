"""
===============================
What a net has learned, and why
===============================

A fitted net is a function that explainers can call, and ``to_module()`` gives a copy of
its module to those that need gradients. The estimator itself stays as it is.
"""

# %%
# Which columns matter
# --------------------
# scikit-learn's permutation importance: how much worse the test loss gets when one
# column is shuffled. Columns that say the same share their importance, and here many
# do: a tumour's radius, perimeter and area.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.inspection import permutation_importance
from sklearn.model_selection import train_test_split

from skdeep import DeepCNNClassifier, DeepMLPClassifier

SCHEDULE = {"learning_rate": "one_cycle", "learning_rate_init": 0.01}

cancer = load_breast_cancer(as_frame=True)
X, y = cancer.data, cancer.target_names[cancer.target]
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
mlp = DeepMLPClassifier((32,), alpha=1.0, max_iter=60, random_state=0, **SCHEDULE)
mlp.fit(X_train, y_train)
print(f"accuracy on the test rows: {mlp.score(X_test, y_test):.3f}")

importance = permutation_importance(
    mlp, X_test, y_test, scoring="neg_log_loss", n_repeats=10, random_state=0
)
top = importance.importances_mean.argsort()[-10:]
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.boxplot(
    importance.importances[top].T,
    orientation="horizontal",
    tick_labels=X.columns[top],
    medianprops={"color": "#B2182B", "linewidth": 2},
)
ax.axvline(0, color="grey", linewidth=0.8)
ax.set(title="Permutation importance", xlabel="rise of the log loss when shuffled")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Why this patient
# ----------------
# SHAP takes the estimator as it is, and knows the classes by name. The values of one
# row add up to the difference between its probability and the average one.

import shap

background = shap.sample(X_train, 50, random_state=0)
explainer = shap.Explainer(mlp, background, seed=0)
explanation = explainer(X_test.iloc[:15], silent=True)[:, :, "malignant"]

row = int(np.argmax(y_test[:15] == "malignant"))
said = mlp.predict_proba(X_test.iloc[[row]])[0, mlp.output_names.index("malignant")]
print(f"average probability of 'malignant'  {explanation.base_values[row]:.3f}")
print(f"all that the columns add            {explanation.values[row].sum():+.3f}")
print(f"probability for this patient        {said:.3f}")

figure, axes = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
for ax, title, shown in (
    (axes[0], "15 patients, on average", explanation),
    (axes[1], "one patient", explanation[row]),
):
    shap.plots.bar(shown, max_display=8, ax=ax, show=False)
    ax.set_title(title)
    ax.set_xlabel(ax.get_xlabel(), fontsize=10)
    ax.set_xlim(left=2 * ax.get_xlim()[0])
    ax.tick_params(labelsize=10)
plt.show()

# %%
# Where the CNN looks
# -------------------
# captum works on the copy that ``to_module()`` makes, which returns logits. The
# gradient says which pixels would change the answer if they were a little darker;
# integrated gradients say which pixels made it, and add up to what the logit gains over
# that of a blank image.

import torch
from captum.attr import IntegratedGradients, Saliency

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
cnn = DeepCNNClassifier(
    input_shape=(1, 8, 8),
    n_filters=(16, 32),
    batch_size=64,
    max_iter=8,
    dtype="float32",
    random_state=0,
    **SCHEDULE,
)
cnn.fit(X_train, y_train)
print(f"accuracy on the test rows: {cnn.score(X_test, y_test):.3f}")

shown = [int(np.flatnonzero(y_test == digit)[0]) for digit in (0, 3, 4, 7, 8)]
images = torch.tensor(X_test[shown], dtype=torch.float32).reshape(-1, *cnn.input_shape_)
images.requires_grad_()
answers = torch.tensor(cnn.predict(X_test[shown]))
module = cnn.to_module()

gradient = Saliency(module).attribute(images, target=answers, abs=False)
integrated = IntegratedGradients(module).attribute(images, target=answers, n_steps=100)
with torch.no_grad():
    gain = (module(images) - module(torch.zeros_like(images))).gather(
        1, answers[:, None]
    )
gap = (integrated.sum((1, 2, 3)) - gain[:, 0]).abs().max()
print(f"integrated gradients add up to the logits within {gap:.2f}")

# %%
# Red speaks for the answer, blue against it. A blank can speak too, which only the
# gradient shows: integrated gradients start from the blank image, so they give blank
# pixels nothing.

figure, axes = plt.subplots(3, len(shown), figsize=(9, 5.6), layout="constrained")
pictures = {
    "image": images,
    "gradient": gradient,
    "integrated\ngradients": integrated,
}
for (name, batch), line in zip(pictures.items(), axes, strict=True):
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for picture, answer, ax in zip(batch.detach().numpy(), answers, line, strict=True):
        limit = np.abs(picture).max()
        colours = {"cmap": "gray_r"}
        if name != "image":
            colours = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
        ax.imshow(picture[0], **colours)
        ax.set_xticks([])
        ax.set_yticks([])
        if name == "image":
            ax.set_title(f"answer: {answer}")
plt.show()

# sphinx_gallery_thumbnail_number = 3
