"""Steps of scikit-learn in front of the net, as skl2onnx converts them."""

import logging
import warnings
from contextlib import contextmanager

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from skdeep._availability import optional
from skdeep.persistence._onnx.columns import input_names, is_text
from skdeep.persistence._onnx.graph import OLDEST_OPSET, OPSET
from skdeep.persistence._onnx.imputer import convert_imputer, set_output_type


def prepend(g, front, inputs, layout, dtype):
    """Put the steps at the beginning of a graph.

    Parameters
    ----------
    g : Graph
        An empty one.

    front : list of (str, transformer)

    inputs : list of dict
        Of the signature.

    layout : {"matrix", "columns"}

    dtype : numpy.dtype
        Of the numbers among the inputs.

    Returns
    -------
    x : str
        Name of what the last step returns.

    Raises
    ------
    ValueError
        Names the step that can't be converted.
    """
    if layout == "matrix":
        given = {"X": (dtype, len(inputs))}
    else:
        names = input_names(inputs)
        given = {
            name: (np.dtype(np.str_) if is_text(column) else dtype, 1)
            for name, column in zip(names, inputs, strict=True)
        }
    for name, (kind, width) in given.items():
        g.declare(name, kind, width)
    model = _convert(front, given)
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    if opsets.get("", OPSET) < OLDEST_OPSET:
        convert_version = optional("onnx.version_converter", "export").convert_version
        model = convert_version(model, OLDEST_OPSET)
        opsets[""] = OLDEST_OPSET
    g.opsets |= opsets
    g.nodes.extend(model.graph.node)
    g.initializers.extend(model.graph.initializer)
    return model.graph.output[0].name


def _convert(front, given):
    """Convert all steps at once; if that fails, find the one that is to blame."""
    try:
        return _converted(front, given)
    except ImportError:
        raise
    except Exception as error:
        # What skl2onnx raises depends on the step.
        for k, (name, step) in enumerate(front, 1):
            try:
                _converted(front[:k], given)
            except Exception as reason:
                raise ValueError(
                    f"the step {name!r}, {type(step).__name__}, can't be converted: "
                    f"{_first_line(reason)}"
                ) from reason
        raise ValueError(_first_line(error)) from error


def _first_line(error):
    return str(error).strip().split("\n")[0].rstrip(".")


def _converted(front, given):
    skl2onnx = optional("skl2onnx", "export")
    types = optional("skl2onnx.common.data_types", "export")
    kinds = {
        "U": types.StringTensorType,
        "f4": types.FloatTensorType,
        "f8": types.DoubleTensorType,
    }
    initial_types = [
        (name, kinds[kind.str[1:] if kind.kind == "f" else "U"]([None, width]))
        for name, (kind, width) in given.items()
    ]
    with _silence():
        return skl2onnx.convert_sklearn(
            Pipeline(front),
            initial_types=initial_types,
            target_opset=OPSET,
            custom_conversion_functions={SimpleImputer: convert_imputer},
            custom_shape_calculators={SimpleImputer: set_output_type},
        )


@contextmanager
def _silence():
    """Keep what converters have to say from users, who can't change it."""
    logger = logging.getLogger("skl2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
