"""A real browser that opens pages and says what became of them."""

import functools
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

_CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(
    _CHROMIUM is None, reason="needs chromium: apt-get install chromium"
)


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def served(folder):
    """Address of a folder, for pages of files may not look at others."""
    handler = functools.partial(_QuietHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def opened(address, profile):
    """What a page has become once its scripts are done, and what its console said.

    Parameters
    ----------
    address : str

    profile : Path
        Folder for the browser's own files.

    Returns
    -------
    html, said : str
    """
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    result = subprocess.run(
        [_CHROMIUM, *options, f"--user-data-dir={profile}", "--dump-dom", address],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return result.stdout, result.stderr
