"""The ASGI app: each request to its protocol, the model, and back."""

import asyncio
import logging
import time
from pathlib import Path

from skdeep.serving import threads
from skdeep.serving.bodies import Gone, Patience, compressed, read_body
from skdeep.serving.errors import RequestError
from skdeep.serving.exchange import Query, error_reply, json_reply
from skdeep.serving.logs import AccessLog, RequestIds
from skdeep.serving.metrics import Metrics
from skdeep.serving.model import ServedModel
from skdeep.serving.pages import make_pages
from skdeep.serving.service import Service
from skdeep.serving.settings import Settings

_logger = logging.getLogger("skdeep.serving")
# To read more, or to write more, would keep all other clients waiting.
_LONG_BODY = 64 * 1024
_MANY_ROWS = 512


def create_app(model, *, engine="onnx", name=None, on_failure=None, **settings):
    """Make an ASGI app that serves a model.

    Parameters
    ----------
    model : ServedModel, str or path-like
        An archive is loaded once the app starts, and requests are refused with 503
        until then.

    engine : {"onnx", "torch"}, default="onnx"
        What computes, for an archive.

    name : str, default=None
        Of the model, in the paths of the Open Inference Protocol. That of the file if
        None.

    on_failure : callable or None, default=None
        Called with the error if an archive can't be loaded.

    **settings : dict
        As :class:`Settings` has them.

    Returns
    -------
    app : callable
    """
    settings = Settings(**settings)
    if isinstance(model, ServedModel):
        return App(settings, lambda: model, model.name, on_failure, at_once=True)
    return App(
        settings,
        lambda: ServedModel.from_archive(model, engine, name),
        name or Path(model).stem,
        on_failure,
    )


class App:
    """An ASGI app; made by :func:`create_app`.

    Attributes
    ----------
    settings : Settings

    metrics : Metrics

    name : str
        Of the model.

    service : Service or None
        None until the model is loaded.
    """

    def __init__(self, settings, load, name, on_failure=None, at_once=False):
        self.settings = settings
        self.metrics = Metrics()
        self.name = name
        self.service = None
        self._protocols = {}
        self._load = load
        self._on_failure = on_failure
        self._patience = Patience(settings.body_timeout)
        self._ids = RequestIds()
        self._log = AccessLog()
        self._pages = make_pages(self)
        if at_once:
            self._begin_service()

    async def __call__(self, scope, receive, send):
        """Answer as ASGI asks for it."""
        if scope["type"] == "http":
            if scope["method"] == "POST" and scope["path"] in self._protocols:
                await self._predict(scope, receive, send)
            else:
                await self._show(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _predict(self, scope, receive, send):
        start = time.perf_counter()
        headers = dict(scope["headers"])
        request_id = self._ids.of(headers)
        n_rows = 0
        try:
            body = await read_body(
                receive, headers, self.settings.max_body, self._patience
            )
            read = self._protocols[scope["path"]].read
            query = Query(body, headers)
            if len(body) > _LONG_BODY:
                rows, answer = await asyncio.to_thread(read, query)
            else:
                rows, answer = read(query)
            n_rows = len(rows[0])
            probabilities = await self.service.batcher.submit(rows, request_id.decode())
            if n_rows > _MANY_ROWS:
                reply = await asyncio.to_thread(answer, probabilities)
            else:
                reply = answer(probabilities)
        except RequestError as error:
            reply = error_reply(error)
        except RecursionError:
            reply = json_reply({"error": "The body is nested too deeply."}, 400)
        except Gone:
            return
        except Exception:
            reply = self._failed(request_id)
        await self._send(send, reply, headers, request_id)
        self._note(scope, reply.status, start, n_rows, request_id)

    async def _send(self, send, reply, headers, request_id):
        body, coding = compressed(reply.body, headers)
        told = [
            (b"content-type", reply.media_type.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id),
        ]
        if coding is not None:
            told.append((b"content-encoding", coding))
        for name, value in reply.headers.items():
            told.append((name.encode(), value.encode("latin-1", "replace")))
        start = {"type": "http.response.start", "status": reply.status, "headers": told}
        await send(start)
        if len(body) <= _LONG_BODY:
            await send({"type": "http.response.body", "body": body})
            return
        # A client that doesn't read must not stay for ever.
        await self._patience.wait(send({"type": "http.response.body", "body": body}))

    def _failed(self, request_id):
        told = request_id.decode()
        _logger.exception("The request failed.", extra={"request_id": told})
        return json_reply(
            {"error": f"The server failed. Its log has more on request {told}."}, 500
        )

    def _note(self, scope, status, start, n_rows, request_id):
        seconds = time.perf_counter() - start
        self.metrics.request(scope["path"], status, seconds)
        if self.settings.access_log:
            self._log.add(
                scope["method"],
                scope["path"],
                status,
                seconds,
                n_rows,
                request_id.decode(),
            )

    async def _show(self, scope, receive, send):
        """Answer what asks for no prediction."""
        start, request_id = time.perf_counter(), self._ids.of(dict(scope["headers"]))
        seen = []

        async def send_with_id(message):
            if message["type"] == "http.response.start":
                seen.append(message["status"])
                headers = [*message["headers"], (b"x-request-id", request_id)]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._pages(scope, receive, send_with_id)
        except Exception:
            _logger.exception(
                "The request failed.", extra={"request_id": request_id.decode()}
            )
            if not seen:
                await self._send(send, self._failed(request_id), {}, request_id)
        # Probes come every few seconds for ever.
        if seen and seen[0] >= 400 and self.settings.access_log:
            seconds = time.perf_counter() - start
            self._log.add(
                scope["method"], scope["path"], seen[0], seconds, 0, request_id.decode()
            )

    async def _live(self, receive, send):
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if self.service is None:
                    # A thread that nobody waits for, should the server stop meanwhile.
                    threads.start(self._begin_service)
                await send({"type": "lifespan.startup.complete"})
            else:
                if self.service is not None:
                    self.service.observed.tell()
                self._log.flush()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _begin_service(self):
        start = time.perf_counter()
        try:
            service = Service(self._load(), self.settings, self.metrics)
        except Exception as error:
            if self._on_failure is None:
                raise
            self._on_failure(error)
            return
        self.service = service
        self._protocols = service.protocols
        self.metrics.ready()
        seconds = time.perf_counter() - start
        _logger.info("Model %r is ready after %.2f s.", self.name, seconds)
