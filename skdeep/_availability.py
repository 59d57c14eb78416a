"""Methods that some parameters take away."""

import functools


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
