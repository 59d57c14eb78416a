"""Archives of models, made by hand of scikit-learn's data."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import _archive as archive

CANCER = load_breast_cancer()
DIGITS = load_digits()
WINE = load_wine()


def fitted(X, y):
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(X, y)


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def graph_of(model, first_nodes, inputs, constants):
    """Graph of what comes before `Z`, and of the model."""
    scaler, linear = model[0], model[-1]
    coef, intercept = linear.coef_, linear.intercept_
    if len(coef) == 1:
        coef = np.vstack([np.zeros_like(coef), coef])
        intercept = np.hstack([0.0, intercept])
    nodes = [
        *first_nodes,
        helper.make_node("Sub", ["Z", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "coef"], ["product"]),
        helper.make_node("Add", ["product", "intercept"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    constants = [
        *constants,
        constant("mean", scaler.mean_),
        constant("scale", scaler.scale_),
        constant("coef", coef.T),
        constant("intercept", intercept),
    ]
    output = helper.make_tensor_value_info(
        "probabilities", TensorProto.DOUBLE, ["n", len(intercept)]
    )
    graph = helper.make_graph(nodes, "model", inputs, [output], constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def write(path, model, graph, inputs, layout, classes, input_shape=None, **told):
    signature = {
        "inputs": inputs,
        "input_shape": input_shape,
        "classes": classes,
        "multilabel": False,
        "onnx": {"layout": layout},
        **told,
    }
    parts = {} if graph is None else {"model.onnx": graph.SerializeToString()}
    archive.write(
        path,
        {"skdeep_version": "0", "model": type(model).__name__, "signature": signature},
        parts,
    )
    return model


def number(name, missing=False, kind="number", categories=None):
    return {"name": name, "kind": kind, "missing": missing, "categories": categories}


def matrix_graph(model, n_features, kind=TensorProto.DOUBLE):
    X = helper.make_tensor_value_info("X", kind, ["n", n_features])
    cast = helper.make_node("Cast", ["X"], ["Z"], to=TensorProto.DOUBLE)
    return graph_of(model, [cast], [X], [])


def cancer(path):
    """Thirty named columns, text labels."""
    y = CANCER.target_names[CANCER.target]
    model = fitted(CANCER.data, y)
    inputs = [number(name) for name in CANCER.feature_names.tolist()]
    graph = matrix_graph(model, 30)
    return write(path, model, graph, inputs, "matrix", model.classes_.tolist())


def digits(path):
    """Images, float32, integer labels, columns without names."""
    model = fitted(DIGITS.data, DIGITS.target)
    inputs = [number(None) for _ in range(64)]
    graph = matrix_graph(model, 64, TensorProto.FLOAT)
    classes = model.classes_.tolist()
    return write(path, model, graph, inputs, "matrix", classes, [1, 8, 8])


def wine_table(rows=slice(None)):
    """Alcohol, hue as a category, ash that may be missing, and whether it is proline."""
    X = WINE.data[rows]
    hue = np.array(["pale", "medium", "deep"])[np.digitize(X[:, 10], [0.8, 1.0])]
    return {
        "alcohol": X[:, 0].tolist(),
        "hue": hue.tolist(),
        "ash": X[:, 2].tolist(),
        "rich": (X[:, 12] > 700).tolist(),
    }


HUES = ["deep", "medium", "pale"]


def wine_matrix(table):
    codes = [HUES.index(hue) for hue in table["hue"]]
    ash = [2.36 if value is None else value for value in table["ash"]]
    return np.column_stack([table["alcohol"], codes, ash, table["rich"]]).astype(float)


def wine(path):
    """Columns: numbers, text, a missing number, a boolean."""
    model = fitted(wine_matrix(wine_table()), WINE.target)
    column = helper.make_tensor_value_info
    inputs = [
        column("alcohol", TensorProto.DOUBLE, ["n", 1]),
        column("hue", TensorProto.STRING, ["n", 1]),
        column("ash", TensorProto.DOUBLE, ["n", 1]),
        column("rich", TensorProto.DOUBLE, ["n", 1]),
    ]
    nodes = [
        helper.make_node(
            "LabelEncoder",
            ["hue"],
            ["code"],
            domain="ai.onnx.ml",
            keys_strings=HUES,
            values_int64s=[0, 1, 2],
            default_int64=-1,
        ),
        helper.make_node("Cast", ["code"], ["hue_number"], to=TensorProto.DOUBLE),
        helper.make_node("IsNaN", ["ash"], ["no_ash"]),
        helper.make_node("Where", ["no_ash", "usual_ash", "ash"], ["some_ash"]),
        helper.make_node(
            "Concat", ["alcohol", "hue_number", "some_ash", "rich"], ["Z"], axis=1
        ),
    ]
    graph = graph_of(model, nodes, inputs, [constant("usual_ash", [[2.36]])])
    told = [
        number("alcohol"),
        number("hue", kind="category", categories=HUES),
        number("ash", missing=True),
        number("rich", kind="boolean"),
    ]
    return write(path, model, graph, told, "columns", model.classes_.tolist())
