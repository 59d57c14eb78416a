"""What the command line makes of its arguments and of a platform's variables."""

import subprocess
import sys

import pytest

from skdeep import __version__
from skdeep.serving import command_line, server, workers
from skdeep.serving.errors import ModelError
from skdeep.serving.location import find_model


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Function that gives the options which a server would be started with."""
    for name in ("AIP_STORAGE_URI", "AIP_HTTP_PORT", "SKDEEP_MODEL"):
        monkeypatch.delenv(name, raising=False)
    seen = []
    monkeypatch.setattr(server, "run_worker", lambda options: seen.append((options, 1)))
    monkeypatch.setattr(workers, "run_workers", lambda *given: seen.append(given))

    def start(*arguments):
        assert command_line.main(["serve", *map(str, arguments)]) == 0
        return seen.pop()

    return start


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "iris.skdeep"
    path.touch()
    return path


def test_defaults_are_for_this_machine(started, archive):
    options, n_workers = started(archive)
    assert n_workers == 1
    assert options.model == str(archive)
    assert (options.host, options.port) == ("127.0.0.1", 8080)


def test_options_are_passed_on(started, archive):
    options, n_workers = started(
        archive,
        *("--workers", 3, "--host", "::1", "--port", 0, "--name", "best"),
        *("--max-batch", 5, "--max-delay-ms", 2.5, "--max-queue", 9, "--max-body", 77),
        *("--output", "label", "--unknown-categories", "accept", "--grace", 4),
        *("--request-timeout", 3, "--keep-alive", 8, "--no-access-log"),
    )
    assert n_workers == 3
    assert (options.host, options.port, options.name) == ("::1", 0, "best")
    assert (options.grace, options.keep_alive) == (4, 8)
    assert options.settings == {
        "max_batch": 5,
        "max_delay_ms": 2.5,
        "max_queue": 9,
        "max_body": 77,
        "output": "label",
        "unknown_categories": True,
        "body_timeout": 3.0,
        "access_log": False,
    }


def test_variables_of_vertex(started, archive, monkeypatch):
    for name, value in {
        "AIP_STORAGE_URI": f"file://{archive.parent}",
        "AIP_HTTP_PORT": "8181",
        "AIP_PREDICT_ROUTE": "/v1/models/m:predict",
        "AIP_HEALTH_ROUTE": "/v1/models/m",
    }.items():
        monkeypatch.setenv(name, value)
    options, _ = started()
    assert options.model == str(archive)
    assert (options.host, options.port) == ("0.0.0.0", 8181)
    assert options.settings["predict_route"] == "/v1/models/m:predict"
    assert options.settings["health_route"] == "/v1/models/m"


def test_folder_of_sagemaker(archive):
    found = find_model(None, {}, archive.parent)
    assert found == archive


def test_order_of_what_names_a_model(archive, tmp_path):
    other = tmp_path / "other.skdeep"
    other.touch()
    environ = {"SKDEEP_MODEL": str(archive), "AIP_STORAGE_URI": str(other)}
    assert find_model(str(other), environ) == other
    assert find_model(None, environ) == archive
    del environ["SKDEEP_MODEL"]
    assert find_model(None, environ) == other


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "There is no model to serve. Name one"),
        ("nowhere.skdeep", "There is no file nowhere.skdeep"),
        ("s3://bucket/model", "must be a path, or an address of file:// or gs://"),
        ("gs://bucket/model", "needs google-cloud-storage: pip install"),
    ],
)
def test_model_that_is_not_there(given, expected, tmp_path, monkeypatch):
    # As if it weren't installed, wherever the tests run.
    monkeypatch.setitem(sys.modules, "google.cloud.storage", None)
    with pytest.raises(ModelError, match=expected):
        find_model(given, {}, tmp_path / "none")


def test_folder_must_hold_one_archive(archive, tmp_path):
    (tmp_path / "notes.txt").touch()
    assert find_model(str(tmp_path), {}) == archive
    (tmp_path / "second.skdeep").touch()
    with pytest.raises(ModelError, match=r"Got iris\.skdeep, second\.skdeep"):
        find_model(str(tmp_path), {})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--workers", "0"], "--workers must be at least 1. Got 0"),
        (["--max-batch", "0"], "`max_batch` must be a positive integer. Got 0"),
    ],
)
def test_wrong_options_are_told_without_a_traceback(options, expected, archive, capsys):
    assert command_line.main(["serve", str(archive), *options]) == 1
    assert expected in capsys.readouterr().err


def test_extra_that_is_missing_is_named(archive):
    code = f"""
import sys
sys.modules["uvicorn"] = None
from skdeep.serving.command_line import main
sys.exit(main(["serve", {str(archive)!r}]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Serving needs uvicorn: pip install 'skdeep[serve]'" in done.stderr


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"skdeep {__version__}\n"
