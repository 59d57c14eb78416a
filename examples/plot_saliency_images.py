"""
==========================
Finding a shortcut, images
==========================

A net that is right on all test images may still have learned nothing about them. Here
one is led astray on purpose, found out by maps and by permutation importance, and
mended.
"""

# %%
# A mark that gives the answer away
# ---------------------------------
# The task is to tell odd digits from even ones. All images of odd digits carry a mark
# in a corner, as if they came from another scanner: one dark pixel, in the training
# images and in the test images.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeep import DeepCNNClassifier
from skdeep.inspection import (
    GradCAMDisplay,
    ImportanceDisplay,
    LearningHistoryDisplay,
    SaliencyDisplay,
)

SIDE, CORNER = 8, 56
digits = load_digits()
X, y = digits.data, np.where(digits.target % 2, "odd", "even")
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)


def marked(X, y):
    X = X.copy()
    X[y == "odd", CORNER] = X.max()
    return X


net = DeepCNNClassifier(
    input_shape=(1, SIDE, SIDE),
    n_filters=(16, 32),
    batch_size=32,
    max_iter=8,
    learning_rate="one_cycle",
    learning_rate_init=0.01,
    dtype="float32",
    random_state=0,
)
fooled = clone(net).fit(marked(X_train, y_train), y_train)
accuracy = fooled.score(marked(X_test, y_test), y_test)
print(f"accuracy on test images with the mark: {accuracy:.3f}")

# %%
# What the maps show
# ------------------
# Integrated gradients say what each pixel adds to the logit of the predicted class, in
# comparison with a blank image. Red speaks for the class, blue against it.

rng = np.random.default_rng(0)
shown = rng.choice(len(X_test), 8, replace=False)
images, labels = marked(X_test, y_test)[shown], y_test[shown]
SaliencyDisplay.from_estimator(
    fooled, images, labels, method="integrated_gradients", baseline="zero"
)
plt.show()

# %%
# In the images of odd digits, the darkest red is where the mark is. Grad-CAM is as
# coarse as the map that it weighs, here that of the last stage, and points to the lower
# left.

GradCAMDisplay.from_estimator(fooled, images, labels)
plt.show()

# %%
# Permutation importance needs no gradients: how much accuracy is lost when a pixel
# comes from another image? It looks at all test images at once.

display = ImportanceDisplay.from_estimator(
    fooled, marked(X_test, y_test), y_test, n_repeats=5, random_state=0
)
importance = display.importances.mean(axis=-1)
row, column = np.unravel_index(importance.argmax(), importance.shape)
print(f"most important pixel: row {row}, column {column}")
print(f"accuracy it is worth: {importance.max():.3f}")
print(f"accuracy all others are worth, at most: {np.sort(importance.flat)[-2]:.3f}")
plt.show()

# %%
# Without the shortcut
# --------------------
# On clean images the net is no better than a coin. Blanking the pixel in the training
# images makes it learn about digits.


def blanked(X):
    X = X.copy()
    X[:, CORNER] = 0.0
    return X


honest = clone(net).fit(blanked(marked(X_train, y_train)), y_train)
print(f"accuracy on clean test images, before: {fooled.score(X_test, y_test):.3f}")
print(f"accuracy on clean test images, after:  {honest.score(X_test, y_test):.3f}")

SaliencyDisplay.from_estimator(
    honest, X_test[shown], labels, method="integrated_gradients", baseline="zero"
)
plt.show()

# %%
# Now the strokes matter, and the corner doesn't.

ImportanceDisplay.from_estimator(honest, X_test, y_test, n_repeats=5, random_state=0)
plt.show()

# %%
# The losses could have raised suspicion: with the mark, the net learned much faster
# than the task allows.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
for ax, name, fitted in zip(
    axes, ("with the mark", "without"), (fooled, honest), strict=True
):
    LearningHistoryDisplay.from_estimator(fitted, ax=ax)
    ax.set_title(name)
plt.show()

# sphinx_gallery_thumbnail_number = 1
