"""What tests of the monitor share: monitors of models whose answers are known."""

import json

import numpy as np
from sklearn.datasets import load_breast_cancer

from skdeep._reference import count_classes, learn_reference
from skdeep.serving.monitoring import Monitor
from skdeep.serving.signature import Field, Signature

CANCER, BENIGN = load_breast_cancer(return_X_y=True)
NAMES = load_breast_cancer().feature_names.tolist()


def field(name, kind="number", dtype=np.float64, position=0):
    return Field(
        name, f"`{name}`" if name else f"feature {position}", kind, True, None, dtype
    )


def signature_of(names=NAMES, classes=(0, 1), multilabel=False):
    fields = tuple(field(name, position=j) for j, name in enumerate(names))
    return Signature(fields, False, None, list(classes), multilabel)


def reference_of(X=CANCER, codes=BENIGN, categories=None):
    reference = learn_reference(X, np.arange(len(X)), categories)
    reference["classes"] = None if codes is None else count_classes(codes)
    # It comes out of an archive.
    return json.loads(json.dumps(reference))


def monitor_of(X=CANCER, codes=BENIGN, **options):
    """Monitor of a model that says what it is told to."""
    names = NAMES if X is CANCER else [f"c{j}" for j in range(X.shape[1])]
    return Monitor(reference_of(X, codes), signature_of(names), **options)


def sure_of(codes, n_classes=2, p=0.9):
    """Probabilities of answers."""
    return np.where(np.eye(n_classes)[codes] > 0, p, (1 - p) / (n_classes - 1))


def half_of(rng, X=CANCER):
    """Two samples that have no row in common, of one population."""
    order = rng.permutation(len(X))
    return order[: len(X) // 2], order[len(X) // 2 :]


def feature(report, name):
    (entry,) = (entry for entry in report["features"] if entry["name"] == name)
    return entry
