"""
===================
Searching for a net
===================

Parameters of a net are searched like those of any estimator. Two things help: a space
that spans orders of magnitude, and the loss curve of each fit, which tells *why* a
candidate is bad.
"""

# %%
# A random search over the MLP
# ----------------------------
# Six parameters at once. Layers are tuples, rates and penalties come from a log-uniform
# distribution. The one-cycle schedule makes 15 epochs enough: it plans the learning
# rate for exactly as many as ``max_iter`` says. The search is used like scikit-learn's;
# nets of one shape, of whatever candidates and folds, train as one in it.

import matplotlib.pyplot as plt
import pandas as pd
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeep import DeepCNNClassifier, DeepMLPClassifier
from skdeep.model_selection import GridSearchCV, RandomizedSearchCV

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)
search = RandomizedSearchCV(
    DeepMLPClassifier(
        learning_rate="one_cycle", max_iter=15, dtype="float32", random_state=0
    ),
    {
        "hidden_layer_sizes": [(32,), (64,), (128,), (64, 64)],
        "activation": ["tanh", "relu", "gelu"],
        "learning_rate_init": loguniform(1e-4, 1e-1),
        "alpha": loguniform(1e-5, 1e1),
        "dropout": uniform(0, 0.5),
        "normalization": [None, "batch", "layer"],
    },
    n_iter=20,
    cv=3,
    scoring=["neg_log_loss", "accuracy"],
    refit="neg_log_loss",
    random_state=0,
)
search.fit(X_train, y_train)
print("best parameters:")
for name, value in search.best_params_.items():
    print(
        f"  {name} = {value:.2g}" if isinstance(value, float) else f"  {name} = {value}"
    )

# %%
# All candidates in one picture: the learning rate decides, the rest refines.

results = pd.DataFrame(search.cv_results_)
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
dots = ax.scatter(
    results["param_learning_rate_init"].astype(float),
    -results["mean_test_neg_log_loss"],
    c=results["param_dropout"].astype(float),
    cmap="viridis",
    edgecolor="black",
    linewidth=0.5,
    s=60,
)
ax.set(
    xscale="log",
    yscale="log",
    xlabel="learning_rate_init",
    ylabel="log loss on the validation folds",
    title="20 candidates",
)
ax.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
ax.yaxis.set_minor_formatter("")
ax.xaxis.set_major_formatter("{x:g}")
ax.spines[["top", "right"]].set_visible(False)
figure.colorbar(dots, label="dropout")
plt.show()

# %%
# A grid over schedules of the CNN
# --------------------------------
# The same search on images, over a small grid: how the learning rate moves, and where
# it starts.

grid = GridSearchCV(
    DeepCNNClassifier(
        input_shape=(1, 8, 8),
        n_filters=(16, 32),
        batch_size=100,
        max_iter=8,
        tol=0,
        dtype="float32",
        random_state=0,
    ),
    {
        "learning_rate": ["cosine", "one_cycle"],
        "learning_rate_init": [0.001, 0.01, 0.03],
    },
    cv=3,
    scoring="neg_log_loss",
)
grid.fit(X_train, y_train)
table = pd.DataFrame(grid.cv_results_).pivot_table(
    index="param_learning_rate",
    columns="param_learning_rate_init",
    values="mean_test_score",
)
print((-table).round(3))

# %%
# Loss curves
# -----------
# ``loss_curve_`` holds the training loss of each epoch. Too small a rate has not
# arrived when the epochs end. One cycle begins with a warm-up, so it bears a rate at
# which cosine, which starts at full speed, stumbles.

from sklearn.base import clone

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for ax, schedule in zip(axes, ["cosine", "one_cycle"], strict=True):
    for rate, colour, marker in zip(
        [0.001, 0.01, 0.03], ["#2166AC", "#000000", "#B2182B"], "os^", strict=True
    ):
        net = clone(grid.estimator)
        net.set_params(learning_rate=schedule, learning_rate_init=rate)
        net.fit(X_train, y_train)
        epochs = range(1, net.n_iter_ + 1)
        ax.plot(
            epochs, net.loss_curve_, color=colour, marker=marker, markersize=4,
            label=f"{rate:g}",
        )  # fmt: skip
    ax.set(title=schedule, xlabel="epoch", yscale="log")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("training loss")
axes[1].legend(title="learning_rate_init", frameon=False)
plt.show()

# %%
# Both winners, on images that no search has seen:

print(f"MLP: accuracy {search.best_estimator_.score(X_test, y_test):.3f}")
print(f"CNN: accuracy {grid.best_estimator_.score(X_test, y_test):.3f}")
