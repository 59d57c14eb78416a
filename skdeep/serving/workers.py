"""Several processes that accept from one port, and a parent that minds them."""

import logging
import logging.config
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time

from skdeep.serving import logs
from skdeep.serving.metrics import SHARED_FOLDER

_logger = logging.getLogger("skdeep.serving")
_POLL_SECONDS = 0.2
# What a worker ends with that can't load the model, and never will.
_HOPELESS = 1


def run_workers(options, n_workers):
    """Serve with several processes until a signal comes.

    Parameters
    ----------
    options : Options

    n_workers : int

    Returns
    -------
    status : int
        Of the process.
    """
    logging.config.dictConfig(logs.config(options.log_level))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # Its files are how the workers' counts reach the page of any one of them.
    folder = tempfile.mkdtemp(prefix="skdeep-metrics-")
    os.environ[SHARED_FOLDER] = folder
    try:
        with _listen(options.host, options.port) as listener:
            _logger.info("Listening on %s:%d.", *listener.getsockname()[:2])
            return _mind(_Workers(options, listener, n_workers), stop)
    except OSError as error:
        _logger.error("Port %d can't be opened: %s", options.port, error)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _listen(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(4096)
    return listener


class _Workers:
    """Processes, each of which is replaced when it ends."""

    def __init__(self, options, listener, n_workers):
        # Threads of the parent, and libraries' state, don't survive a fork.
        self._context = multiprocessing.get_context("spawn")
        self._options = options
        self._listener = listener
        self.processes = [self._start() for _ in range(n_workers)]

    def _start(self):
        process = self._context.Process(
            target=_work, args=(self._options, self._listener)
        )
        process.start()
        return process

    def replace(self, position):
        self.processes[position] = self._start()

    def end(self):
        """Ask all to end, and see to it that they do."""
        for process in self.processes:
            process.terminate()
        deadline = time.monotonic() + self._options.grace + 5
        for process in self.processes:
            process.join(max(0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def _mind(workers, stop):
    status = 0
    while not stop.wait(_POLL_SECONDS):
        for position, process in enumerate(workers.processes):
            if process.exitcode is None:
                continue
            _forget(process.pid)
            if process.exitcode == _HOPELESS:
                status = 1
                stop.set()
                break
            _logger.error("Worker %d ended; starting another one.", process.pid)
            workers.replace(position)
    workers.end()
    return status


def _forget(process_id):
    """Stop counting what a process was doing."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(process_id)


def _work(options, listener):
    from skdeep.serving.server import run_worker

    sys.exit(run_worker(options, [listener]))
