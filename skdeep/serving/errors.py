"""What a client is told when a request fails."""

import reprlib


class RequestError(Exception):
    """Ends a request with a status other than 200.

    Parameters
    ----------
    status : int
        Of HTTP; 400 and above.

    message : str
        For the client to read: what was expected, and what came.

    headers : dict, default={}
        Further headers of the reply, str to str.
    """

    def __init__(self, status, message, headers=None):
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


class ModelError(Exception):
    """The model can't be served; for whoever started the server to read."""


def invalid(message):
    """Error of a request that asks for what can't be."""
    return RequestError(400, message)


def shown(value, most=60):
    """A value as part of a message, cut if it is long or deep."""
    brief = reprlib.Repr()
    brief.maxlevel, brief.maxlist, brief.maxdict = 2, max(6, most // 10), 6
    brief.maxstring = brief.maxother = brief.maxlong = most
    return brief.repr(value)
