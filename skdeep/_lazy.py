"""Public names that are imported when somebody asks for them."""

import importlib
import sys


def attach(package, homes):
    """Make the ``__getattr__`` of a package.

    Parameters
    ----------
    package : str
        Its name.

    homes : dict
        Public name to the module that has it.

    Returns
    -------
    getattr : callable
    """

    def __getattr__(name):
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__
