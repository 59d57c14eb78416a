"""Convolutional nets."""

from skdeep.persistence._onnx.layers import apply, is_nan, zero_where


def cnn_logits(g, module, x):
    """Logits of folded images or series."""
    if len(module.config["input_shape"]) == 2:
        x = zero_where(g, is_nan(g, x), x)
    g.n_spatial = len(module.config["input_shape"]) - 1
    x = apply(g, module.pool, apply(g, module.features, x))
    return apply(g, module.output, apply(g, module.head, x))
