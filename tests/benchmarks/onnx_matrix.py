"""Every kind of net and of step, as an ONNX graph, compared with predict_proba.

Prints a table as markdown: one line for each group of nets, with the largest difference
of a probability, the largest graph and the longest export. Takes minutes.
Run it from the folder of the tests: python -m benchmarks.onnx_matrix
"""

import argparse
import tempfile
import time
import warnings
from collections import defaultdict
from itertools import product
from pathlib import Path

import numpy as np
from benchmarks.measuring import machine
from inspection.explained import padded, table_of_categories, tokens
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier
from skdeep.modules import ACTIVATIONS
from skdeep.persistence import to_onnx
from skdeep.persistence._onnx.parity import feeds, session_of
from skdeep.persistence._signature import find_signature

HEADER = ("what", "models", "exported", "largest difference", "KB", "ms", "refused")
SHORT = {"max_iter": 1, "random_state": 0}
WINES, VINEYARD = load_wine(return_X_y=True)
DIGITS, DIGIT = load_digits(n_class=3, return_X_y=True)
DTYPES = ("float32", "float64")
NORMS = (None, "batch", "layer")


def grid(**choices):
    """All combinations, as dicts."""
    for values in product(*choices.values()):
        yield dict(zip(choices, values, strict=True))


def tables():
    """Nets for tables, each with its data."""
    gaps = np.where(np.random.default_rng(0).random(WINES.shape) < 0.1, np.nan, WINES)
    labels = np.column_stack([VINEYARD == 0, VINEYARD == 1])
    frame = table_of_categories()
    common = {"hidden_layer_sizes": (8, 6), **SHORT}
    for choice in grid(activation=ACTIVATIONS, normalization=NORMS, dtype=DTYPES):
        yield "MLP", DeepMLPClassifier(**common, **choice), gaps, VINEYARD
    for choice in grid(
        shared_weights=(False, True),
        n_members=(1, 3),
        dtype=DTYPES,
        numerical_embedding=("piecewise_linear", None),
        standardize=(True, False),
    ):
        net = DeepMLPClassifier(**common, **choice)
        for X, y in (
            (WINES, VINEYARD),
            (gaps, VINEYARD),
            (gaps, VINEYARD == 0),
            (gaps, labels),
            (frame, VINEYARD),
        ):
            yield "MLP: members, gaps, categories", net, X, y
    yield "MLP, default", DeepMLPClassifier(random_state=0), DIGITS, DIGIT
    yield "MLP, default", DeepMLPClassifier(random_state=0), frame, VINEYARD


def maps():
    """Convolutional nets, each with its data."""
    flat = {"1-D": (1, 64), "channels": (8, 8), "2-D": (1, 8, 8), "last": (8, 8, 1)}
    for choice in grid(
        architecture=("plain", "residual", "fcn", "resnet", "inception"),
        normalization=NORMS,
        dtype=DTYPES,
    ):
        for name, shape in flat.items():
            net = DeepCNNClassifier(
                input_shape=shape,
                channels="last" if name == "last" else "first",
                n_filters=(4, 8, 4),
                **choice,
                **SHORT,
            )
            yield f"CNN, {choice['architecture']}", net, DIGITS, DIGIT
    for choice in grid(
        pooling=("mean", "max", "flatten"),
        stride=(1, 3),
        kernel_size=(3, 4),
        pool_size=(1, 2),
        input_shape=((1, 64), (1, 8, 8)),
        n_members=(1, 2),
    ):
        net = DeepCNNClassifier(n_filters=(4, 6), depth=2, **choice, **SHORT)
        yield "CNN: pooling, strides, members", net, DIGITS, DIGIT
    short = padded().transpose(0, 2, 1)
    for choice in grid(architecture=("auto", "inception"), dtype=DTYPES):
        yield "CNN, padded series", DeepCNNClassifier(**choice, **SHORT), short, DIGIT
    for shape in ((1, 64), (1, 8, 8)):
        net = DeepCNNClassifier(input_shape=shape, random_state=0)
        yield "CNN, default", net, DIGITS, DIGIT


