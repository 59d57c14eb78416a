"""What a model takes and gives, as the archive tells it."""

from typing import NamedTuple

import numpy as np

_DTYPES = {
    "tensor(double)": np.float64,
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(string)": np.object_,
    "tensor(bool)": np.bool_,
}


class Field(NamedTuple):
    """One column of the input.

    Attributes
    ----------
    name : str or None

    label : str
        For messages; says the position where there is no name.

    kind : {"number", "boolean", "token", "category"}

    missing : bool
        Whether a value may be missing.

    categories : list or None

    dtype : type of numpy
        As the model takes it; object for strings.
    """

    name: str | None
    label: str
    kind: str
    missing: bool
    categories: list | None
    dtype: type


class Signature(NamedTuple):
    """What a model takes and gives.

    Attributes
    ----------
    fields : tuple of Field

    as_columns : bool
        Whether the model takes each column by itself, or one matrix.

    input_shape : tuple of int or None
        Of one sample that may be sent folded.

    classes : list
        Labels; with `multilabel`, a list of two labels for each output.

    multilabel : bool
    """

    fields: tuple
    as_columns: bool
    input_shape: tuple | None
    classes: list
    multilabel: bool

    @property
    def names(self):
        """Names of the columns, or None if they have none."""
        names = [field.name for field in self.fields]
        return None if None in names else names

    @property
    def dtype(self):
        """Type of the matrix."""
        return self.fields[0].dtype

    @property
    def is_numeric(self):
        """Whether every column is one of numbers."""
        return all(field.kind != "category" for field in self.fields)

    @property
    def n_outputs(self):
        """Number of columns of the probabilities."""
        return len(self.classes)


def read_signature(told, types):
    """Make a signature of what the archive tells.

    Parameters
    ----------
    told : dict
        The archive's ``signature``.

    types : list of str
        Types of the model's inputs, as ONNX Runtime names them: one, or one for each
        column.

    Returns
    -------
    signature : Signature
    """
    inputs = told["inputs"]
    as_columns = (told.get("onnx") or {}).get("layout") == "columns"
    dtypes = [_DTYPES[name] for name in types]
    if not as_columns:
        dtypes *= len(inputs)
    shape = told.get("input_shape")
    return Signature(
        fields=tuple(
            Field(
                name=entry.get("name"),
                label=_label(position, entry.get("name")),
                kind=entry["kind"],
                missing=bool(entry.get("missing")),
                categories=entry.get("categories"),
                dtype=dtype,
            )
            for position, (entry, dtype) in enumerate(zip(inputs, dtypes, strict=True))
        ),
        as_columns=as_columns,
        input_shape=None if shape is None else tuple(shape),
        classes=told["classes"],
        multilabel=bool(told.get("multilabel")),
    )


def _label(position, name):
    return f"feature {position}" if name is None else f"`{name}`"
