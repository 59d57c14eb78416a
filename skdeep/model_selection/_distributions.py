"""What to search over."""

from functools import singledispatch

from scipy.stats import loguniform

from skdeep._architectures import PRESETS, RANDOM
from skdeep._base import BaseDeepClassifier
from skdeep._cnn import DeepCNNClassifier
from skdeep._mlp import DeepMLPClassifier
from skdeep._parameters import (
    InvalidParameterError,
    OneOf,
    as_sizes,
    check_parameters,
    is_auto,
)
from skdeep._rnn import DeepRNNClassifier
from skdeep._rules import check_estimator_parameters

# Below it, a penalty changes next to nothing; above, little but the penalty is left.
_WEAK_PENALTY, _STRONG_PENALTY, _STRONG_DECAY = 1e-4, 1.0, 3.0
# Halves of layers stop here, as blocks divide their filters among branches.
_NARROW = 8


def param_distributions(estimator, size="small"):
    """Distributions of parameters for a randomized search.

    They lie around the values that `estimator` has, which are always among the lists.

    Parameters
    ----------
    estimator : estimator
        One of skdeep's classifiers, or a pipeline or another meta-estimator with one
        of them at any depth.

    size : {"small", "medium", "large"}, default="small"
        How much is searched over.

        - "small": the learning rate, the penalty, dropout (of the input too, in tables)
          and label smoothing. Nothing of it changes what a net is made of, so the nets
          of :class:`RandomizedSearchCV` train together (convolutional nets with dropout
          apart from those without).
        - "medium": besides, how wide and how deep the net is.
        - "large": besides, the activation function, the schedule of the learning rate,
          batch size, normalization, the largest gradient, and what is the net's own:
          embedding of numbers, augmentation, architecture, cells, pooling.

    Returns
    -------
    distributions : dict
        Name of a parameter of `estimator` to a list of values or to a log-uniform
        distribution of scipy. It is an ordinary dict, to be changed at will.

    See Also
    --------
    RandomizedSearchCV : Trains many nets at once.

    Notes
    -----
    With ``solver="lbfgs"``, parameters that it doesn't use are left out.

    The dict is for :class:`sklearn.model_selection.RandomizedSearchCV`,
    :class:`sklearn.model_selection.HalvingRandomSearchCV` and whatever takes the same.
    Optuna wants distributions of its own: a list is a ``CategoricalDistribution``,
    anything else a ``FloatDistribution`` with ``log=True`` between the ends that
    ``support()`` returns.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdeep import DeepMLPClassifier
    >>> from skdeep.model_selection import param_distributions
    >>> pipeline = make_pipeline(StandardScaler(), DeepMLPClassifier())
    >>> for name in param_distributions(pipeline):
    ...     print(name)
    deepmlpclassifier__alpha
    deepmlpclassifier__label_smoothing
    deepmlpclassifier__learning_rate_init
    deepmlpclassifier__dropout
    deepmlpclassifier__input_dropout
    """
    check_parameters({"size": size}, {"size": [OneOf(*_PARTS)]})
    prefix, net = _find_net(estimator)
    check_estimator_parameters(net)
    return {
        prefix + name: values
        for part in _PARTS[size]
        for name, values in part(net).items()
    }


def _find_net(estimator):
    """The prefix of its parameters, and the one net that there must be."""
    parts = {}
    if hasattr(estimator, "get_params") and not isinstance(estimator, type):
        parts = {"": estimator, **estimator.get_params(deep=True)}
    nets = {
        name and f"{name}__": part
        for name, part in parts.items()
        if isinstance(part, BaseDeepClassifier)
    }
    # A frozen net shows no parameters.
    nets = {prefix: net for prefix, net in nets.items() if f"{prefix}alpha" in parts}
    if len(nets) != 1:
        raise InvalidParameterError(
            "`estimator` must be a classifier of skdeep, or hold one that can be set. "
            f"Got {estimator!r}, with {len(nets)} of them."
        )
    return nets.popitem()


def _regularisation(net):
    alpha = _WEAK_PENALTY if net.alpha in (0, "auto") else net.alpha
    strong = _STRONG_DECAY if net.solver == "adamw" else _STRONG_PENALTY
    space = {
        "alpha": loguniform(alpha / 10, max(10 * alpha, strong)),
        "label_smoothing": _choices(net.label_smoothing, 0.0, 0.05, 0.1, 0.2),
    }
    if net.solver != "lbfgs":
        rate = net.learning_rate_init
        space["learning_rate_init"] = loguniform(rate / 5, rate * 5)
        space["dropout"] = _choices(net.dropout, 0.0, 0.1, 0.2, 0.35, 0.5)
        if isinstance(net, DeepMLPClassifier):
            space["input_dropout"] = _choices(net.input_dropout, 0.0, 0.1, 0.2)
    return space


@singledispatch
def _sizes(net):
    """How wide and how deep the net is."""
    raise NotImplementedError


