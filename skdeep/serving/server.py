"""Runs the app: one process, or several that share a port."""

import logging
import logging.config
import os
import signal
import sys
import time

import uvicorn

from skdeep.serving import logs, threads
from skdeep.serving.app import create_app

_logger = logging.getLogger("skdeep.serving")
_TICKS_PER_SECOND = 10


class Server(uvicorn.Server):
    """uvicorn's server, which ends connections of clients that send too slowly.

    Parameters
    ----------
    config : uvicorn.Config

    request_timeout : float
        Seconds that a client may take to send a request.

    parent : int or None, default=None
        Process without which the server ends.
    """

    def __init__(self, config, request_timeout, parent=None):
        super().__init__(config)
        self.failed = False
        self._parent = parent
        self._request_timeout = request_timeout
        self._since = {}

    async def on_tick(self, counter):
        """What uvicorn calls ten times a second."""
        if counter % _TICKS_PER_SECOND == 0:
            self._end_slow_connections()
            if self._parent not in (None, os.getppid()):
                self.should_exit = True
        return await super().on_tick(counter)

    def fail(self, error):
        """Stop, because the model can't be loaded."""
        _logger.error("The model can't be loaded: %s", error)
        self.failed = self.should_exit = True

    def _end_slow_connections(self):
        now, since = time.monotonic(), {}
        for connection in list(self.server_state.connections):
            if not _is_sending(connection):
                continue
            cycle = getattr(connection, "cycle", None)
            known_cycle, start = self._since.get(connection, (cycle, now))
            start = start if known_cycle is cycle else now
            if now - start > self._request_timeout:
                connection.transport.abort()
            else:
                since[connection] = (cycle, start)
        self._since = since


def _is_sending(connection):
    """Whether a client is in the middle of the head of a request."""
    cycle = getattr(connection, "cycle", None)
    if cycle is not None and not cycle.response_complete:
        return False
    # uvicorn itself ends connections that rest between requests.
    return getattr(connection, "timeout_keep_alive_task", None) is None


def run_worker(options, sockets=None):
    """Serve until a signal comes.

    Parameters
    ----------
    options : Options

    sockets : list of socket or None, default=None
        To share with other workers; None opens the port.

    Returns
    -------
    status : int
        Of the process.
    """
    logging.config.dictConfig(logs.config(options.log_level))
    # uvicorn raises the signal again when it has finished, which is success.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    app = create_app(
        options.model,
        engine=options.engine,
        name=options.name,
        on_failure=lambda error: server.fail(error),
        **options.settings,
    )
    server = Server(
        uvicorn.Config(
            app,
            host=options.host,
            port=options.port,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws="none",
            backlog=4096,
            timeout_keep_alive=options.keep_alive,
            timeout_graceful_shutdown=options.grace,
            h11_max_incomplete_event_size=64 * 1024,
        ),
        app.settings.body_timeout,
        None if sockets is None else os.getppid(),
    )
    try:
        server.run(sockets)
    except SystemExit as stop:
        server.failed |= bool(stop.code)
    return threads.leave(1 if server.failed else 0)
