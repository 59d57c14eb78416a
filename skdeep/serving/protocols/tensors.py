"""Tensors of the Open Inference Protocol, as JSON and as bytes."""

import math
import struct

import numpy as np

from skdeep.serving.errors import invalid, shown

NUMBERS = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
TEXT = "BYTES"


def read_tensor(tensor, take):
    """Values of an input.

    Parameters
    ----------
    tensor : dict
        Entry of ``inputs``.

    take : callable
        Number of bytes to the next bytes after the JSON.

    Returns
    -------
    name : str

    array : ndarray
        Of numbers, or of str.
    """
    name, datatype, shape = (tensor.get(key) for key in ("name", "datatype", "shape"))
    if not isinstance(name, str):
        raise invalid(f"Every input must have a `name`. Got {shown(name)}.")
    if datatype != TEXT and (not isinstance(datatype, str) or datatype not in NUMBERS):
        raise invalid(
            f"`datatype` of input {shown(name)} must be one of "
            f"{', '.join((*NUMBERS, TEXT))}. Got {shown(datatype)}."
        )
    if not isinstance(shape, list) or not all(
        type(size) is int and size >= 0 for size in shape
    ):
        raise invalid(
            f"`shape` of input {shown(name)} must be a list of sizes. "
            f"Got {shown(shape)}."
        )
    parameters = tensor.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise invalid(f"`parameters` of input {shown(name)} must be an object.")
    if "shared_memory_region" in parameters:
        raise invalid("Shared memory is not supported.")
    size = parameters.get("binary_data_size")
    if size is None:
        values = _from_json(name, datatype, tensor.get("data"))
    elif type(size) is not int or size < 0:
        raise invalid(f"`binary_data_size` of {shown(name)} must be a number of bytes.")
    else:
        values = _from_bytes(name, datatype, take(size))
    if values.size != math.prod(shape):
        raise invalid(
            f"Input {shown(name)} must have {math.prod(shape)} values, as its shape "
            f"says. Got {values.size}."
        )
    return name, values.reshape(shape)


def _from_json(name, datatype, data):
    if not isinstance(data, list):
        raise invalid(f"`data` of input {shown(name)} must be a list.")
    if datatype == TEXT:
        return np.array(_flat_text(name, data), object)
    try:
        array = np.array(data).ravel()
    except (ValueError, OverflowError):
        array = None
    if array is not None and not array.size:
        return np.empty(0)
    # None stands for a missing number; what may miss is up to the columns.
    if array is None or array.dtype.kind not in "fiubO":
        raise invalid(f"`data` of input {shown(name)} must hold numbers.")
    return array


def _flat_text(name, data):
    flat = []
    for value in data:
        if isinstance(value, list):
            flat.extend(_flat_text(name, value))
        else:
            flat.append(value)
    return flat


def _from_bytes(name, datatype, data):
    if datatype != TEXT:
        dtype = NUMBERS[datatype]
        if len(data) % dtype.itemsize:
            raise invalid(
                f"Input {shown(name)} must have a multiple of {dtype.itemsize} bytes. "
                f"Got {len(data)}."
            )
        return np.frombuffer(data, dtype)
    texts, start = [], 0
    while start < len(data):
        stop = start + 4
        if stop > len(data):
            raise invalid(f"Input {shown(name)} must hold strings and their lengths.")
        (size,) = struct.unpack_from("<I", data, start)
        start, stop = stop, stop + size
        if stop > len(data):
            raise invalid(f"Input {shown(name)} must be as long as its strings are.")
        try:
            texts.append(bytes(data[start:stop]).decode())
        except UnicodeDecodeError:
            raise invalid(f"Strings of {shown(name)} must be in UTF-8.") from None
        start = stop
    return np.array(texts, object)


def write_tensor(name, array, binary):
    """Entry of ``outputs``, and its bytes if they come after the JSON.

    Parameters
    ----------
    name : str

    array : ndarray
        Of numbers, or of str.

    binary : bool

    Returns
    -------
    entry : dict

    data : bytes
    """
    entry = {
        "name": name,
        "datatype": datatype_of(array.dtype),
        "shape": list(array.shape),
    }
    if not binary:
        return {**entry, "data": array.ravel().tolist()}, b""
    if array.dtype.kind == "O":
        texts = [text.encode() for text in array.ravel()]
        data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    else:
        data = np.ascontiguousarray(array, NUMBERS[entry["datatype"]]).tobytes()
    return {**entry, "parameters": {"binary_data_size": len(data)}}, data


def datatype_of(dtype):
    """Name that the protocol has for a type of numpy."""
    dtype = np.dtype(dtype)
    if dtype.kind in "OU":
        return TEXT
    return next(name for name, known in NUMBERS.items() if known == dtype)
