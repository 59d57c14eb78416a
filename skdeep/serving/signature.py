"""What a model takes and gives, as the archive tells it."""

from typing import NamedTuple

import numpy as np

_DTYPES = {
    "tensor(double)": np.float64,
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(string)": np.str_,
    "tensor(bool)": np.bool_,
    "object": np.object_,
}
_NUMERIC = ("number", "boolean", "token")


class Field(NamedTuple):
    """One column of the input.

    Attributes
    ----------
    name : str or None

    label : str
        For messages; says the position where there is no name.

    kind : {"number", "boolean", "token", "category", "text"}

    missing : bool
        Whether a value may be missing.

    categories : list or None

    dtype : type of numpy
        As the model takes it; str_ for strings, object for anything.
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
        Labels, one for each output; with `multilabel`, the values of each output.

    multilabel : bool
        Whether a row may have any number of labels.
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
        return all(field.kind in _NUMERIC for field in self.fields)

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

    types : dict
        Name of an input of the model to its type, as ONNX Runtime names it. Columns
        that the model does without are missing.

    Returns
    -------
    signature : Signature
    """
    as_columns = (told.get("onnx") or {}).get("layout") == "columns"
    names = input_names(told["inputs"])
    shape = told.get("input_shape")
    return Signature(
        fields=tuple(
            Field(
                name=entry.get("name"),
                label=_label(position, entry.get("name")),
                kind=entry["kind"],
                missing=bool(entry.get("missing")),
                categories=entry.get("categories"),
                dtype=_DTYPES[types.get(name if as_columns else "X", "tensor(double)")],
            )
            for position, (entry, name) in enumerate(
                zip(told["inputs"], names, strict=True)
            )
        ),
        as_columns=as_columns,
        input_shape=None if shape is None else tuple(shape),
        classes=_classes(told),
        multilabel=bool(told.get("multilabel")),
    )


def input_names(inputs):
    """Names that a graph has for columns, each with an input of its own.

    Parameters
    ----------
    inputs : list of dict
        Of the archive's ``signature``.
    """
    return [
        f"x{position}" if entry.get("name") is None else entry["name"]
        for position, entry in enumerate(inputs)
    ]


def _classes(told):
    classes = told["classes"]
    if not told.get("multilabel"):
        return classes
    return [label if isinstance(label, list) else [0, 1] for label in classes]


def _label(position, name):
    return f"feature {position}" if name is None else f"`{name}`"
