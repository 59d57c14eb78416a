"""Default DeepMLPClassifier on tables as they are, beside other classifiers.

    python tests/benchmarks/accuracy/tables.py DATA_FOLDER --json tables.json

RealMLP-TD and TabM take part if pytabkit is installed.
"""

from importlib.util import find_spec

import numpy as np
import reports
import sets
from measures import measure
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skdeep import DeepMLPClassifier

MEASURES = ("accuracy", "auc", "fit_seconds")


def main():
    """Fit every classifier on every split, print the table."""
    args = reports.arguments_of_tables(__doc__.splitlines()[0], 6).parse_args()
    names = args.sets or sets.table_names(args.folder)
    contestants = classifiers(args.members)
    results = reports.compare(args, "tables", names, contestants, measure)
    reports.show(args, results, MEASURES)


def classifiers(n_members):
    """Name to a function of a seed and a split that makes a classifier."""
    contestants = {
        "skdeep": lambda seed, _: default_net(seed, n_members=n_members),
        "HistGradientBoosting": lambda seed, _: make_pipeline(
            categories(), HistGradientBoostingClassifier(random_state=seed)
        ),
        "MLPClassifier": lambda seed, _: make_pipeline(
            scaled(), MLPClassifier(random_state=seed)
        ),
    }
    if find_spec("pytabkit"):
        contestants["RealMLP-TD"] = lambda seed, _: pytabkit(
            "RealMLP_TD_Classifier", seed
        )
        contestants["TabM"] = lambda seed, _: pytabkit("TabM_D_Classifier", seed)
    return contestants


def default_net(seed, **parameters):
    """Build the default net, but for what `parameters` say."""
    return DeepMLPClassifier(random_state=seed, **parameters)


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


if __name__ == "__main__":
    main()
