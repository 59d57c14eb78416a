"""A server in a process of its own."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

_COMMAND = "import sys; from skdeep.serving.command_line import main; sys.exit(main())"
ROOT = Path(__file__).parents[2]
_ADDRESS = re.compile(r"(?:running on http://|Listening on )127\.0\.0\.1:(\d+)")


class Running:
    """A process that serves.

    Attributes
    ----------
    port : int

    lines : list of str
        What it wrote so far.
    """

    def __init__(self, process):
        self.process = process
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def wait_for_port(self, seconds=30):
        self.wait(lambda: any(map(_ADDRESS.search, self.lines)), seconds)
        found = next(filter(None, map(_ADDRESS.search, self.lines)))
        self.port = int(found[1])

    def wait_until_ready(self, seconds=30):
        self.wait(lambda: get(f"{self.url}/readyz").status_code == 200, seconds)

    def wait(self, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, "".join(self.lines)
            assert time.monotonic() < deadline, "".join(self.lines)
            time.sleep(0.02)

    def end(self, seconds=30):
        """Wait for the end; returns the status."""
        status = self.process.wait(seconds)
        self._reader.join(5)
        return status

    @property
    def events(self):
        return [json.loads(line) for line in self.lines]


def get(url):
    with httpx.Client() as client:
        return client.get(url)


@contextmanager
def running(*arguments, code=_COMMAND):
    """Run the command line; the process ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    server = Running(process)
    try:
        yield server
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
        process.wait(10)
        process.stdout.close()
