"""What comes from a client and what goes back, without any protocol's form."""

from typing import NamedTuple

from skdeep.serving import json_text
from skdeep.serving.errors import RequestError, invalid

JSON = "application/json"
_PLAIN_JSON = JSON.encode()


class Query(NamedTuple):
    """A request whose body is there and decompressed.

    Attributes
    ----------
    body : bytes

    headers : dict
        Lower-case bytes to bytes.
    """

    body: bytes
    headers: dict


class Reply(NamedTuple):
    """What goes back.

    Attributes
    ----------
    body : bytes

    media_type : str

    status : int

    headers : dict
        Further headers, str to str.
    """

    body: bytes
    media_type: str = JSON
    status: int = 200
    headers: dict = {}


def parse(text):
    """Value of a JSON text.

    Parameters
    ----------
    text : bytes or str

    Returns
    -------
    value : object
    """
    try:
        return json_text.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid(f"The body must be JSON: {error}.") from None


def parse_object(text):
    """Value of a JSON text that must be an object."""
    value = parse(text)
    if not isinstance(value, dict):
        raise invalid(f"The body must be a JSON object. Got a {type(value).__name__}.")
    return value


def json_reply(value, status=200, headers=None):
    """Reply with a JSON value."""
    return Reply(json_text.dumps(value), JSON, status, headers or {})


def json_lines(values):
    """Text with one JSON value in each line."""
    return b"".join(json_text.dumps(value) + b"\n" for value in values)


def error_reply(error):
    """Reply that tells a RequestError."""
    return json_reply({"error": error.message}, error.status, error.headers)


def content_type(query, supported):
    """Media type of the body and its parameters.

    Parameters
    ----------
    query : Query

    supported : tuple of str
        The first one is the default.

    Returns
    -------
    media_type : str

    parameters : dict

    Raises
    ------
    RequestError
        With status 415.
    """
    header = query.headers.get(b"content-type")
    if header is None or (header == _PLAIN_JSON and supported[0] == JSON):
        return supported[0], {}
    media_type, *rest = header.decode("latin-1").lower().split(";")
    media_type = media_type.strip()
    if media_type not in supported:
        raise RequestError(
            415,
            f"Content-Type must be one of {', '.join(supported)}. "
            f"Got {media_type or 'nothing'}.",
            {"accept-post": ", ".join(supported)},
        )
    pairs = (part.partition("=") for part in rest)
    return media_type, {key.strip(): value.strip(' "') for key, _, value in pairs}


def accepted(query, offered, default):
    """Media type of the answer that the client likes best.

    Parameters
    ----------
    query : Query

    offered : tuple of str

    default : str
        Where the client takes anything.

    Returns
    -------
    media_type : str

    Raises
    ------
    RequestError
        With status 406.
    """
    header = query.headers.get(b"accept")
    if header is None or header == b"*/*" or not header.strip():
        return default
    header = header.decode("latin-1").lower()
    ranges = dict(map(_media_range, header.split(",")))
    best = max((default, *offered), key=lambda offer: _weight(offer, ranges))
    if _weight(best, ranges) <= 0:
        raise RequestError(
            406, f"Accept must allow one of {', '.join(offered)}. Got {header}."
        )
    return best


def _media_range(text):
    name, *parameters = (part.strip() for part in text.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return name, float(value)
            except ValueError:
                return name, 0.0
    return name, 1.0


def _weight(offer, ranges):
    # The more a range says, the more it counts.
    for name in (offer, f"{offer.partition('/')[0]}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
