"""Lines of JSON, one for each request and each event, with ids of requests."""

import asyncio
import functools
import itertools
import json
import logging
import re
import secrets
import sys
import time
from datetime import UTC, datetime

# Nothing that JSON or a terminal would read anything into.
_FIT_ID = re.compile(rb"[A-Za-z0-9._:/@=+-]{1,128}")
# Every writing of a line by itself would cost as much as a prediction.
_FLUSH_SECONDS = 0.2


class RequestIds:
    """Gives each request an id, its own if it brings one."""

    def __init__(self):
        self._prefix = secrets.token_hex(6)
        self._count = itertools.count(1)

    def of(self, headers):
        """Id of a request.

        Parameters
        ----------
        headers : dict
            Lower-case bytes to bytes.

        Returns
        -------
        request_id : bytes
        """
        for name in (b"x-request-id", b"x-amzn-sagemaker-inference-id"):
            if name in headers:
                given = headers[name]
                if _FIT_ID.fullmatch(given):
                    return given
        return f"{self._prefix}-{next(self._count)}".encode()


class AccessLog:
    """Writes a line for each request, several at a time.

    Parameters
    ----------
    stream : text stream or None, default=None
        Standard output if None.
    """

    def __init__(self, stream=None):
        self._stream = stream
        self._lines = []

    def add(self, method, path, status, seconds, n_rows, request_id):
        """Keep the line of a request until the next writing."""
        if not self._lines:
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)
        self._lines.append(
            (time.time(), method, path, status, seconds, n_rows, request_id)
        )

    def flush(self):
        """Write what was kept."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        stream = self._stream or sys.stdout
        stream.write("".join(map(_line, lines)))
        stream.flush()


def _line(entry):
    at, method, path, status, seconds, n_rows, request_id = entry
    return (
        f'{{"time":"{_iso(at)}","event":"request","method":"{method}",'
        f'"path":{_quoted(path)},"status":{status},"ms":{seconds * 1e3:.3f},'
        f'"rows":{n_rows},"request_id":"{request_id}"}}\n'
    )


_quoted = functools.lru_cache(64)(json.dumps)


@functools.lru_cache(2)
def _second(at):
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _iso(at):
    whole = int(at)
    return f"{_second(whole)}.{int((at - whole) * 1000):03d}Z"


class JsonFormatter(logging.Formatter):
    """One line of JSON for each record, its traceback included."""

    def format(self, record):
        """Text of a record."""
        line = {
            "time": _iso(record.created),
            "event": "log",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if hasattr(record, "request_id"):
            line["request_id"] = record.request_id
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def config(level):
    """Configuration of logging, as :func:`logging.config.dictConfig` takes it.

    Parameters
    ----------
    level : str

    Returns
    -------
    config : dict
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "skdeep.serving.logs.JsonFormatter"}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "json"},
        },
        "loggers": {
            name: {"handlers": ["stderr"], "level": level.upper(), "propagate": False}
            for name in ("skdeep", "uvicorn")
        },
    }
