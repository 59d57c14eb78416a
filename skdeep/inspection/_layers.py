"""Layers of a net by their names."""

from torch import nn

from skdeep._members import modules_of

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)


def find_layers(module, name):
    """Layer of that name in each member of a module.

    Parameters
    ----------
    module : Net

    name : str

    Returns
    -------
    layers : list of nn.Module

    Raises
    ------
    ValueError
        Lists the names.
    """
    members = [dict(member.named_modules()) for member in modules_of(module)]
    if not name or name not in members[0]:
        names = [known for known in members[0] if known]
        raise ValueError(f"`layer` must be one of {names}. Got {name!r}.")
    return [layers[name] for layers in members]


def last_convolution(module):
    """Name of the last convolution that sees more than one place.

    Those of width one beside it, in shortcuts and bottlenecks, only mix filters.
    """
    member = modules_of(module)[0]
    found = [
        (name, max(layer.kernel_size) > 1)
        for name, layer in member.named_modules()
        if isinstance(layer, _CONVOLUTIONS)
    ]
    if not found:
        raise ValueError(
            "`estimator` must have convolutions, whose maps Grad-CAM weighs. "
            f"Got a net of the layers {[name for name, _ in member.named_children()]}."
        )
    wide = [name for name, is_wide in found if is_wide]
    return (wide or [name for name, _ in found])[-1]
