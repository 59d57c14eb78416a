"""Plain values as JSON and named arrays, and back; neither way runs any code of theirs.

What JSON lacks is an object with one key: {"$tuple": [...]}, {"$array": "name"}, ...
"""

import math

import numpy as np

from skdeep._archive import ArchiveError

_PLAIN = (type(None), bool, int, str)
# No longer floats and no complex numbers: safetensors has none.
_NUMBERS = {
    np.dtype(kind + size)
    for kind, sizes in (("b", "1"), ("i", "1248"), ("u", "1248"), ("f", "248"))
    for size in sizes
}

# Texts of an array have room for so many characters, however short they are.
_WIDTH = 1024
# Of the Mersenne twister.
_N_KEYS = 624
_MISFITS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class NotPlainError(TypeError):
    """Something that no JSON and no array of numbers can say.

    Attributes
    ----------
    where : tuple
        Keys that lead to it.

    value : object
    """

    def __init__(self, where, value):
        super().__init__(f"{value!r} is no plain value")
        self.where, self.value = where, value


def encode(value, where, arrays):
    """Turn a value into what JSON can say.

    Parameters
    ----------
    value : object
        None, booleans, numbers, strings, bytes, arrays of these, RandomState, and
        tuples, lists and dicts of them.

    where : tuple of str
        Path of the value, which gives arrays their names.

    arrays : dict
        Gets the arrays of numbers.

    Returns
    -------
    encoded : object

    Raises
    ------
    NotPlainError
        If there is anything else.
    """
    kind = type(value)
    if kind in _PLAIN or (kind is float and math.isfinite(value)):
        return value
    if kind is float:
        return {"$float": str(value)}
    if kind is bytes:
        return {"$bytes": value.hex()}
    if isinstance(value, np.generic) and _is_text_or_number(value.dtype):
        item = value.item()
        return {"$scalar": [value.dtype.str, encode(item, where, arrays)]}
    if isinstance(value, np.ndarray):
        return _encode_array(value, where, arrays)
    if kind is np.random.RandomState:
        return {"$RandomState": encode(value.get_state(), (*where, "state"), arrays)}
    if isinstance(value, (list, tuple)):
        items = _encode_all(value, where, arrays)
        return items if isinstance(value, list) else {"$tuple": items}
    if isinstance(value, dict):
        return _encode_dict(value, where, arrays)
    raise NotPlainError(where, value)


def _encode_all(values, where, arrays):
    return [encode(v, (*where, str(i)), arrays) for i, v in enumerate(values)]


def _encode_dict(value, where, arrays):
    if all(type(key) is str and not key.startswith("$") for key in value):
        return {key: encode(v, (*where, key), arrays) for key, v in value.items()}
    return {
        "$dict": [
            _encode_all(pair, (*where, str(i)), arrays)
            for i, pair in enumerate(value.items())
        ]
    }


def _encode_array(value, where, arrays):
    if value.dtype.newbyteorder("=") in _NUMBERS:
        name = "/".join(where)
        while name in arrays:
            name += "_"
        # safetensors writes the memory as it lies, whatever its order.
        arrays[name] = np.array(value, value.dtype.newbyteorder("<"), order="C")
        return {"$array": name}
    if type(value) is np.ndarray and value.dtype.kind in "UO":
        values = _encode_all(value.ravel().tolist(), where, arrays)
        return {"$values": [value.dtype.str, list(value.shape), values]}
    raise NotPlainError(where, value)


def _is_text_or_number(dtype):
    return dtype in _NUMBERS or dtype.kind == "U"


def decode(encoded, arrays, used):
    """Turn what `encode` returned into the value.

    Parameters
    ----------
    encoded : object
        From a file that anyone may have written.

    arrays : dict
        Name to ndarray.

    used : set
        Gets the names of the arrays that occur.

    Returns
    -------
    value : object

    Raises
    ------
    ArchiveError
        If `encode` never writes such a thing.
    """
    if isinstance(encoded, list):
        return [decode(item, arrays, used) for item in encoded]
    if not isinstance(encoded, dict):
        return encoded
    if not any(key.startswith("$") for key in encoded):
        return {key: decode(value, arrays, used) for key, value in encoded.items()}
    try:
        ((kind, content),) = encoded.items()
        return _DECODERS[kind](content, arrays, used)
    except ArchiveError:
        raise
    except _MISFITS as error:
        raise ArchiveError(f"it holds no value: {str(encoded)[:80]} ({error}).") from (
            error
        )


def _decode_float(content, arrays, used):
    if content not in ("nan", "inf", "-inf"):
        raise ValueError("not a special number")
    return float(content)


def _decode_array(content, arrays, used):
    used.add(content)
    return np.array(arrays[content])


def _decode_values(content, arrays, used):
    text, shape, encoded = content
    dtype = np.dtype(text)
    values = [decode(item, arrays, used) for item in encoded]
    if dtype.kind == "U" and all(type(value) is str for value in values):
        # The file must not decide how much memory its texts take.
        longest = max(map(len, values), default=0)
        dtype = np.dtype(f"U{min(dtype.itemsize // 4, max(longest, _WIDTH))}")
    elif dtype != np.dtype(object):
        raise ValueError("not an array of texts or objects")
    array = np.empty(len(values), dtype)
    for i, value in enumerate(values):
        array[i] = value
    return array.reshape(shape)


def _decode_scalar(content, arrays, used):
    text, encoded = content
    dtype = np.dtype(text)
    value = decode(encoded, arrays, used)
    if dtype.kind == "U" and type(value) is str:
        return np.str_(value)
    if dtype not in _NUMBERS or type(value) not in (bool, int, float):
        raise ValueError("not a number or a text")
    return dtype.type(value)


def _decode_dict(content, arrays, used):
    pairs = [(decode(k, arrays, used), decode(v, arrays, used)) for k, v in content]
    return dict(pairs)


def _decode_random_state(content, arrays, used):
    state = decode(content, arrays, used)
    _, keys, position, *_ = state
    # numpy reads beyond its array without asking.
    if not (keys.shape == (_N_KEYS,) and 0 <= position <= _N_KEYS):
        raise ValueError("not a state of the Mersenne twister")
    random_state = np.random.RandomState()
    random_state.set_state(state)
    return random_state


_DECODERS = {
    "$array": _decode_array,
    "$bytes": lambda content, arrays, used: bytes.fromhex(content),
    "$dict": _decode_dict,
    "$float": _decode_float,
    "$RandomState": _decode_random_state,
    "$scalar": _decode_scalar,
    "$tuple": lambda content, arrays, used: tuple(decode(content, arrays, used)),
    "$values": _decode_values,
}
