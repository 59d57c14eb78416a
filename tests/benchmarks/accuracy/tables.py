"""Default DeepMLPClassifier on tables as they are, beside other classifiers.

    python tests/benchmarks/accuracy/tables.py DATA_FOLDER --json tables.json

RealMLP-TD and TabM take part if pytabkit is installed.
"""

import time
import warnings
from importlib.util import find_spec

import numpy as np
import reports
import sets
from scipy.stats import rankdata
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skdeep import DeepMLPClassifier

MEASURES = ("accuracy", "auc", "fit_seconds")


def main():
    """Fit every classifier on every split, print the table."""
    parser = reports.arguments(__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=3, help="random splits of a set")
    parser.add_argument("--rows", type=int, help="train on so many rows at most")
    parser.add_argument("--only", nargs="+", help="names of classifiers")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    contestants = {
        name: make
        for name, make in classifiers(args.members).items()
        if args.only is None or name in args.only
    }
    results = {}
    for name in args.sets or sets.table_names(args.folder):
        runs = results[name] = {contestant: [] for contestant in contestants}
        for title, split in sets.table_splits(args.folder, name, args.splits):
            split = sets.at_most(split, args.rows)
            for contestant, make in contestants.items():
                for seed in range(args.seeds):
                    run = {"split": title, **measure(make(seed), split)}
                    runs[contestant].append(run)
                    print(name, contestant, run, flush=True)
        reports.save(args.json, "tables", results)
    print(show(results))


def classifiers(n_members):
    """Name to a function that makes a classifier of a seed."""
    contestants = {
        "skdeep": lambda seed: DeepMLPClassifier(
            n_members=n_members, random_state=seed
        ),
        "HistGradientBoosting": lambda seed: make_pipeline(
            categories(), HistGradientBoostingClassifier(random_state=seed)
        ),
        "MLPClassifier": lambda seed: make_pipeline(
            scaled(), MLPClassifier(random_state=seed)
        ),
    }
    if find_spec("pytabkit"):
        contestants["RealMLP-TD"] = lambda seed: pytabkit("RealMLP_TD_Classifier", seed)
        contestants["TabM"] = lambda seed: pytabkit("TabM_D_Classifier", seed)
    return contestants


def categories():
    """Give text columns the dtype by which others know categories."""
    return FunctionTransformer(
        lambda X: X.astype(dict.fromkeys(X.select_dtypes(exclude="number"), "category"))
    )


def scaled():
    """What MLPClassifier needs: no gaps, numbers to scale, indicators of text."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    fill = SimpleImputer(strategy="constant", fill_value="", missing_values=np.nan)
    as_objects = FunctionTransformer(lambda X: X.astype(object).where(X.notna()))
    text = make_pipeline(as_objects, fill, OneHotEncoder(handle_unknown="ignore"))
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (text, make_column_selector(dtype_exclude="number")),
    )


def pytabkit(name, seed):
    """Build a net of pytabkit, which refuses missing numbers: their mean instead."""
    import pytabkit

    filled = make_column_transformer(
        (SimpleImputer(), make_column_selector(dtype_include="number")),
        remainder=categories(),
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    net = getattr(pytabkit, name)(device="cpu", random_state=seed)
    return make_pipeline(filled, net)


def measure(clf, split):
    """Accuracy and area under the ROC curve, and what fitting takes of the processor.

    The area is the mean over the classes of the test part, each against the rest.
    """
    start = time.process_time()
    clf.fit(split.X_train, split.y_train)
    seconds = time.process_time() - start
    p, y = clf.predict_proba(split.X_test), split.y_test
    present = [code for code in range(p.shape[1]) if (y == code).any()]
    areas = [roc_auc_score(y == code, p[:, code]) for code in present]
    return {
        "accuracy": float(accuracy_score(y, p.argmax(1))),
        "auc": float(np.mean(areas)),
        "fit_seconds": round(seconds, 2),
    }


def show(results):
    """Tables of each measure: sets, means over all sets, mean ranks."""
    return "\n\n".join(f"{name}\n\n{_table(results, name)}" for name in MEASURES)


def _table(results, measure):
    names = list(next(iter(results.values())))
    numbers = np.array(
        [
            [reports.mean(runs[name], measure) for name in names]
            for runs in results.values()
        ]
    )
    rows = [[name, *row] for name, row in zip(results, numbers.tolist(), strict=True)]
    rows.append([f"mean of {len(rows)}", *numbers.mean(0).tolist()])
    better = numbers if measure == "fit_seconds" else -numbers
    rows.append(["mean rank", *rankdata(better, axis=1).mean(0).tolist()])
    return reports.table(["set", *names], rows)


if __name__ == "__main__":
    main()
