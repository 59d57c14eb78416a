"""What a net has to know about its input, besides the shape."""

from skdeep import _validation as validation
from skdeep._frames import learn_columns
from skdeep._members import modules_of
from skdeep._sequences import sizes_are_far_apart, vocabulary_size

# Facts of a module, bins included, which are learned when it is built.
_TABLE, _TOKENS = ("n_categories", "missing", "n_bins"), ("vocabulary_size",)
_SCALE = ("standardize",)


def find_columns(estimator, X, going_on, declared):
    """Kinds of the columns of X: those of the fit that goes on, or those of X."""
    if not estimator._input_format.table:
        return None
    choice = estimator.categorical_features
    # The types may change between fits, so they are no second choice.
    if going_on and isinstance(choice, str):
        return estimator._columns
    columns = learn_columns(X, choice, declared)
    if not going_on:
        return columns
    before = estimator._columns
    chosen = [c.is_categorical.tolist() if c else None for c in (columns, before)]
    validation.check_unchanged("categorical_features", *chosen)
    return before


def find_facts(estimator, X, index, columns, fold, going_on):
    """Arguments of the module's class that the data decides.

    Parameters
    ----------
    estimator : BaseDeepClassifier

    X : ndarray or CSR of shape (n_samples, n_features)

    index : ndarray of int
        Positions of the rows that count.

    columns : Columns or None
        Of a table with categories.

    fold : Fold

    going_on : bool
        Whether training goes on from an earlier fit, whose facts remain.

    Returns
    -------
    facts : dict
    """
    form = estimator._input_format
    if not (form.table or form.tokens or estimator.standardize == "auto"):
        return {}
    if going_on:
        names = _TABLE if form.table else _TOKENS if form.tokens else _SCALE
        config = modules_of(estimator.module_)[0].config
        return {name: config[name] for name in names}
    if form.table:
        return _of_table(X, index, columns)
    if form.tokens:
        return _of_tokens(X, index)
    time_axis = estimator._time_axis(fold.shape)
    apart = sizes_are_far_apart(X, index, fold.shape, time_axis)
    return {"standardize": "sample" if apart else True}


def _of_table(X, index, columns):
    n_categories = () if columns is None else columns.n_categories
    missing = validation.missing_features(X, index)
    if n_categories:
        missing = tuple(j for j in missing if not n_categories[j])
    return {"n_categories": n_categories, "missing": missing}


def _of_tokens(X, index):
    rows = X if len(index) == len(X) else X[index]
    return {"vocabulary_size": vocabulary_size(rows)}
