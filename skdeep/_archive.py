"""One file of several parts, each with its hash; no pickle anywhere.

It is a zip file without compression: config.json first, which lists all other parts.
"""

import hashlib
import io
import json
import os
import re
import secrets
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

FORMAT, FORMAT_VERSION = "skdeep", 1
_CONFIG = "config.json"
_PART_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*")
_LONGEST_NAME = 200
# The same content makes the same file.
_DATE = (1980, 1, 1, 0, 0, 0)
# All that zipfile raises for files that others made.
BROKEN = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)


class ArchiveError(ValueError):
    """The file is no archive of skdeep's, is damaged, or was tampered with."""


class Archive(NamedTuple):
    """Content of an archive.

    Attributes
    ----------
    config : dict
        As `write` got it, with the format and the list of parts.

    parts : dict
        Name to bytes.
    """

    config: dict
    parts: dict


def write(path, config, parts):
    """Write an archive; a failure leaves the file that was there.

    Parameters
    ----------
    path : str or path-like

    config : dict
        What JSON can say, with finite numbers.

    parts : dict
        Name to bytes.
    """
    for name in parts:
        if name == _CONFIG or not _is_part_name(name):
            raise ValueError(
                "`parts` must have names of letters, digits and ._-, in folders or "
                f"not. Got {name!r}."
            )
    config = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "parts": {
            name: {"sha256": _hash(data), "size": len(data)}
            for name, data in parts.items()
        },
        **config,
    }
    text = json.dumps(config, allow_nan=False, indent=1).encode()
    replace(path, _zipped({_CONFIG: text, **parts}))


def _zipped(parts):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as file:
        for name, data in parts.items():
            file.writestr(zipfile.ZipInfo(name, _DATE), data)
    return stream.getbuffer()


def replace(path, data):
    """Write a file beside the old one, and take its place in one step."""
    path = Path(os.path.realpath(path))
    beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
    try:
        with open(beside, "xb") as file:
            file.write(data)
            file.flush()
            # Else a crash of the machine may leave an empty file with the name.
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


def read(path):
    """Read an archive and check every part; executes nothing.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    archive : Archive

    Raises
    ------
    ArchiveError
        Says what is wrong with the file.
    """
    data = Path(path).read_bytes()
    if not data.startswith(b"PK\x03\x04"):
        raise ArchiveError(
            f"{path} must be a file that skdeep.persistence.save wrote. Got something "
            "else."
        )
    try:
        stored = unzipped(data)
        if _CONFIG not in stored:
            raise ArchiveError(f"it has no {_CONFIG}.")
        config = _parsed(stored.pop(_CONFIG))
        _check_parts(config["parts"], stored)
    except ArchiveError as error:
        raise ArchiveError(f"{path} was refused: {error}") from error.__cause__
    return Archive(config, stored)


def unzipped(data):
    """Name to bytes, of a zip file that hides and compresses nothing.

    Raises
    ------
    ArchiveError
        If it does, or is no zip file.
    """
    try:
        return _stored(data)
    except ArchiveError:
        raise
    except BROKEN as error:
        raise ArchiveError(f"it is damaged: {error}.") from error


def _stored(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        entries, total = file.infolist(), 0
        for entry in entries:
            total += max(entry.file_size, entry.compress_size)
            if entry.compress_type != zipfile.ZIP_STORED or total > len(data):
                raise ArchiveError(
                    "its parts must be stored without compression and without overlap."
                )
            if not _is_part_name(entry.orig_filename):
                raise ArchiveError(f"no part may have the name {entry.filename!r}.")
        names = [entry.filename for entry in entries]
        if len(set(names)) < len(names):
            raise ArchiveError("a part is there twice.")
        return {entry.filename: file.read(entry) for entry in entries}


def _is_part_name(name):
    return len(name) <= _LONGEST_NAME and _PART_NAME.fullmatch(name) is not None


def _parsed(text):
    try:
        config = json.loads(text.decode(), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{_CONFIG} must be JSON: {error}.") from None
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise ArchiveError(f"{_CONFIG} must have the format {FORMAT!r}.")
    version = config.get("format_version")
    if type(version) is not int or version < 1:
        raise ArchiveError(f"the format version must be an integer. Got {version!r}.")
    if version > FORMAT_VERSION:
        raise ArchiveError(
            f"it has format version {version}, and this skdeep reads up to "
            f"{FORMAT_VERSION}; it was written by skdeep "
            f"{config.get('skdeep_version')}: upgrade skdeep."
        )
    if not isinstance(config.get("parts"), dict):
        raise ArchiveError(f"{_CONFIG} must list the parts.")
    return config


def _without_repetition(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _check_parts(listed, stored):
    for name in sorted(listed.keys() - stored.keys()):
        raise ArchiveError(f"the part {name!r} is missing.")
    for name in sorted(stored.keys() - listed.keys()):
        raise ArchiveError(f"the part {name!r} is not among those listed.")
    for name, data in stored.items():
        if listed[name] != {"sha256": _hash(data), "size": len(data)}:
            raise ArchiveError(f"the part {name!r} is not the one that was saved.")


def _hash(data):
    return hashlib.sha256(data).hexdigest()
