"""The command ``skdeep``."""

import argparse
import importlib
import os
import sys

from skdeep._version import __version__
from skdeep.serving.errors import ModelError
from skdeep.serving.location import find_model
from skdeep.serving.options import Options
from skdeep.serving.settings import OUTPUTS, Settings

_OTHERS = ("skdeep.serving.batch", "skdeep.serving.monitoring.offline")


def main(arguments=None):
    """Run the command.

    Parameters
    ----------
    arguments : list of str or None, default=None
        Those of the process if None.

    Returns
    -------
    status : int
        Of the process.
    """
    parser = argparse.ArgumentParser(
        "skdeep", description="Serve, apply and watch saved models."
    )
    parser.add_argument("--version", action="version", version=f"skdeep {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_parser(commands)
    for name in _OTHERS:
        importlib.import_module(name).add_parser(commands)
    parsed = parser.parse_args(arguments)
    try:
        return parsed.func(parsed) or 0
    except ModelError as error:
        print(f"skdeep: {error}", file=sys.stderr)
        return 1


def add_parser(commands):
    """Add ``skdeep serve``.

    Parameters
    ----------
    commands : argparse's sub-parsers
    """
    parser = commands.add_parser(
        "serve",
        help="answer requests over HTTP",
        description="Serve a model that skdeep.persistence.save wrote.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "model",
        nargs="?",
        help="file, or folder that holds it; found where SageMaker and Vertex AI put "
        "it if not given",
    )
    add = parser.add_argument
    add("--host", help="127.0.0.1, but 0.0.0.0 where a cloud's variables are found")
    add("--port", type=int, help="AIP_HTTP_PORT, or else 8080")
    add("--workers", type=int, default=1, help="processes")
    add("--name", help="of the model; that of the file if not given")
    add("--engine", choices=("onnx", "torch"), default="onnx")
    add("--max-batch", type=int, default=Settings.max_batch, metavar="ROWS")
    add("--max-delay-ms", type=float, default=Settings.max_delay_ms, metavar="MS")
    add("--max-queue", type=int, default=Settings.max_queue, metavar="ROWS")
    add("--max-body", type=int, default=Settings.max_body, metavar="BYTES")
    add("--output", choices=OUTPUTS, default=Settings.output)
    add("--unknown-categories", choices=("refuse", "accept"), default="refuse")
    add("--request-timeout", type=float, default=Settings.body_timeout, metavar="S")
    add("--keep-alive", type=int, default=Options.keep_alive, metavar="S")
    add(
        "--grace",
        type=int,
        default=Options.grace,
        metavar="S",
        help="to end what is in flight after SIGTERM",
    )
    add("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    add("--no-access-log", action="store_true")
    parser.set_defaults(func=_serve)


def _serve(parsed):
    options = _options(parsed, os.environ)
    if parsed.workers < 1:
        raise ModelError(f"--workers must be at least 1. Got {parsed.workers}.")
    try:
        if parsed.workers == 1:
            server = importlib.import_module("skdeep.serving.server")
            return server.run_worker(options)
        workers = importlib.import_module("skdeep.serving.workers")
        return workers.run_workers(options, parsed.workers)
    except ImportError as error:
        raise ModelError(
            f"Serving needs {error.name}: pip install 'skdeep[serve]'."
        ) from error


def _options(parsed, environ):
    """Options of the command line, and those that a platform sets."""
    settings = {
        "max_batch": parsed.max_batch,
        "max_delay_ms": parsed.max_delay_ms,
        "max_queue": parsed.max_queue,
        "max_body": parsed.max_body,
        "body_timeout": parsed.request_timeout,
        "output": parsed.output,
        "unknown_categories": parsed.unknown_categories == "accept",
        "access_log": not parsed.no_access_log,
    }
    for name, variable in {
        "predict_route": "AIP_PREDICT_ROUTE",
        "health_route": "AIP_HEALTH_ROUTE",
    }.items():
        if variable in environ:
            settings[name] = environ[variable]
    try:
        Settings(**settings)
        port = int(environ.get("AIP_HTTP_PORT", Options.port))
    except ValueError as error:
        raise ModelError(str(error)) from error
    return Options(
        model=str(find_model(parsed.model, environ)),
        engine=parsed.engine,
        name=parsed.name,
        host=parsed.host or ("127.0.0.1" if _is_local(parsed, environ) else "0.0.0.0"),
        port=port if parsed.port is None else parsed.port,
        keep_alive=parsed.keep_alive,
        grace=parsed.grace,
        log_level=parsed.log_level,
        settings=settings,
    )


def _is_local(parsed, environ):
    """Whether nothing tells of a container that others have to reach."""
    return parsed.model is not None and "AIP_HTTP_PORT" not in environ


if __name__ == "__main__":
    sys.exit(main())
