"""Packages of the extra `explain`, imported where they are used."""

import importlib


def extra(name):
    """Import a module of a package that may not be there.

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
            "Install it with: pip install 'skdeep[explain]'"
        ) from error
