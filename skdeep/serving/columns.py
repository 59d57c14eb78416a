"""The values of one column, checked."""

import numpy as np

from skdeep.serving.errors import invalid, shown

# What stands for a missing category among strings, and does so if "" is a category.
_NONE, _OTHER_NONE = "", "\N{REPLACEMENT CHARACTER}"


def read_column(field, values, unknown_categories=False):
    """Check the values of a column and make an array of them.

    Parameters
    ----------
    field : Field

    values : sequence
        Of JSON's values, or an ndarray of numbers.

    unknown_categories : bool, default=False
        Whether categories that training didn't see are let through.

    Returns
    -------
    array : ndarray of shape (n_rows,) and type `field.dtype`

    Raises
    ------
    RequestError
        Names the column, the row, what was expected and what came.
    """
    if field.kind in ("category", "text"):
        return _categories(field, values, unknown_categories)
    numbers = _numbers(field, values)
    if field.kind == "token":
        _refuse(field, values, (numbers < 0) | (np.floor(numbers) != numbers))
        # The model takes any code beyond its vocabulary for an unknown token.
        return np.minimum(numbers, 2.0**62).astype(field.dtype)
    if field.kind == "boolean":
        _refuse(field, values, ~np.isin(numbers, (0, 1)) & ~np.isnan(numbers))
    with np.errstate(over="ignore"):
        array = numbers.astype(field.dtype)
    _refuse(field, values, np.isinf(array) if array.dtype.kind == "f" else None)
    return array


def _numbers(field, values):
    """Float64, with NaN where a value is missing and may be."""
    array = values if isinstance(values, np.ndarray) else _array(values)
    if array is None or array.dtype.kind not in "fiub":
        array = np.array(
            [_number(field, row, value) for row, value in enumerate(values)], float
        )
    array = array.astype(np.float64, copy=False)
    wrong = np.isinf(array) if field.missing else ~np.isfinite(array)
    _refuse(field, values, wrong)
    return array


def _array(values):
    try:
        array = np.array(values)
    except (ValueError, OverflowError):
        return None
    return array if array.ndim == 1 else None


def _number(field, row, value):
    if value is None and field.missing:
        return np.nan
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            # An integer beyond all floats.
            return np.inf
    raise _wrong(field, row, value)


def _categories(field, values, unknown_categories):
    known = None if field.categories is None else {*field.categories}
    open_to_all = known is None or unknown_categories
    found = []
    for row, value in enumerate(values):
        if value is None or value != value:
            fine, value = field.missing, missing_value(field)
        elif known is not None and _is_in(value, known):
            fine = True
        else:
            fine, value = open_to_all and _can_be_one(value), _unknown(field, value)
        if not fine:
            raise _wrong(field, row, values[row])
        found.append(value)
    as_object = field.dtype in (np.str_, np.object_)
    column = np.empty(len(found), object if as_object else field.dtype)
    column[:] = found
    return column


def _is_in(value, known):
    return isinstance(value, (str, int, float)) and value in known


def _can_be_one(value):
    """Whether a category may be such a value; half of a pair of surrogates mayn't."""
    if isinstance(value, str):
        return value.isascii() or value.encode("utf-8", "ignore").decode() == value
    return isinstance(value, (int, float)) and abs(value) < 2.0**63


def _unknown(field, value):
    """What the model gets for a category that it doesn't know."""
    if field.dtype is np.str_:
        return value if isinstance(value, str) else missing_value(field)
    if field.dtype is np.object_ or not isinstance(value, str):
        return value
    return np.nan


def missing_value(field):
    """What stands for a missing category."""
    if field.dtype is np.str_:
        return _OTHER_NONE if _NONE in (field.categories or ()) else _NONE
    return None if field.dtype is np.object_ else np.nan


def _refuse(field, values, wrong):
    if wrong is not None and wrong.any():
        row = int(wrong.argmax())
        value = values[row]
        value = value.item() if isinstance(value, np.generic) else value
        raise _wrong(field, row, value)


def _wrong(field, row, value):
    return invalid(
        f"{field.label} of row {row} must be {expected(field)}. Got {shown(value)}."
    )


def expected(field):
    """What a value of the column must be, in words."""
    if field.kind == "token":
        return "a non-negative integer, the code of a token"
    if field.kind == "boolean":
        rule = "true or false"
    elif field.kind == "number":
        single = field.dtype is np.float32
        rule = f"a finite number{' of 32 bits' if single else ''}"
    elif field.categories is None:
        rule = "a string"
    else:
        rule = f"one of {shown(field.categories, 200)}"
    return f"{rule}, or null" if field.missing else rule


def from_text(field, text):
    """The value that a cell of a csv file stands for; text that stands for none stays.

    Parameters
    ----------
    field : Field

    text : str

    Returns
    -------
    value : str, float, bool or None
    """
    text = text.strip()
    if field.kind in ("category", "text"):
        return _category_from_text(field, text)
    if not text:
        return None
    if field.kind == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return float(text)
    except ValueError:
        return text


def _category_from_text(field, text):
    for category in field.categories or ():
        if str(category) == text:
            return category
    return text or None
