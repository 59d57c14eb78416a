"""
==================================
What a net listens to, in a series
==================================

A net that reads series can be asked which steps made it decide, and whether the place
of a step matters at all.
"""

# %%
# Lines over photographs
# ----------------------
# scikit-image ships photographs of a brick wall, of grass and of gravel. Each series is
# the brightness along a piece of one row of pixels, 64 steps long. The upper parts of
# the photographs are for training, the lower ones for testing, with a gap in between.

import matplotlib.pyplot as plt
import numpy as np
from skimage import data

from skdeep import DeepCNNClassifier
from skdeep.inspection import (
    EmbeddingDisplay,
    GradCAMDisplay,
    ImportanceDisplay,
    SaliencyDisplay,
)

PHOTOGRAPHS = {"brick": data.brick(), "grass": data.grass(), "gravel": data.gravel()}
N_STEPS = 64


def series(rows):
    X, y = [], []
    for name, photograph in PHOTOGRAPHS.items():
        # Two neighbouring pixels are one step, and every other row is left out.
        lines = photograph[rows].astype(float)[::2]
        lines = lines.reshape(len(lines), -1, 2).mean(axis=2).reshape(-1, N_STEPS)
        X.append(lines)
        y.extend([name] * len(lines))
    return np.concatenate(X), np.array(y)


X_train, y_train = series(slice(0, 340))
X_test, y_test = series(slice(360, 512))

cnn = DeepCNNClassifier(
    input_shape=(1, N_STEPS),
    architecture="plain",
    n_filters=(16, 32),
    kernel_size=5,
    batch_size=64,
    max_iter=8,
    learning_rate="one_cycle",
    learning_rate_init=0.01,
    dtype="float32",
    random_state=0,
)
cnn.fit(X_train, y_train)
print(f"{len(X_train)} series to learn, {len(X_test)} to test")
print(f"accuracy on the test series: {cnn.score(X_test, y_test):.3f}")

# %%
# Which steps speak
# -----------------
# Two series of each kind. Grad-CAM marks the steps at which the net finds what speaks
# for its answer: in bricks the even stretches, which grass and gravel don't have.

shown = [i for name in PHOTOGRAPHS for i in np.flatnonzero(y_test == name)[[40, 200]]]
names = ["brightness"]
GradCAMDisplay.from_estimator(cnn, X_test[shown], y_test[shown], feature_names=names)
plt.show()

# %%
# Integrated gradients tell each step's share in the logit, in comparison with the mean
# brightness. The bright joints between the bricks speak against bricks: it is what
# lies between them that decides.

SaliencyDisplay.from_estimator(
    cnn,
    X_test[shown],
    y_test[shown],
    method="integrated_gradients",
    feature_names=names,
)
plt.show()

# %%
# Does the place matter?
# ----------------------
# A photograph may be cut anywhere, so it should not. Permutation importance exchanges
# windows of eight steps between the test series. All are worth something; those at both
# ends least, for there the filters of a convolution read padding instead of neighbours.

display = ImportanceDisplay.from_estimator(
    cnn, X_test, y_test, groups="patch", patch_size=8, n_repeats=5, random_state=0
)
windows = display.importances.mean(axis=-1)[::8]
print(f"accuracy that the windows at the ends are worth: {windows[[0, -1]].round(3)}")
print(f"accuracy that those between them are worth: {windows[1:-1].round(3)}")
plt.show()

# %%
# Neighbours in the net
# ---------------------
# What the last hidden layer makes of the test series: bricks stand apart, and where the
# clouds of grass and gravel meet the net is wrong.

EmbeddingDisplay.from_estimator(cnn, X_test, y_test)
wrong = cnn.predict(X_test) != y_test
among = np.isin(y_test[wrong], ["grass", "gravel"]).mean()
print(f"share of grass and gravel among the errors: {among:.3f}")
plt.show()

# sphinx_gallery_thumbnail_number = 1
