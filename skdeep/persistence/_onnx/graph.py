"""A graph that is written node by node."""

import numpy as np

from skdeep._availability import optional

# Old enough for runtimes of 2022. Nodes are alike from the oldest on.
OPSET, OLDEST_OPSET, ML_OPSET, IR_VERSION = 15, 13, 2, 8
ML = "ai.onnx.ml"


class Graph:
    """Nodes and constants; values go by their names.

    Parameters
    ----------
    dtype : numpy.dtype

    Attributes
    ----------
    initializers : list of onnx.TensorProto
        Constants of nodes that another tool made.

    opsets : dict
        Domain to version.

    dtype : numpy.dtype
        Float type of what comes next.

    n_spatial : int
        Axes of a map beside its channels; 0 for vectors.
    """

    def __init__(self, dtype):
        self.dtype, self.n_spatial = np.dtype(dtype), 0
        self.nodes, self.constants, self.inputs = [], {}, []
        self.initializers = []
        self.opsets = {"": OPSET, ML: ML_OPSET}
        self._helper = optional("onnx.helper", "export")
        self._numpy = optional("onnx.numpy_helper", "export")

    def add(self, op, *operands, n_outputs=1, domain="", **attributes):
        """Append a node.

        Parameters
        ----------
        op : str

        *operands : str, ndarray or number
            Names of values, or constants; numbers take the graph's float type.

        n_outputs : int

        domain : str

        **attributes
            Of the node.

        Returns
        -------
        names : str or list of str
            Of the outputs.
        """
        number = len(self.nodes)
        outputs = [f"net/{op}_{number}_{i}" for i in range(n_outputs)]
        inputs = [self._name(operand) for operand in operands]
        node = self._helper.make_node(
            op, inputs, outputs, name=f"net/{op}_{number}", domain=domain, **attributes
        )
        self.nodes.append(node)
        return outputs[0] if n_outputs == 1 else outputs

    def _name(self, operand):
        if isinstance(operand, str):
            return operand
        if isinstance(operand, float):
            operand = np.array(operand, self.dtype)
        array = np.ascontiguousarray(operand).reshape(np.shape(operand))
        key = (array.dtype.str, array.shape, array.tobytes())
        name = f"net/constant_{len(self.constants)}"
        return self.constants.setdefault(key, (name, array))[0]

    def floats(self, array):
        """Constant of the graph's float type, of an array or a tensor."""
        return np.asarray(array.detach().numpy(), dtype=self.dtype)

    def integers(self, *values):
        """Constant vector of int64."""
        return np.array(values, dtype=np.int64)

    def cast(self, x, dtype):
        """Change the type of a value."""
        return self.add("Cast", x, to=self._type(dtype))

    def to_dtype(self, x):
        """Give a value the graph's float type."""
        return self.cast(x, self.dtype)

    def declare(self, name, dtype, *shape):
        """Add an input of the model."""
        self.inputs.append(self._value(name, self._type(dtype), shape))
        return name

    def _value(self, name, kind, shape):
        return self._helper.make_tensor_value_info(name, kind, ["n", *shape])

    def _type(self, dtype):
        return self._helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def finish(self, x, name, dtype, width, properties):
        """Make `x` the only output.

        Returns
        -------
        model : onnx.ModelProto
        """
        helper = self._helper
        self.nodes.append(helper.make_node("Identity", [x], [name], name="net/output"))
        graph = helper.make_graph(
            self.nodes,
            "skdeep",
            self.inputs,
            [self._value(name, self._type(dtype), (width,))],
            [
                *self.initializers,
                *(self._numpy.from_array(a, key) for key, a in self.constants.values()),
            ],
        )
        model = helper.make_model(
            graph,
            producer_name="skdeep",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid(*pair) for pair in self.opsets.items()],
        )
        helper.set_model_props(model, properties)
        return model
