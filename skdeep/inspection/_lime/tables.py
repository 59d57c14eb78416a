"""LIME of tables and series."""

import numpy as np
from lime.lime_tabular import LimeTabularExplainer

from skdeep._frames import is_frame


def explain_table(
    asked, table, sample, X, *, discretize, n_features, n_samples, random_state
):
    """Explain a row of a table, or a series, by its numbers and categories.

    What the sample lacks, such as the padding of a short series, is left as it is.
    """
    encoded = table.encode(X)
    row = table.encode(_as_batch(sample, X))
    if row.shape != (1, encoded.shape[1]):
        raise ValueError(
            f"`sample` must be one sample like those of `X`. Got {np.shape(sample)} "
            f"for X of shape {np.shape(X)}."
        )
    present = np.flatnonzero(~np.isnan(row[0]))
    encoded = encoded[:, present]
    encoded = encoded[~np.isnan(encoded).any(axis=1)]
    if not len(encoded):
        raise ValueError(
            "`X` must have a sample that has all that `sample` has; impute what is "
            "missing."
        )
    ask, code, names = asked.choose(row)

    def predict(part):
        rows = np.repeat(row, len(part), axis=0)
        rows[:, present] = part
        return ask(rows)

    of_category = [k for k, j in enumerate(present) if j in table.categories]
    explanation = LimeTabularExplainer(
        encoded,
        feature_names=[table.names[j] for j in present],
        categorical_features=of_category,
        categorical_names={
            k: [*table.categories[present[k]], "missing"] for k in of_category
        },
        class_names=names,
        discretize_continuous=discretize,
        random_state=random_state,
    ).explain_instance(
        row[0, present],
        predict,
        labels=(code,),
        num_features=n_features or len(present),
        num_samples=n_samples,
    )
    attributions = np.zeros(row.shape)
    for k, weight in explanation.local_exp[code]:
        attributions[0, present[k]] = weight
    shape = (1, *np.shape(X)[1:])
    return asked.tell(
        explanation,
        code,
        attributions.reshape(shape),
        X=_as_batch(sample, X) if is_frame(X) else row.reshape(shape),
        shape=table.shape,
        axes=table.axes,
        feature_names=np.array(table.names),
    )


def _as_batch(sample, X):
    """One sample with an axis of samples, of the kind of `X`."""
    if is_frame(sample):
        return sample
    if is_frame(X):
        # A row of a frame: a Series, or a tuple or an array in the order of columns.
        values = list(np.asarray(sample, dtype=object).ravel())
        data = {name: [value] for name, value in zip(X.columns, values, strict=True)}
        frame = type(X)(data)
        return frame.astype(X.dtypes) if hasattr(frame, "astype") else frame
    sample = np.asarray(sample)
    return sample.reshape(1, *np.shape(X)[1:])
