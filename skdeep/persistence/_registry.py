"""The closed set of our own classes that an archive may name."""

import importlib

NETS = ("DeepCNNClassifier", "DeepMLPClassifier", "DeepRNNClassifier")
_HOMES = {**dict.fromkeys(NETS, "skdeep"), "SequenceTokenizer": "skdeep.preprocessing"}


def find_class(name):
    """Class of that name; None if it is none of ours."""
    if name not in _HOMES:
        return None
    return getattr(importlib.import_module(_HOMES[name]), name)


def name_of(estimator):
    """Name of its class; None if it is none of ours, or a class derived from them."""
    name = type(estimator).__name__
    return name if find_class(name) is type(estimator) else None
