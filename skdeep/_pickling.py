"""What a pickle of an estimator holds: plain data, and the version that wrote it."""

import warnings

from skdeep._batches import Fold
from skdeep._frames import Columns
from skdeep._module_state import pack, unpack
from skdeep._version import __version__


class Pickling:
    """Mixin that keeps torch, skorch and callbacks out of pickles."""

    def __getstate__(self):
        state = dict(super().__getstate__())
        fitted, fitting = "module_" in state, "_callback_fit_ctx" in state
        for name in ("net_", "_callback_fit_ctx", "_skl_callbacks_to_teardown"):
            state.pop(name, None)
        if fitted or fitting:
            # Callbacks watch a fit; a fitted model that is stored has no use for them.
            state.pop("_skl_callbacks", None)
            state.pop("_parent_callback_ctx", None)
        if fitted:
            state["module_"] = pack(self.module_)
            state["_fold"] = tuple(self._fold)
            state["_columns"] = self._columns and tuple(self._columns)
        state["_skdeep_version"] = __version__
        return state

    def __setstate__(self, state):
        state = dict(state)
        version = state.pop("_skdeep_version", None)
        if version != __version__:
            warnings.warn(
                f"{type(self).__name__} was saved by skdeep {version} and is loaded by "
                f"skdeep {__version__}; results may differ.",
                stacklevel=2,
            )
        if "module_" in state:
            state["module_"] = unpack(state["module_"])
            state["_fold"] = Fold(*state["_fold"])
            if state["_columns"] is not None:
                state["_columns"] = Columns(*state["_columns"])
        super().__setstate__(state)
