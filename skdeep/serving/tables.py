"""Rows as files have them: comma-separated values, and numpy's format."""

import csv
import io
import math
import warnings

import numpy as np

from skdeep.serving.columns import from_text
from skdeep.serving.errors import invalid


def read_csv(reader, signature, text, has_header=None):
    """Rows of a csv file.

    Parameters
    ----------
    reader : RowReader

    signature : Signature

    text : str

    has_header : bool or None, default=None
        None looks whether the first line holds the names of the columns.

    Returns
    -------
    rows : list of ndarray
    """
    if has_header is None:
        has_header = _starts_with_names(text, signature.names)
    if signature.is_numeric and not has_header:
        array = _numbers(text)
        if array is not None:
            return reader.matrix(array)
    try:
        lines = [line for line in csv.reader(io.StringIO(text)) if line]
    except csv.Error as error:
        raise invalid(f"The body must be comma-separated values: {error}.") from None
    names = [name.strip() for name in lines.pop(0)] if has_header and lines else None
    fields = dict(zip(signature.names or (), signature.fields, strict=False))
    by_position = names is None or signature.names is None
    for line in lines:
        for j, cell in enumerate(line):
            if by_position:
                field = signature.fields[j] if j < len(signature.fields) else None
            else:
                field = fields.get(names[j]) if j < len(names) else None
            if field is not None:
                line[j] = from_text(field, cell)
    return reader.split(names, lines)


def _starts_with_names(text, names):
    if names is None:
        return False
    first = next(csv.reader([text.partition("\n")[0].rstrip("\r")]), ())
    return {cell.strip() for cell in first} >= {*names}


def _numbers(text):
    """Matrix of a text that holds nothing but numbers, else None."""
    lines = text.splitlines()
    if not any(line.strip() for line in lines):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return np.loadtxt(lines, delimiter=",", comments=None, ndmin=2)
    except (ValueError, UserWarning):
        return None


def write_csv(rows):
    """Text of a csv file without a header.

    Parameters
    ----------
    rows : iterable of sequences

    Returns
    -------
    text : bytes
    """
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode()


def read_npy(body):
    """Array of numbers in numpy's format; nothing is unpickled.

    Parameters
    ----------
    body : bytes

    Returns
    -------
    array : ndarray
    """
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read(stream)
    except (ValueError, KeyError, SyntaxError, RecursionError, TypeError):
        raise invalid("The body must be an array in numpy's npy format.") from None
    if dtype.kind not in "fiub" or any(size < 0 for size in shape):
        raise invalid(f"The array must hold numbers. Got {dtype}.")
    if math.prod(shape) * dtype.itemsize != len(body) - stream.tell():
        raise invalid("The array must be as long as its header says.")
    array = np.frombuffer(body, dtype, offset=stream.tell())
    return array.reshape(shape, order="F" if fortran else "C")


def write_npy(array):
    """Bytes of an array in numpy's format."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=False)
    return stream.getvalue()
