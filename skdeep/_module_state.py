"""A fitted module as plain data, and back."""

import torch

from skdeep.modules import Ensemble, build, lay_out


def pack(module):
    """Describe `module` by the name of its class, its configuration and its arrays.

    The arrays are numpy's, so that a pickle holds no torch object, a GPU's net loads
    on a CPU and joblib can compress or memory-map them.
    """
    if isinstance(module, Ensemble):
        return {
            "class": "Ensemble",
            "multilabel": module.multilabel,
            "members": [pack(member) for member in module.members],
        }
    return {
        "class": type(module).__name__,
        "config": module.config,
        "weights": {
            name: tensor.detach().cpu().numpy()
            for name, tensor in module.state_dict().items()
        },
    }


def unpack(state):
    """Rebuild a module from what `pack` returned: on the CPU, in eval mode."""
    if state["class"] == "Ensemble":
        members = [unpack(member) for member in state["members"]]
        return Ensemble(members, state["multilabel"]).eval()
    module = build(state["class"], state["config"])
    weights = {name: torch.tensor(array) for name, array in state["weights"].items()}
    module.load_state_dict(weights, assign=True)
    return lay_out(module).eval()
