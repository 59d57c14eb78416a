"""Remedies for rare classes, with the default DeepMLPClassifier, on uneven tables.

    python tests/benchmarks/accuracy/imbalance.py DATA_FOLDER --csv imbalance.csv

Where there are more than two classes, no threshold is tuned: such a row then shows the
plain decision.
"""

from functools import partial

import numpy as np
import reports
import sets
from imblearn.over_sampling import SMOTE, SMOTEN, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from measures import measure
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.preprocessing import StandardScaler
from tables import categories, default_net

MEASURES = (
    "balanced_accuracy",
    "average_precision",
    "log_loss",
    "calibration_error",
    "fit_seconds",
)
# SMOTE looks for so many neighbours of the same class.
_NEIGHBOURS = 5


def main():
    """Fit every remedy on every split, print the tables."""
    args = reports.arguments_of_tables(__doc__.splitlines()[0]).parse_args()
    names = args.sets or sets.table_names(args.folder, ["imbalanced"])
    contestants = remedies(args.members)
    results = reports.compare(args, "imbalance", names, contestants, measure)
    reports.show(args, results, MEASURES)


def remedies(n_members):
    """Name to a function of a seed and a split that makes a classifier."""

    net = partial(default_net, n_members=n_members)

    def trees(seed, **parameters):
        trees = HistGradientBoostingClassifier(random_state=seed, **parameters)
        return make_pipeline(categories(), trees)

    return {
        "plain": lambda seed, _: net(seed),
        "class_weight": lambda seed, _: net(seed, class_weight="balanced"),
        "batch_sampler": lambda seed, _: net(seed, batch_sampler="balanced"),
        "focal loss": lambda seed, _: net(seed, loss="focal"),
        "RandomOverSampler": lambda seed, _: make_pipeline(
            RandomOverSampler(random_state=seed), net(seed)
        ),
        "RandomUnderSampler": lambda seed, _: make_pipeline(
            RandomUnderSampler(random_state=seed), net(seed)
        ),
        "SMOTE": lambda seed, split: make_pipeline(*smote(seed, split), net(seed)),
        "tuned threshold": lambda seed, split: tuned(net(seed), seed, split),
        "n_members=5": lambda seed, _: net(seed, n_members=5),
        "n_members=5, class_weight": lambda seed, _: net(
            seed, n_members=5, class_weight="balanced"
        ),
        "n_members=5, tuned threshold": lambda seed, split: tuned(
            net(seed, n_members=5), seed, split
        ),
        "HistGradientBoosting, class_weight": lambda seed, _: trees(
            seed, class_weight="balanced"
        ),
        "HistGradientBoosting, tuned threshold": lambda seed, split: tuned(
            trees(seed), seed, split
        ),
    }


def tuned(clf, seed, split):
    """Let cross-validation choose the threshold, where there is one."""
    if len(np.unique(split.y_train)) > 2:
        return clf
    return TunedThresholdClassifierCV(
        clf, scoring="balanced_accuracy", random_state=seed
    )


def smote(seed, split):
    """Steps that make rows up, of numbers or of categories; no set mixes them."""
    # Copies are the only neighbours that some classes can get.
    enough = RandomOverSampler(sampling_strategy=_enough, random_state=seed)
    if split.X_train.select_dtypes("number").empty:
        return enough, SMOTEN(k_neighbors=_NEIGHBOURS, random_state=seed)
    scaler = StandardScaler()
    return enough, scaler, SMOTE(k_neighbors=_NEIGHBOURS, random_state=seed)


def _enough(y):
    counts = enumerate(np.bincount(y).tolist())
    return {code: max(count, _NEIGHBOURS + 1) for code, count in counts}


if __name__ == "__main__":
    main()
