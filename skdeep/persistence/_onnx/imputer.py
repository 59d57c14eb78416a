"""SimpleImputer for numbers of any precision, texts and indicators.

skl2onnx's own knows numbers of single precision alone, and no texts that are missing.
"""

import numpy as np

from skdeep._availability import optional
from skdeep.persistence._onnx.columns import MISSING_TEXT
from skdeep.persistence._onnx.graph import ML


def set_output_type(operator):
    """Tell skl2onnx the type and the width of the output."""
    imputer, given = operator.raw_operator, operator.inputs[0].type
    width = len(imputer.statistics_)
    if imputer.indicator_ is not None:
        width += len(imputer.indicator_.features_)
    operator.outputs[0].type = type(given)([None, width])


def convert_imputer(scope, operator, container):
    """Add the nodes of a SimpleImputer to a graph of skl2onnx.

    Raises
    ------
    NotImplementedError
        If it drops columns, or takes something else than NaN or None for missing.
    """
    imputer, given = operator.raw_operator, operator.inputs
    sought, values = imputer.missing_values, imputer.statistics_
    if sought is not None and sought == sought:
        raise NotImplementedError(f"`missing_values` is {sought!r}, not NaN")
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise NotImplementedError("it drops columns without any value")
    nodes = _Nodes(scope, container)
    x = given[0].full_name
    if len(given) > 1:
        x = nodes.add("Concat", *(v.full_name for v in given), axis=1)
    dtype = _dtype_of(given[0].type)
    if dtype is np.str_:
        found = nodes.add(
            "LabelEncoder",
            x,
            version=2,
            op_domain=ML,
            keys_strings=[MISSING_TEXT],
            values_int64s=[1],
            default_int64=0,
        )
        missing = nodes.cast(found, np.bool_)
    else:
        missing = nodes.add("IsNaN", x)
    parts = [nodes.add("Where", missing, nodes.constant(values[None], dtype), x)]
    if imputer.indicator_ is not None:
        indices = nodes.constant(imputer.indicator_.features_, np.int64)
        indicator = nodes.add("Gather", missing, indices, axis=1)
        parts.append(nodes.cast(indicator, dtype))
    nodes.add("Concat", *parts, axis=1, to=operator.outputs[0].full_name)


def _dtype_of(kind):
    types = optional("skl2onnx.common.data_types", "export")
    if isinstance(kind, types.StringTensorType):
        return np.str_
    return np.float64 if isinstance(kind, types.DoubleTensorType) else np.float32


class _Nodes:
    """Writes into a graph of skl2onnx."""

    def __init__(self, scope, container):
        self.scope, self.container = scope, container
        self.helper = optional("onnx.helper", "export")

    def add(self, op, *inputs, to=None, version=13, **attributes):
        output = to or self.scope.get_unique_variable_name(op)
        self.container.add_node(
            op,
            list(inputs),
            [output],
            name=self.scope.get_unique_operator_name(op),
            op_version=version,
            **attributes,
        )
        return output

    def cast(self, x, dtype):
        output = self.scope.get_unique_variable_name("Cast")
        kind = self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.container.add_node("Cast", [x], [output], op_version=13, to=kind)
        return output

    def constant(self, values, dtype):
        array = np.asarray(values).astype(dtype)
        name = self.scope.get_unique_variable_name("constant")
        kind = self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        content = array.ravel().tolist()
        if dtype is np.str_:
            content = [text.encode() for text in content]
        self.container.add_initializer(name, kind, array.shape, content)
        return name
