"""Tables as arrays of numbers, which is all that lime can change, and back."""

import numpy as np

from skdeep._fitting import for_encoded
from skdeep._frames import is_frame, learn_columns
from skdeep.inspection._groups import column_names, layout, place_names


class Table:
    """Numbers in place of rows: categories are 0, 1, ..., and the last is missing.

    Parameters
    ----------
    encode : callable
        Rows to ndarray of shape (n_samples, n_columns); NaN for missing categories.

    predict : callable
        From what `encode` returns to probabilities.

    columns : Columns or None
        Which ones hold categories.

    shape, axes : tuple
        Of one sample.

    names : list of str or None
        Of the columns.

    Attributes
    ----------
    categories : dict
        Position of a column to the names of its categories.
    """

    def __init__(self, encode, predict, columns, shape, axes, names):
        self._encode, self._predict = encode, predict
        self.shape, self.axes = shape, axes
        self.names = names or place_names(shape, axes)
        self.categories = {}
        if columns is not None:
            self.categories = {
                j: [str(category) for category in codes]
                for j, codes in enumerate(columns.categories)
                if codes is not None
            }

    def encode(self, X):
        """Rows as numbers, float64."""
        encoded = np.array(self._encode(X), dtype=np.float64)
        for j, categories in self.categories.items():
            encoded[np.isnan(encoded[:, j]), j] = len(categories)
        return encoded

    def predict(self, encoded):
        """Probabilities of rows as numbers."""
        encoded = np.array(encoded)
        for j, categories in self.categories.items():
            encoded[encoded[:, j] == len(categories), j] = np.nan
        return self._predict(encoded)


def read_table(estimator, net, steps, X):
    """Find out how rows like those of `X` become numbers.

    Parameters
    ----------
    estimator, net : estimator
        The Pipeline and its last step, or twice the same.

    steps : list
        Those before it.

    X : array-like or data frame

    Returns
    -------
    table : Table
    """
    X = X if is_frame(X) else np.asarray(X)
    places = (*layout(net, steps, X), column_names(X))
    if not steps:
        of_numbers = for_encoded(net).predict_proba
        return Table(net._check_X, of_numbers, net._columns, *places)
    if not is_frame(X):
        return Table(
            lambda X: np.reshape(X, (len(X), -1)),
            lambda rows: estimator.predict_proba(rows.reshape(-1, *X.shape[1:])),
            None,
            *places,
        )
    columns = learn_columns(X, "from_dtype", declared=False)

    def predict(encoded):
        return estimator.predict_proba(_decode(encoded, columns, X))

    encode = np.asarray if columns is None else columns.encode
    return Table(encode, predict, columns, *places)


def _decode(encoded, columns, X):
    """Build a frame of the same kind as `X`."""
    data, kinds = {}, {}
    for j, name in enumerate(X.columns):
        codes = columns and columns.categories[j]
        data[name] = encoded[:, j]
        if codes is not None:
            category_of = dict(zip(codes.values(), codes, strict=True))
            data[name] = list(map(category_of.get, encoded[:, j].tolist()))
            kinds[name] = X[name].dtype
    frame = type(X)(data)
    return frame.astype(kinds) if hasattr(frame, "astype") else frame
