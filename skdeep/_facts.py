"""What a net has to know about its input, besides the shape."""

from skdeep import _validation as validation
from skdeep._frames import learn_columns
from skdeep._members import modules_of


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


def find_facts(estimator, X, index, columns, going_on):
    """Arguments of the module's class that the data decides.

    Parameters
    ----------
    estimator : BaseDeepClassifier

    X : ndarray or CSR of shape (n_samples, n_features)

    index : ndarray of int
        Positions of the rows that count.

    columns : Columns or None
        Of a table with categories.

    going_on : bool
        Whether training goes on from an earlier fit, whose facts remain.

    Returns
    -------
    facts : dict
    """
    if not estimator._input_format.table:
        return {}
    if going_on:
        config = modules_of(estimator.module_)[0].config
        return {name: config[name] for name in ("n_categories", "missing")}
    n_categories = () if columns is None else columns.n_categories
    missing = validation.missing_features(X, index)
    if n_categories:
        missing = tuple(j for j in missing if not n_categories[j])
    return {"n_categories": n_categories, "missing": missing}
