"""The validation split of early stopping; numpy only."""

import numpy as np

_CHUNK_ROWS = 4096


def split_validation(X, codes, weight, validation_fraction, seed, index):
    """Hold out a part of each class, equal rows together.

    Rows that are equal stay on one side: samples that an oversampler has repeated
    can't be trained and validated on at once, and weights act as repetitions do.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)

    codes : ndarray
        Classes of shape (n_samples,); a matrix of labels is not stratified.

    weight : ndarray of shape (n_samples,) or None
        Sample weights.

    validation_fraction : float
        Share of the weight of each class, in (0, 1). At least one row of a class is
        held out, and at least one is not.

    seed : int

    index : ndarray of int
        Positions of the rows to split.

    Returns
    -------
    train, validation : ndarray of int
        Positions among all rows.

    Raises
    ------
    ValueError
        If a class has a single sample.
    """
    strata = codes[index] if codes.ndim == 1 else np.zeros(len(index), dtype=np.int64)
    weight = np.ones(len(strata)) if weight is None else weight[index]
    _check_members(strata, weight)
    rng = np.random.default_rng(seed)
    keys = _row_keys(X, rng)[index]
    held_out = np.zeros(len(strata), dtype=bool)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        _, group = np.unique(keys[members], return_inverse=True)
        group_weight = np.bincount(group, weights=weight[members])
        order = rng.permutation(len(group_weight))
        share = np.cumsum(group_weight[order]) / group_weight.sum()
        n_held_out = 1 + int(np.argmin(np.abs(share - validation_fraction)))
        n_held_out = min(n_held_out, len(order) - 1)
        held_out[members] = np.isin(group, order[:n_held_out])
    if not held_out.any():
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the "
            "size of your dataset."
        )
    return index[~held_out], index[held_out]


def _check_members(strata, weight):
    values, n_members = np.unique(strata, return_counts=True)
    # A lone row of weight two stands for two samples.
    heavy = np.bincount(strata, weights=weight)[values] > 1
    lonely = values[(n_members == 1) & ~heavy]
    if len(lonely):
        # As scikit-learn's MLPClassifier, which knows two classes as False and True.
        names = lonely.astype(bool) if values[-1] == 1 else lonely
        raise ValueError(
            "The least populated classes in y have only 1 member, which is too few for "
            "early_stopping=True: each class needs one sample to train and one to "
            f"validate on. Classes with too few members are: {[str(n) for n in names]}."
        )


def _row_keys(X, rng):
    """One random number per row, the same for equal rows."""
    direction = rng.standard_normal(X.shape[1])
    if not isinstance(X, np.ndarray):
        return X @ direction
    keys = np.empty(len(X))
    for start in range(0, len(X), _CHUNK_ROWS):
        rows = np.nan_to_num(X[start : start + _CHUNK_ROWS], nan=np.pi)
        # A matrix product could round equal rows differently.
        keys[start : start + _CHUNK_ROWS] = (rows * direction).sum(1)
    return keys
