"""Layers of a net by their names."""

from torch import nn

from skdeep._members import modules_of
from skdeep.modules import CNN

_POOLS = (nn.MaxPool1d, nn.MaxPool2d)


def find_layers(module, name):
    """Layer of that name in each member of a module that is like the first one there.

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
    kind = type(members[0][name])
    return [layers[name] for layers in members if type(layers.get(name)) is kind]


def last_map(module):
    """Name of the layer that returns the last map: a stage, activation included."""
    member = modules_of(module)[0]
    if isinstance(member, CNN):
        stages = [
            name
            for name, stage in member.features.named_children()
            if not isinstance(stage, _POOLS)
        ]
        return f"features.{stages[-1]}"
    if getattr(member, "convolutions", None) is not None:
        return f"convolutions.blocks.{len(member.convolutions.blocks) - 1}"
    raise ValueError(
        "`estimator` must have convolutions, whose maps Grad-CAM weighs. "
        f"Got a net of the layers {[name for name, _ in member.named_children()]}."
    )
