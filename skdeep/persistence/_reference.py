"""Reference statistics of a model that is saved."""


def reference_of(model, X):
    """Statistics for monitoring, or None."""
    return None
