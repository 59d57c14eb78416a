"""Whether a module's description from a file fits itself, before anything is built."""

import numpy as np
import torch

from skdeep._archive import ArchiveError
from skdeep._parameters import Boolean, Number, OneOf, Sizes, check_parameters
from skdeep.modules import ACTIVATIONS, REGISTRY, TableInput, build
from skdeep.modules.blocks import STAGES
from skdeep.modules.periodic import PeriodicEmbedding
from skdeep.modules.random_kernels import RANDOM
from skdeep.modules.rnn import CELLS
from skdeep.modules.table import CategoryEmbedding


class Counts:
    """A tuple of integers, none of them negative, or of such tuples.

    Parameters
    ----------
    nested : bool
    """

    def __init__(self, nested=False):
        self.inner = Counts() if nested else Number(0, integer=True)

    def allows(self, value):
        return isinstance(value, tuple) and all(map(self.inner.allows, value))

    def __str__(self):
        return f"a tuple, each item of it {self.inner}"


_SIZE = [Number(1, integer=True)]
_SIZES = [Sizes(scalar=False)]
_RULES = {
    "input_shape": [Sizes(length=(1, 2, 3), scalar=False)],
    "n_outputs": _SIZE,
    "hidden_layer_sizes": _SIZES,
    "activation": [OneOf(*ACTIVATIONS)],
    "normalization": [OneOf("batch", "layer", None)],
    "dropout": [Number(0, 1, closed="left")],
    "shared_dropout": [Boolean()],
    "standardize": [Boolean(), OneOf("robust", "sample")],
    "numerical_embedding": [OneOf("piecewise_linear", "periodic", None)],
    "n_categories": [Counts()],
    "missing": [Counts()],
    "n_bins": [Counts()],
    "n_members": _SIZE,
    "multilabel": [Boolean()],
    "architecture": [OneOf(*STAGES, RANDOM, "recurrent", "lstm_fcn")],
    "n_filters": _SIZES,
    "depth": _SIZE,
    "kernel_size": [Counts(nested=True)],
    "stride": _SIZE,
    "stretch": [Boolean()],
    "differences": [Boolean()],
    "pool_size": _SIZE,
    "pooling": [OneOf("mean", "max", "flatten", "last", "attention")],
    "vocabulary_size": [*_SIZE, OneOf(None)],
    "embedding_dim": _SIZE,
    "patch_size": _SIZE,
    "cell_type": [OneOf(*CELLS)],
    "hidden_size": _SIZE,
    "n_layers": _SIZE,
    "bidirectional": [Boolean()],
}
# Numbers of layers: to build many takes time, and each one has weights.
_LAYERS = ("depth", "n_layers")
# Numbers of values that are laid out in memory whatever the weights say.
_WIDTHS = ("n_categories", "n_bins")


def check_module(state):
    """Refuse what `skdeep._module_state.unpack` must not get.

    Parameters
    ----------
    state : object
        Of a module, from a file that anyone may have written.

    Raises
    ------
    ArchiveError
        Says what doesn't fit.
    """
    name = state.get("class") if isinstance(state, dict) else None
    if name == "Ensemble":
        _check_keys(state, {"class", "multilabel", "members"})
        members = state["members"]
        if not (isinstance(members, list) and members) or not isinstance(
            state["multilabel"], bool
        ):
            raise ArchiveError("its ensemble must have members.")
        for member in members:
            if not isinstance(member, dict) or member.get("class") not in REGISTRY:
                raise ArchiveError("its ensemble must consist of nets.")
            check_module(member)
        return
    if name not in REGISTRY:
        known = ", ".join([*REGISTRY, "Ensemble"])
        raise ArchiveError(f"its net must be one of {known}. Got {name!r}.")
    _check_keys(state, {"class", "config", "weights"})
    config, weights = state["config"], state["weights"]
    if not (isinstance(config, dict) and isinstance(weights, dict)):
        raise ArchiveError("its net must have a configuration and weights.")
    _check_config(config, weights)
    try:
        module = build(name, config)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ArchiveError(f"its net can't be built: {error}.") from error
    _check_weights(module, weights)
    _check_positions(module, weights)


def _check_keys(state, expected):
    if state.keys() != expected:
        raise ArchiveError(
            f"its net must have {sorted(expected)}. Got {sorted(state.keys())}."
        )


def _check_config(config, weights):
    unknown = config.keys() - _RULES.keys()
    if unknown:
        raise ArchiveError(f"its net has no parameter {min(unknown)!r}.")
    try:
        check_parameters(config, {name: _RULES[name] for name in config})
    except ValueError as error:
        raise ArchiveError(f"its net doesn't fit its rules: {error}") from error
    most = len(weights)
    if any(config.get(name, 0) > most for name in _LAYERS):
        raise ArchiveError("its net has fewer weights than layers.")
    sizes = [w.size for w in weights.values() if isinstance(w, np.ndarray)]
    most = max(sizes, default=0)
    if any(max(config.get(name, ()), default=0) > most for name in _WIDTHS):
        raise ArchiveError("its net has fewer weights than categories or bins.")


def _check_weights(module, weights):
    """Compare names, shapes and types with those of a net without memory."""
    expected = module.state_dict()
    for name in sorted(expected.keys() - weights.keys()):
        raise ArchiveError(f"its weights don't fit its net: {name!r} is missing.")
    for name in sorted(map(str, weights.keys() - expected.keys())):
        raise ArchiveError(f"its weights don't fit its net, which has no {name!r}.")
    float_types = set()
    for name, tensor in expected.items():
        array = weights[name]
        shape = tuple(tensor.shape)
        if not isinstance(array, np.ndarray) or array.shape != shape:
            got = getattr(array, "shape", array)
            raise ArchiveError(
                f"its weights don't fit its net: {name!r} must have shape {shape}. "
                f"Got {got}."
            )
        if tensor.is_floating_point():
            float_types.add(array.dtype)
        elif array.dtype != torch.empty(0, dtype=tensor.dtype).numpy().dtype:
            raise ArchiveError(f"{name!r} must be of type {tensor.dtype}.")
    if float_types not in ({np.dtype(np.float32)}, {np.dtype(np.float64)}):
        raise ArchiveError("its weights must all be float32, or all float64.")


def _check_positions(module, weights):
    """Compare what follows from the configuration, but is kept beside the weights."""
    for prefix, part in module.named_modules():
        known = {}
        if isinstance(part, TableInput):
            known = dict(part.positions)
            if part.bins is not None:
                n_bins = part.bins.n_bins
                known["bins.features"] = np.repeat(np.arange(len(n_bins)), n_bins)
        elif isinstance(part, CategoryEmbedding):
            known["offsets"] = part.first_rows
        elif isinstance(part, PeriodicEmbedding):
            known["positions"] = part.at
        for name, positions in known.items():
            if not np.array_equal(weights[f"{prefix}.{name}"], positions):
                raise ArchiveError(f"its {prefix}.{name} doesn't fit its net.")
