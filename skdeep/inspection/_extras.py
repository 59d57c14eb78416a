"""Packages of the extra `explain`, imported where they are used."""

from skdeep._availability import optional


def extra(name):
    """Import a module of a package that may not be there.

    Raises
    ------
    ImportError
        Names the command that installs it.
    """
    return optional(name, "explain")
