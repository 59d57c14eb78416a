"""A fitted net: from rows, flat and in its own codes, to probabilities."""

import numpy as np

from skdeep._members import modules_of
from skdeep.modules import CNN, MLP, RNN, SharedMLP
from skdeep.persistence._onnx.layers import apply
from skdeep.persistence._onnx.maps import cnn_logits
from skdeep.persistence._onnx.sequences import rnn_logits
from skdeep.persistence._onnx.tables import mlp_logits

_LOGITS = {MLP: mlp_logits, SharedMLP: mlp_logits, CNN: cnn_logits, RNN: rnn_logits}
# Beyond these the sigmoid would round to exactly 1.
_LARGEST = 36.0


def probabilities(g, net, x):
    """Probabilities, float64, (n_samples, n_outputs), of flat rows.

    Parameters
    ----------
    g : Graph

    net : estimator

    x : str
        Name of the rows: of the net's float type, or int64 for tokens.

    Returns
    -------
    name : str
    """
    x, own = _folded(g, net._fold, x), g.dtype
    of_members = []
    # A copy, for the net itself may be on an accelerator.
    for module in modules_of(net.to_module()):
        g.dtype, g.n_spatial = own, 0
        logits = _logits(g, module, x)
        g.dtype = np.dtype(np.float64)
        p = _activated(g, net, g.to_dtype(logits))
        if isinstance(module, SharedMLP):
            p = g.add("ReduceMean", p, axes=[0], keepdims=0)
        of_members.append(p)
    total, *others = of_members
    for p in others:
        total = g.add("Add", total, p)
    return g.add("Div", total, float(len(of_members))) if others else total


def _folded(g, fold, x):
    if len(fold.shape) == 1:
        return x
    x = g.add("Reshape", x, g.integers(-1, *fold.shape))
    if not fold.channels_last:
        return x
    n_axes = len(fold.shape)
    return g.add("Transpose", x, perm=[0, n_axes, *range(1, n_axes)])


def _logits(g, module, x):
    convert = _LOGITS[type(module)]
    if convert is mlp_logits:
        return convert(g, module, x)
    if module.config.get("vocabulary_size") is None:
        x = apply(g, module.standardizer, x)
        # The runtime convolves and recurs in single precision only.
        g.dtype = np.dtype(np.float32)
        x = g.to_dtype(x)
    return convert(g, module, x)


def _activated(g, net, logits):
    if not net._multilabel:
        return g.add("Softmax", logits, axis=-1)
    return g.add("Sigmoid", g.add("Clip", logits, -_LARGEST, _LARGEST))
