"""What is not there: methods that parameters take away, and optional packages."""

import functools
import importlib


class UnavailableMethodError(AttributeError, ValueError):
    """The method is missing, for ``hasattr``; the parameters are to blame."""


class available_unless:
    """Hide a method while there is a reason to, and tell the reason.

    Does what :func:`sklearn.utils.metaestimators.available_if` does, with an error that
    is a ValueError too, as scikit-learn's MLPClassifier raises for early stopping.

    Parameters
    ----------
    reason : callable
        Instance to a message, or None if the method is there.
    """

    def __init__(self, reason):
        self.reason = reason

    def __call__(self, method):
        self.method = method
        functools.update_wrapper(self, method)
        return self

    def __get__(self, instance, owner=None):
        if instance is None:
            return self.method
        reason = self.reason(instance)
        if reason is not None:
            raise UnavailableMethodError(reason)
        return self.method.__get__(instance, owner)


def optional(name, extra):
    """Import a module of a package that may not be there.

    Parameters
    ----------
    name : str
        Of the module.

    extra : str
        Of skdeep, which brings the package.

    Raises
    ------
    ImportError
        Names the command that installs it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f"This needs {package}, which is not installed. "
            f"Install it with: pip install 'skdeep[{extra}]'"
        ) from error
