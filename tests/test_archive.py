"""One file of several parts: what was written, or a clear refusal."""

import hashlib
import json
import os
import stat
import struct
import subprocess
import sys
import warnings
import zipfile

import pytest

from skdeep import _archive as archive

CONFIG = {"model": "DeepMLPClassifier", "signature": {"classes": ["a", "ü"]}}
PARTS = {"weights.safetensors": bytes(range(256)), "steps/00.skops": b"step"}


@pytest.fixture
def path(tmp_path):
    archive.write(tmp_path / "model.skdeep", CONFIG, PARTS)
    return tmp_path / "model.skdeep"


def listed(parts):
    return {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in parts.items()
    }


def forge(path, config=None, parts=PARTS, names=None, method=zipfile.ZIP_STORED):
    """Write a zip file as anyone could."""
    whole = {"format": "skdeep", "format_version": 1, "parts": listed(parts)}
    whole |= config or {}
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as file:
        warnings.filterwarnings("ignore", "Duplicate name")
        file.writestr("config.json", json.dumps(whole))
        for name in names or parts:
            file.writestr(name, parts.get(name, b"new"))


def test_what_was_written_is_read(path):
    config, parts = archive.read(path)
    assert parts == PARTS
    assert {name: config[name] for name in CONFIG} == CONFIG
    assert (config["format"], config["format_version"]) == ("skdeep", 1)
    assert config["parts"] == listed(PARTS)


def test_any_zip_tool_reads_it_config_first(path):
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert file.namelist() == ["config.json", *PARTS]


def test_same_content_gives_the_same_file(path, tmp_path):
    archive.write(tmp_path / "again.zip", CONFIG, PARTS)
    assert (tmp_path / "again.zip").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["../x", "/x", "a/../b", "a//b", "config.json", ""])
def test_names_that_leave_the_archive_are_not_written(name, tmp_path):
    with pytest.raises(ValueError, match="`parts` must have names"):
        archive.write(tmp_path / "model", CONFIG, {name: b""})


def test_numbers_that_json_lacks_are_not_written(path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        archive.write(path, {"tol": float("nan")}, PARTS)
    assert path.read_bytes() == before


def test_failure_leaves_the_old_file_and_no_other(path, monkeypatch):
    before = path.read_bytes()

    def fail(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        archive.write(path, CONFIG, {"weights.safetensors": b"x" * 1000})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


KILLED = """
import os, signal, sys
from skdeep import _archive as archive
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
archive.write(sys.argv[1], {}, {"part": b"x" * 100_000})
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_kill_half_way_leaves_the_old_file(path):
    process = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert process.returncode < 0
    assert archive.read(path).parts == PARTS


@pytest.mark.skipif(os.name != "posix", reason="links and modes are POSIX's")
def test_link_stays_a_link_and_modes_are_those_of_new_files(path, tmp_path):
    (tmp_path / "link").symlink_to(path)
    archive.write(tmp_path / "link", {**CONFIG, "model": "other"}, PARTS)
    assert (tmp_path / "link").is_symlink()
    assert archive.read(path).config["model"] == "other"
    (tmp_path / "plain").touch()
    modes = {stat.S_IMODE(p.stat().st_mode) for p in (path, tmp_path / "plain")}
    assert len(modes) == 1


@pytest.mark.parametrize("data", [b"", b"\x80\x04K\x01.", b"PK\x05\x06" + bytes(18)])
def test_other_files_are_refused(data, tmp_path):
    (tmp_path / "other").write_bytes(data)
    with pytest.raises(archive.ArchiveError, match=r"must be a file that skdeep\.pers"):
        archive.read(tmp_path / "other")


def test_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        archive.read(tmp_path / "none")


def bomb(path):
    forge(path, parts={"part": b"0" * 10**6}, method=zipfile.ZIP_DEFLATED)


def overlap(path):
    """Two entries of the directory that are the same bytes."""
    forge(path, parts={"a": b"x" * 5000, "b": b"x"})
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        start, first = file.start_dir, file.getinfo("a").header_offset
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02", start + 46) + 46)
    struct.pack_into("<LL", data, at + 20, 5000, 5000)
    struct.pack_into("<L", data, at + 42, first)
    path.write_bytes(data)


def deep(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", "[" * 10**6)


def twice_a_key(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", '{"format": "x", "format": "skdeep"}')


def not_utf8(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", b'{"format": "\xff"}')


def truncated(path):
    forge(path)
    path.write_bytes(path.read_bytes()[:-30])


def replace(path, old, new):
    forge(path)
    path.write_bytes(path.read_bytes().replace(old, new))


CHANGED = {"weights.safetensors": bytes(256), "steps/00.skops": b"step"}
REFUSED = {
    "compression": (bomb, "without compression"),
    "overlap": (overlap, "without overlap"),
    "deep JSON": (deep, "must be JSON"),
    "repeated key": (twice_a_key, "a key is there twice"),
    "no text": (not_utf8, "must be JSON"),
    "truncation": (truncated, "is damaged"),
    "changed byte": (
        lambda path: replace(path, bytes(range(256)), bytes(256)),
        "is damaged: Bad CRC-32",
    ),
    "wrong hash": (
        lambda path: forge(path, {"parts": listed(CHANGED)}),
        "'weights.safetensors' is not the one that was saved",
    ),
    "missing part": (
        lambda path: forge(path, names=["steps/00.skops"]),
        "'weights.safetensors' is missing",
    ),
    "extra part": (
        lambda path: forge(path, names=[*PARTS, "hook.py"]),
        r"'hook\.py' is not among those listed",
    ),
    "part twice": (
        lambda path: forge(path, names=[*PARTS, *PARTS]),
        "a part is there twice",
    ),
    "parent folder": (
        lambda path: forge(path, parts={**PARTS, "../../x": b""}),
        r"no part may have the name '\.\./\.\./x'",
    ),
    "root folder": (
        lambda path: forge(path, parts={**PARTS, "/etc/x": b""}),
        "no part may have the name",
    ),
    "null byte": (
        lambda path: replace(path, b"weights.safetensors", b"weights\0safetensors"),
        "no part may have the name",
    ),
    "other format": (lambda path: forge(path, {"format": "zip"}), "must have the form"),
    "newer format": (
        lambda path: forge(path, {"format_version": 2, "skdeep_version": "7.0"}),
        r"format version 2, .* up to 1; it was written by skdeep 7\.0: upgrade",
    ),
    "no version": (lambda path: forge(path, {"format_version": True}), "an integer"),
    "no list": (lambda path: forge(path, {"parts": []}), "must list the parts"),
    "list of nonsense": (lambda path: forge(path, {"parts": {}}), "is not among"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, tmp_path):
    make, message = REFUSED[case]
    make(tmp_path / "model")
    with pytest.raises(archive.ArchiveError, match=message):
        archive.read(tmp_path / "model")


def test_no_config(tmp_path):
    with zipfile.ZipFile(tmp_path / "model", "w") as file:
        file.writestr("part", b"")
    with pytest.raises(archive.ArchiveError, match=r"has no config\.json"):
        archive.read(tmp_path / "model")
