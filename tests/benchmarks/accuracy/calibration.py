"""How honest probabilities are, those of the default DeepMLPClassifier and others.

    python tests/benchmarks/accuracy/calibration.py DATA_FOLDER --csv calibration.csv

Tables with a class of fewer than ten rows are left out: CalibratedClassifierCV wants
five of each in the training part.
"""

from functools import partial

import reports
import sets
from measures import measure
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from tables import categories, default_net

MEASURES = ("accuracy", "log_loss", "brier", "calibration_error", "fit_seconds")
_FEWEST = 10


def main():
    """Fit every classifier on every split, print the tables."""
    args = reports.arguments_of_tables(__doc__.splitlines()[0]).parse_args()
    names = args.sets or [
        name
        for name in sets.table_names(args.folder)
        if sets.class_counts(args.folder, name).min() >= _FEWEST
    ]
    contestants = classifiers(args.members)
    results = reports.compare(args, "calibration", names, contestants, measure)
    reports.show(args, results, MEASURES)


def classifiers(n_members):
    """Name to a function of a seed and a split that makes a classifier."""

    net = partial(default_net, n_members=n_members)

    def calibrated(method):
        return lambda seed, _: CalibratedClassifierCV(net(seed), method=method)

    return {
        "plain": lambda seed, _: net(seed),
        "n_members=5": lambda seed, _: net(seed, n_members=5),
        "label_smoothing=0.1": lambda seed, _: net(seed, label_smoothing=0.1),
        "temperature": calibrated("temperature"),
        "sigmoid": calibrated("sigmoid"),
        "isotonic": calibrated("isotonic"),
        "HistGradientBoosting": lambda seed, _: make_pipeline(
            categories(), HistGradientBoostingClassifier(random_state=seed)
        ),
    }


if __name__ == "__main__":
    main()
