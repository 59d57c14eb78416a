"""Rows to compare a graph with its model on."""

import numpy as np
from scipy import sparse

from skdeep._frames import is_frame
from skdeep._members import modules_of
from skdeep.modules import InputStandardizer, SampleStandardizer

N_ROWS = 64
_UNKNOWN = "\N{REPLACEMENT CHARACTER} unknown"


def take(X):
    """Evenly spaced rows of the user's."""
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    index = np.unique(np.linspace(0, n - 1, N_ROWS).astype(int)) if n else []
    if is_frame(X):
        return X.iloc[index] if hasattr(X, "iloc") else X[index]
    return X[index].toarray() if sparse.issparse(X) else np.asarray(X)[index]


def of_net(net, inputs):
    """Draw rows for a net: like its training data, and stranger ones.

    Parameters
    ----------
    net : estimator

    inputs : list of dict
        Of the signature.

    Returns
    -------
    rows : ndarray of shape (n_samples, n_features)
        Of objects if there are texts.
    """
    random_state, form = np.random.RandomState(0), net._input_format
    n_features = net.n_features_in_
    if form.tokens:
        return _tokens(net, random_state)
    rows = _numbers(net, random_state)
    if form.padded and net._time_axis(net._fold.shape) is not None:
        return _padded(net, rows)
    if not form.table:
        return rows
    rows[random_state.rand(*rows.shape) < 0.1] = np.nan
    if net._columns is None:
        return rows
    rows = rows.astype(object)
    for j in range(n_features):
        if net._columns.categories[j] is not None:
            rows[:, j] = _draw(inputs[j], random_state)
    return rows


def _numbers(net, random_state):
    """Normal numbers, of the mean and the deviation of the training data if known."""
    rows = random_state.standard_normal((N_ROWS, *net._fold.module_shape))
    for part in modules_of(net.to_module())[0].modules():
        if isinstance(part, (InputStandardizer, SampleStandardizer)):
            numbers = slice(None)
            if net._columns is not None:
                numbers = ~net._columns.is_categorical
            deviation, center = part.deviation.numpy(), part.center.numpy()
            rows[:, numbers] = rows[:, numbers] * deviation + center
            # What is inside of it scales something else.
            break
    if net._fold.channels_last:
        rows = np.moveaxis(rows, 1, -1)
    rows = rows.reshape(N_ROWS, -1)
    # Servers meet rows that are nothing like the training data.
    rows[-4:] *= 3
    rows[-1] = 0.0
    return rows


def _padded(net, rows):
    axis = net._time_axis(net._fold.shape)
    folded = rows.reshape(N_ROWS, *net._fold.shape)
    by_step = np.moveaxis(folded, axis + 1, 1)
    n_steps = by_step.shape[1]
    for i in range(1, N_ROWS, 2):
        by_step[i, 1 + i * n_steps // N_ROWS :] = np.nan
    return folded.reshape(N_ROWS, -1)


def _tokens(net, random_state):
    n_features = net.n_features_in_
    size = modules_of(net.to_module())[0].vocabulary_size
    rows = random_state.randint(0, size + 3, (N_ROWS, n_features))
    for i in range(0, N_ROWS, 2):
        rows[i, i * n_features // N_ROWS :] = 0
    return rows


def of_pipeline(inputs, strange):
    """Draw rows for a Pipeline.

    Parameters
    ----------
    inputs : list of dict
        Of the signature.

    strange : bool
        Whether to draw what is missing, where it may be, and unknown categories.

    Returns
    -------
    rows : ndarray of shape (n_samples, n_features)
        Of objects if there are texts.
    """
    random_state = np.random.RandomState(0)
    columns = []
    for column in inputs:
        values = random_state.standard_normal(N_ROWS)
        if column["kind"] == "boolean":
            values = values > 0
        elif column["kind"] == "category":
            values = _draw(column, random_state, strange)
        elif strange and column["missing"]:
            values[random_state.rand(N_ROWS) < 0.1] = np.nan
        columns.append(values)
    mixed = any(column.dtype == object for column in map(np.asarray, columns))
    return np.array(columns, dtype=object if mixed else np.float64).T


def _draw(column, random_state, strange=True):
    """Categories, and perhaps an unknown one, and None where one may be missing."""
    known = list(column["categories"])
    if strange:
        text = not known or isinstance(known[0], str)
        known.append(_UNKNOWN if text else max(known) + 1)
        if column["missing"]:
            known.append(None if text else np.nan)
    values = np.empty(N_ROWS, dtype=object)
    values[:] = [known[i] for i in random_state.randint(0, len(known), N_ROWS)]
    return values
