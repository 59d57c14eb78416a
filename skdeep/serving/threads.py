"""Threads that nobody waits for, should the server's time be up meanwhile."""

import os
import sys
import threading

_NAME = "skdeep-serving"


def start(function, *arguments):
    """Call a function in a new thread."""
    threading.Thread(target=function, args=arguments, name=_NAME, daemon=True).start()


def leave(status):
    """End the process at once if one of the threads is still at work.

    It could not go on in an interpreter that is being taken down, and what it calls may
    end the process with an error of its own.

    Parameters
    ----------
    status : int

    Returns
    -------
    status : int
        If the process may end as others do.
    """
    if any(thread.name == _NAME for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status