def sequences():
    """Recurrent nets, each with its data."""
    steps = padded()
    codes, subject = tokens()
    for choice in grid(
        architecture=("recurrent", "lstm_fcn"),
        cell_type=("gru", "lstm", "rnn"),
        bidirectional=(False, True),
        pooling=("last", "mean", "max", "attention"),
        dtype=DTYPES,
    ):
        net = DeepRNNClassifier(hidden_size=8, n_filters=(4, 4, 4), **choice, **SHORT)
        yield f"RNN, {choice['architecture']}, {choice['cell_type']}", net, steps, DIGIT
    for choice in grid(
        n_layers=(1, 2),
        patch_size=(1, 3),
        n_members=(1, 2),
        normalization=NORMS,
        architecture=("recurrent", "lstm_fcn"),
    ):
        net = DeepRNNClassifier(hidden_size=8, n_filters=(4, 4, 4), **choice, **SHORT)
        yield "RNN: layers, patches, members", net, steps, DIGIT
        net = DeepRNNClassifier(input_type="tokens", hidden_size=8, **choice, **SHORT)
        yield "RNN, tokens", net, codes, subject
    net = DeepRNNClassifier(input_shape=(8, 8), random_state=0)
    yield "RNN, default", net, DIGITS, DIGIT
    net = DeepRNNClassifier(input_type="tokens", random_state=0)
    yield "RNN, default", net, codes, subject


def steps():
    """Pipelines, each with its data."""
    gaps = np.where(np.random.default_rng(0).random(WINES.shape) < 0.1, np.nan, WINES)
    frame = table_of_categories()
    for step in (
        StandardScaler(),
        MinMaxScaler(),
        MaxAbsScaler(),
        RobustScaler(),
        Normalizer(),
        QuantileTransformer(n_quantiles=50),
        PowerTransformer(),
        KBinsDiscretizer(encode="ordinal", quantile_method="averaged_inverted_cdf"),
        PolynomialFeatures(),
        PCA(5),
        TruncatedSVD(5),
        SelectKBest(k=5),
        VarianceThreshold(),
        SimpleImputer(),
        SimpleImputer(strategy="median", add_indicator=True),
        KNNImputer(),
    ):
        X = gaps if "Imputer" in type(step).__name__ else WINES
        net = DeepMLPClassifier((8,), **SHORT)
        yield f"step: {type(step).__name__}", make_pipeline(step, net), X, VINEYARD
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    for encoder in (
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        OrdinalEncoder(),
        TargetEncoder(),
    ):
        columns = make_column_transformer(
            (numbers, ["a", "b", "c"]),
            (encoder, ["few", "many"]),
            remainder="passthrough",
        )
        net = DeepMLPClassifier((8,), **SHORT)
        name = f"columns: {type(encoder).__name__}"
        yield name, make_pipeline(columns, net), frame, VINEYARD


def difference(path, model, X):
    """Largest difference of a probability, of many rows and of one."""
    signature = find_signature(model)
    session = session_of(path.read_bytes())
    layout = "matrix" if session.get_inputs()[0].name == "X" else "columns"
    largest = 0.0
    for rows in (X, X[:1]):
        given = feeds(session, signature["inputs"], layout, rows)
        (p,) = session.run(["probabilities"], given)
        largest = max(largest, float(np.abs(p - model.predict_proba(rows)).max()))
    return largest


def main():
    """Export all, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="what a group's name contains")
    arguments = parser.parse_args()
    # Nets that train for a few epochs say that they have not converged.
    warnings.simplefilter("ignore")
    groups, errors = defaultdict(list), defaultdict(set)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        for name, model, X, y in (*tables(), *maps(), *sequences(), *steps()):
            if arguments.only not in name:
                continue
            model.fit(X, y)
            start = time.perf_counter()
            try:
                to_onnx(model, path)
            except ValueError as error:
                groups[name].append(None)
                errors[name].add(str(error).partition("ONNX: ")[2])
                continue
            seconds = time.perf_counter() - start
            size = path.stat().st_size
            groups[name].append((difference(path, model, X), size, seconds))
    print(machine())
    print("|", " | ".join(HEADER), "|")
    print("|" + " --- |" * len(HEADER))
    for name, results in groups.items():
        done = [result for result in results if result is not None]
        worst, size, seconds = np.max([*done, (0.0, 0, 0.0)], axis=0)
        reason = "; ".join(sorted(errors[name]))[:200]
        line = f"{worst:.1e} | {size / 1000:.0f} | {seconds * 1000:.0f} | {reason}"
        print(f"| {name} | {len(results)} | {len(done)} | {line} |")


if __name__ == "__main__":
    main()