@_sizes.register
def _(net: DeepMLPClassifier):
    own = as_sizes(net.hidden_layer_sizes)
    width = max(own, default=64)
    layers = [(w,) * depth for depth in (1, 2, 3) for w in (_half(width), 2 * width)]
    layers += [(width,) * depth for depth in (1, 2, 3)]
    return {"hidden_layer_sizes": _choices(own, *layers)}


@_sizes.register
def _(net: DeepCNNClassifier):
    # Flat X without a shape is a series.
    n_axes = 1 if net.input_shape is None else len(net.input_shape) - 1
    preset = PRESETS[net.architecture][n_axes - 1]
    filters, own_filters = preset.n_filters, "auto"
    if not is_auto(net.n_filters):
        filters = own_filters = as_sizes(net.n_filters)
    dense = as_sizes(net.hidden_layer_sizes)
    space = {
        "n_filters": _choices(own_filters, *_narrower_and_wider(filters)),
        "hidden_layer_sizes": _choices(dense, (), (max(filters),)),
        **_kernels(net.kernel_size, preset),
    }
    if net.architecture != RANDOM:
        depth = preset.depth if is_auto(net.depth) else net.depth
        space["depth"] = _choices(net.depth, max(1, depth - 1), depth + 1)
    return space


def _kernels(own, preset):
    width = max(preset.kernels)
    if not is_auto(own):
        own, *others = as_sizes(own)
        if others:
            # Widths that were chosen for each place are left alone.
            return {}
        width = own
    # Odd, as the middle of a window is a place.
    narrow, wide = max(3, width // 2 | 1), 3 * width // 2 | 1
    return {"kernel_size": _choices(own, narrow, wide)}


@_sizes.register
def _(net: DeepRNNClassifier):
    width = net.hidden_size
    space = {
        "hidden_size": _choices(width, _half(width), 2 * width),
        "n_layers": _choices(net.n_layers, 1, 2),
        "hidden_layer_sizes": _choices(as_sizes(net.hidden_layer_sizes), (), (width,)),
    }
    if net.input_type == "tokens":
        length = net.embedding_dim
        space["embedding_dim"] = _choices(length, _half(length), 2 * length)
    if net._choose("architecture") == "lstm_fcn":
        filters = as_sizes(net.n_filters)
        space["n_filters"] = _choices(filters, *_narrower_and_wider(filters))
    return space


def _training(net):
    space = {"activation": _choices(net.activation, "relu", "gelu", "silu", "tanh")}
    # "auto" is "batch" unless that can't be.
    batch = [] if net.normalization == "auto" or net.batch_size == 1 else ["batch"]
    space["normalization"] = _choices(net.normalization, None, "layer", *batch)
    if net.solver != "lbfgs":
        space |= {
            "batch_size": _batch_sizes(net.batch_size),
            "learning_rate": _choices(
                net.learning_rate, "constant", "cosine", "one_cycle"
            ),
            "gradient_clip": _choices(net.gradient_clip, None, 1.0),
        }
    return space


@singledispatch
def _kinds(net):
    """What only nets of this class have."""
    raise NotImplementedError


@_kinds.register
def _(net: DeepMLPClassifier):
    own = net.numerical_embedding
    others = (None, "piecewise_linear", "periodic")
    return {"numerical_embedding": _choices(own, *others)}


@_kinds.register
def _(net: DeepCNNClassifier):
    space = {"pooling": _choices(net.pooling, "mean", "max")}
    if net.architecture == RANDOM:
        # So many filters are for fixed kernels only, which read series as they are.
        return space
    # Sizes that were chosen for one architecture needn't fit another one.
    if all(is_auto(size) for size in (net.n_filters, net.depth, net.kernel_size)):
        space["architecture"] = _choices(
            net.architecture, "plain", "residual", "inception"
        )
    if net.solver != "lbfgs":
        # A mirror image may be of another class, so "flip" is for the user to choose.
        space["augmentation"] = _choices(
            net.augmentation, None, "shift", "cutout", "mixup"
        )
    return space


@_kinds.register
def _(net: DeepRNNClassifier):
    backward = net._choose("bidirectional")
    return {
        "cell_type": _choices(net.cell_type, "lstm", "gru"),
        "bidirectional": [net.bidirectional, not backward],
        "pooling": _choices(net.pooling, "last", "mean", "max", "attention"),
        "architecture": _choices(net.architecture, "recurrent", "lstm_fcn"),
    }


_SMALL = (_regularisation,)
_MEDIUM = (*_SMALL, _sizes)
_PARTS = {"small": _SMALL, "medium": _MEDIUM, "large": (*_MEDIUM, _training, _kinds)}


def _choices(own, *others):
    """List of values, each once, of which the estimator's own is the first."""
    values = [own]
    for value in others:
        if value not in values:
            values.append(value)
    return values


def _half(width):
    return max(min(width, _NARROW), width // 2)


def _narrower_and_wider(sizes):
    return tuple(map(_half, sizes)), tuple(2 * size for size in sizes)


def _batch_sizes(own):
    if own == "auto":
        return ["auto", 32, 128]
    return _choices(own, max(2, own // 2), 2 * own)
