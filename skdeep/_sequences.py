"""What sequences must be like: where they are padded, and which tokens they hold."""

import numpy as np

from skdeep._validation import surely_complete

# float32 holds all integers up to here.
_MOST_CODES = 2**24
# What `sizes_are_far_apart` looks at, and its bound.
_MOST_SAMPLES, _FAR_APART = 1000, 100.0


def check_padding(X, input_shape, time_axis=0):
    """Refuse NaN anywhere but in whole time steps at the end of a sequence.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Flat samples.

    input_shape : tuple of int
        Shape of one sample as the user lays it out.

    time_axis : int or None
        Axis of one sample that holds the time steps; None for images.
    """
    if surely_complete(X):
        return
    missing = np.isnan(X)
    if not missing.any():
        return
    if time_axis is None:
        raise ValueError(
            "Input X contains NaN, and images must have none "
            f"(input_shape={input_shape}); impute missing values first."
        )
    missing = np.moveaxis(missing.reshape(len(X), *input_shape), time_axis + 1, 1)
    step_missing = missing.all(2)
    partial = (missing.any(2) != step_missing).any(1)
    gap = (step_missing[:, :-1] & ~step_missing[:, 1:]).any(1)
    for rule, bad in (
        ("have no NaN among the features of an observed time step", partial),
        ("have no NaN before or between observed time steps", gap),
        ("have at least one observed time step", step_missing.all(1)),
    ):
        if bad.any():
            raise ValueError(
                f"Every sequence must {rule}: NaN only pads the end. "
                f"Got a violation in sample {int(np.flatnonzero(bad)[0])} "
                f"(input_shape={input_shape}); impute missing values first."
            )


def sizes_are_far_apart(X, index, input_shape, time_axis):
    """Whether some series vary a hundred times as much as others.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Flat samples.

    index : ndarray of int
        Positions of the samples that count. A thousand of them tell enough.

    input_shape, time_axis
        As for `check_padding`.

    Returns
    -------
    apart : bool
        The lowest and the highest tenth are left out of account, and so are constant
        series. Images never are.
    """
    if time_axis is None:
        return False
    rows = X[index[:: -(-len(index) // _MOST_SAMPLES)]]
    series = rows.reshape(len(rows), *input_shape).astype(np.float64)
    deviations = np.nanstd(series, axis=time_axis + 1)
    noise = 10 * np.finfo(X.dtype).eps * abs(np.nanmean(series, axis=time_axis + 1))
    for deviation, rounding in zip(deviations.T, noise.T, strict=True):
        varying = deviation[deviation > rounding]
        low, high = np.quantile(varying, (0.1, 0.9)) if len(varying) else (1.0, 1.0)
        if high > _FAR_APART * low:
            return True
    return False


def check_tokens(X):
    """Refuse what is no code of a token.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite numbers.
    """
    wrong = (X < 0) | (np.floor(X) != X)
    if wrong.any():
        sample = int(np.flatnonzero(wrong.any(1))[0])
        raise ValueError(
            "Every token must be a non-negative integer. "
            f"Got {X[wrong][0]:g} in sample {sample}; SequenceTokenizer turns text "
            "into such codes."
        )


def vocabulary_size(X):
    """Number of codes, up to the largest one in `X`; the first two always count.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Codes of tokens.

    Returns
    -------
    n_codes : int

    Raises
    ------
    ValueError
        If zero, which is padding, comes before another code; or if the codes are too
        large for a table.
    """
    gap = ((X[:, :-1] == 0) & (X[:, 1:] != 0)).any(1)
    if gap.any():
        raise ValueError(
            "Every sequence must have no zero before or between its tokens: 0 only "
            f"pads the end. Got a violation in sample {int(np.flatnonzero(gap)[0])}; "
            "1 is the code of an unknown token."
        )
    largest = int(X.max())
    if largest >= _MOST_CODES:
        raise ValueError(
            f"Tokens must be less than {_MOST_CODES} in fit, which lays a table of "
            f"them out. Got {largest}."
        )
    return max(largest + 1, 2)
