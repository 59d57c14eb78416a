"""Bodies as they travel: in pieces, compressed, in their own time."""

import asyncio
import zlib

from skdeep.serving.errors import RequestError, invalid

# zlib's window for gzip's header, for zlib's, and for either one.
_GZIP, _ZLIB = 31, 15
_CODINGS = {b"gzip": _GZIP, b"x-gzip": _GZIP, b"deflate": _ZLIB}
# Shorter ones hardly shrink.
_WORTH_COMPRESSION = 4096


class Gone(Exception):
    """The client has closed the connection."""


class Patience:
    """Ends waits for clients that take too long.

    One timer looks after all of them: one for each would cost a fifth of a request.

    Parameters
    ----------
    seconds : float
    """

    def __init__(self, seconds):
        self.seconds = seconds
        self._deadlines = {}
        self._overdue = set()
        self._timer = None

    async def wait(self, awaitable):
        """Await something; TimeoutError if it takes too long."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        self._deadlines[task] = loop.time() + self.seconds
        if self._timer is None:
            self._look_later(loop)
        try:
            return await awaitable
        except asyncio.CancelledError:
            if task in self._overdue and not task.uncancel():
                raise TimeoutError from None
            raise
        finally:
            del self._deadlines[task]
            self._overdue.discard(task)

    def _look_later(self, loop):
        self._timer = loop.call_later(min(1, self.seconds / 4), self._look, loop)

    def _look(self, loop):
        now = loop.time()
        for task, deadline in self._deadlines.items():
            if deadline < now and task not in self._overdue:
                self._overdue.add(task)
                task.cancel()
        if self._deadlines:
            self._look_later(loop)
        else:
            self._timer = None


async def read_body(receive, headers, most, patience):
    """Body of a request, decompressed.

    Parameters
    ----------
    receive : callable
        Of ASGI.

    headers : dict
        Lower-case bytes to bytes.

    most : int
        Bytes that it may have, before and after decompression.

    patience : Patience

    Returns
    -------
    body : bytes

    Raises
    ------
    RequestError
        With status 400, 408, 413 or 415.

    Gone
        If the client has gone.
    """
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > most:
        raise _too_large(most)
    try:
        body = await patience.wait(_receive_all(receive, most))
    except TimeoutError:
        raise RequestError(
            408,
            f"The body must arrive within {patience.seconds:g} seconds.",
            {"connection": "close"},
        ) from None
    coding = headers.get(b"content-encoding")
    return body if coding is None else _decompressed(body, coding, most)


async def _receive_all(receive, most):
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Gone
    body = message.get("body", b"")
    if not message.get("more_body"):
        if len(body) > most:
            raise _too_large(most)
        return body
    parts, size = [body], len(body)
    while message.get("more_body"):
        if size > most:
            raise _too_large(most)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if size > most:
        raise _too_large(most)
    return b"".join(parts)


def _too_large(most):
    # What is left of the body can't be told from a next request.
    headers = {"connection": "close"}
    return RequestError(413, f"The body must have at most {most} bytes.", headers)


def _decompressed(body, coding, most):
    coding = coding.strip().lower()
    if coding in (b"", b"identity"):
        return body
    if coding not in _CODINGS:
        raise RequestError(
            415,
            "Content-Encoding must be gzip, deflate or identity. "
            f"Got {coding.decode('latin-1')}.",
            {"accept-encoding": "gzip, deflate"},
        )
    inflate = zlib.decompressobj(_CODINGS[coding])
    try:
        data = inflate.decompress(body, most + 1)
    except zlib.error as error:
        raise invalid(f"The body must be compressed as it says: {error}.") from None
    if len(data) > most:
        raise _too_large(most)
    if not inflate.eof or inflate.unused_data:
        raise invalid("The body must be one compressed stream, and the whole of it.")
    return data


def compressed(body, headers):
    """Compress an answer if that pays and the client takes it.

    Parameters
    ----------
    body : bytes

    headers : dict
        Of the request.

    Returns
    -------
    body : bytes

    coding : bytes or None
    """
    if len(body) < _WORTH_COMPRESSION:
        return body, None
    accepted = headers.get(b"accept-encoding", b"").lower()
    for coding, window in ((b"gzip", _GZIP), (b"deflate", _ZLIB)):
        if coding in accepted and coding + b";q=0" not in accepted:
            deflate = zlib.compressobj(1, zlib.DEFLATED, window)
            return deflate.compress(body) + deflate.flush(), coding
    return body, None
