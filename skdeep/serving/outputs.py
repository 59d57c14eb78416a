"""A file that is written in parts, each of which is there for good once it is there."""

import csv
import fcntl
import io
import json
import os
import secrets
import shutil

from skdeep.serving.errors import ModelError
from skdeep.serving.files import pyarrow


class Parts:
    """Folder of what is done, and of which job.

    Parameters
    ----------
    output : Path

    job : dict
        What the parts depend on; those of another job are thrown away.
    """

    def __init__(self, output, job):
        self._output, self._job = output, job
        self._folder = output.with_name(f"{output.name}.parts")

    def __enter__(self):
        self._folder.mkdir(exist_ok=True)
        self._lock = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._forget_other_jobs()
        except BaseException as error:
            os.close(self._lock)
            if isinstance(error, BlockingIOError):
                raise ModelError(
                    f"Another process is writing {self._output} already."
                ) from None
            raise
        self._done = sorted(self._folder.glob("*.part"))
        return self

    def __exit__(self, *error):
        os.close(self._lock)

    @property
    def n_rows(self):
        """Number of rows in all parts."""
        return sum(int(path.stem.partition("-")[2]) for path in self._done)

    def _forget_other_jobs(self):
        listed, told = self._folder / "job.json", json.dumps(self._job).encode()
        if listed.exists() and listed.read_bytes() == told:
            return
        for path in self._folder.iterdir():
            path.unlink()
        _write(listed, lambda file: file.write(told))

    def add(self, data, n_rows):
        """Keep the next part."""
        path = self._folder / f"{len(self._done):08d}-{n_rows}.part"
        _write(path, lambda file: file.write(data))
        self._done.append(path)

    def join(self, join):
        """Make the output of all parts, and forget these."""
        _write(self._output, lambda file: join(self._done, file))
        shutil.rmtree(self._folder)


def _write(path, write):
    """Write a file that is complete whenever it is there, even after a power cut."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(beside, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class CsvWriter:
    """Makes bytes of columns, and a file of such bytes.

    Parameters
    ----------
    names : list of str
        Of the columns.
    """

    def __init__(self, names):
        self._names = names

    def encoded(self, columns):
        """Bytes of a part, a list for each column."""
        return self._text(zip(*columns, strict=True))

    def _text(self, rows):
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows(rows)
        return stream.getvalue().encode()

    def join(self, parts, file):
        """Write a file of the paths of parts."""
        file.write(self._text([self._names]))
        for path in parts:
            with open(path, "rb") as part:
                shutil.copyfileobj(part, file)


class ParquetWriter:
    """As ``CsvWriter``, for parquet."""

    def __init__(self, names):
        self._names = names
        self._pa, self._parquet = pyarrow("lib"), pyarrow("parquet")

    def encoded(self, columns):
        """Bytes of a part, a list for each column."""
        stream = io.BytesIO()
        table = self._pa.table(dict(zip(self._names, columns, strict=True)))
        self._parquet.write_table(table, stream)
        return stream.getvalue()

    def join(self, parts, file):
        """Write a file of the paths of parts."""
        schema = self._parquet.read_schema(parts[0])
        with self._parquet.ParquetWriter(file, schema) as writer:
            for path in parts:
                writer.write_table(self._parquet.read_table(path))


WRITERS = {".csv": CsvWriter, ".parquet": ParquetWriter}
