"""Default DeepMLPClassifier on small tables, beside the best of a search around it.

    python tests/benchmarks/accuracy/searches.py DATA_FOLDER --size medium

Tables of at most 5000 rows; those are left out whose training part has too few rows of
a class for each fold to hold one.
"""

import measures
import reports
import sets
from sklearn.model_selection import StratifiedKFold

from skdeep import DeepMLPClassifier
from skdeep.model_selection import RandomizedSearchCV, param_distributions

MEASURES = ("accuracy", "auc", "log_loss", "fit_seconds")
_MOST_ROWS, _FOLDS = 5000, 3


def main():
    """Fit and search on every split, print the tables."""
    parser = reports.arguments_of_tables(__doc__.splitlines()[0])
    parser.add_argument("--size", default="small", choices=["small", "medium", "large"])
    parser.add_argument(
        "--scoring", default="neg_log_loss", choices=["neg_log_loss", "accuracy"]
    )
    parser.add_argument("--candidates", type=int, default=30, help="of each search")
    args = parser.parse_args()
    names = args.sets or [
        name
        for name in sets.table_names(args.folder)
        if _suits(sets.class_counts(args.folder, name), args.rows)
    ]
    title = f"searches, {args.candidates} of {args.size}, by {args.scoring}"
    results = reports.compare(args, title, names, classifiers(args), measure)
    reports.show(args, results, MEASURES)


def _suits(counts, n_rows):
    training = 0.8 * counts
    if n_rows is not None:
        training *= min(1, n_rows / training.sum())
    return counts.sum() <= _MOST_ROWS and training.min() >= _FOLDS


def classifiers(args):
    """Name to a function of a seed and a split that makes a classifier."""

    def net(seed, _):
        return DeepMLPClassifier(n_members=args.members, random_state=seed)

    def search(seed, split):
        clf = net(seed, split)
        return RandomizedSearchCV(
            clf,
            param_distributions(clf, args.size),
            n_iter=args.candidates,
            scoring=args.scoring,
            cv=StratifiedKFold(_FOLDS, shuffle=True, random_state=seed),
            random_state=seed,
        )

    return {"default": net, "searched": search}


def measure(clf, split):
    """Say what was found, too."""
    run = measures.measure(clf, split)
    return {**run, "best_params": getattr(clf, "best_params_", None)}


if __name__ == "__main__":
    main()
