"""Predictions for a whole file, in bounded memory, that survive being killed."""

import hashlib
import sys
import time
from pathlib import Path

import numpy as np

from skdeep.serving.errors import ModelError
from skdeep.serving.files import open_rows
from skdeep.serving.model import ENGINES, ServedModel
from skdeep.serving.outputs import WRITERS, Parts

# Rows that are given to the model at once: what it computes fits into the cache.
_MODEL_ROWS = 512
_CHUNK_ROWS = 10_000


def add_parser(commands):
    """Add ``skdeep predict``.

    Parameters
    ----------
    commands : argparse's sub-parsers
    """
    parser = commands.add_parser(
        "predict",
        help="predict the rows of a file",
        description="Predict the rows of a csv, parquet or npy file. Run it again "
        "after it was interrupted, and it goes on where it was.",
    )
    add = parser.add_argument
    add("model", help="file that skdeep.persistence.save wrote")
    add("input", help="ends in .csv, .parquet or .npy")
    add(
        "-o",
        "--output",
        help="ends in .csv or .parquet; by default beside the input, with the name "
        "INPUT.predictions.csv",
    )
    add("--engine", choices=ENGINES, default="onnx")
    add(
        "--chunk-rows",
        type=int,
        default=_CHUNK_ROWS,
        metavar="ROWS",
        help="rows in memory at a time",
    )
    add("--unknown-categories", choices=("refuse", "accept"), default="refuse")
    parser.set_defaults(func=_run)


def _run(parsed):
    source = Path(parsed.input)
    output = parsed.output or source.with_suffix(".predictions.csv")
    n_rows = predict_file(
        parsed.model,
        source,
        output,
        engine=parsed.engine,
        chunk_rows=parsed.chunk_rows,
        unknown_categories=parsed.unknown_categories == "accept",
        progress=_Progress(sys.stderr),
    )
    print(f"{n_rows:,} predictions: {output}", file=sys.stderr)


def predict_file(
    model,
    source,
    output,
    *,
    engine="onnx",
    chunk_rows=_CHUNK_ROWS,
    unknown_categories=False,
    progress=lambda n_rows, share: None,
):
    """Predict the rows of a file.

    Each chunk becomes a file of its own beside the output, complete whenever it is
    there; the next call with the same model, input and settings goes on after the last
    one. When all are there, they are joined, and the output takes its name in one step.

    Parameters
    ----------
    model : path-like
        An archive.

    source : path-like
        Ends in .csv, .parquet or .npy.

    output : path-like
        Ends in .csv or .parquet. Has the columns ``prediction`` and, for each class,
        ``probability_CLASS``.

    engine : {"onnx", "torch"}, default="onnx"

    chunk_rows : int, default=10000
        Rows in memory at a time.

    unknown_categories : bool, default=False
        Whether to predict rows with categories that training didn't see.

    progress : callable
        Called with the number of rows done, and the share of the input.

    Returns
    -------
    n_rows : int
        Number of rows of the output.

    Raises
    ------
    ModelError
        Says what is wrong with the model or the input.
    """
    source, output = Path(source), Path(output)
    if chunk_rows < 1:
        raise ModelError(f"The rows of a chunk must be at least 1. Got {chunk_rows}.")
    if output.suffix.lower() not in WRITERS:
        raise ModelError(
            f"The output must end in {' or '.join(WRITERS)}. Got {output.name}."
        )
    if not output.parent.is_dir():
        raise ModelError(f"The output must be in a folder that exists. Got {output}.")
    served = ServedModel.from_archive(model, engine)
    rows = open_rows(source, served.signature, unknown_categories=unknown_categories)
    writer = WRITERS[output.suffix.lower()](_column_names(served.signature))
    job = {
        "model": hashlib.sha256(Path(model).read_bytes()).hexdigest(),
        "input": [source.stat().st_size, source.stat().st_mtime_ns],
        "settings": [engine, chunk_rows, unknown_categories],
    }
    with Parts(output, job) as parts:
        for arrays, _, share in rows.parts(chunk_rows, parts.n_rows):
            parts.add(writer.encoded(_answers(served, arrays)), len(arrays[0]))
            progress(parts.n_rows, share)
        if not parts.n_rows:
            raise ModelError(f"{source} has no rows.")
        parts.join(writer.join)
        return parts.n_rows


def probabilities_of(served, arrays):
    """Probabilities of any number of rows.

    Parameters
    ----------
    served : ServedModel

    arrays : list of ndarray
        As the model takes them.

    Returns
    -------
    probabilities : ndarray of shape (n_rows, n_classes)
    """
    return np.concatenate(
        [
            served.predict([array[start : start + _MODEL_ROWS] for array in arrays])
            for start in range(0, len(arrays[0]), _MODEL_ROWS)
        ]
    )


def _answers(served, arrays):
    """Columns of the output."""
    p = probabilities_of(served, arrays)
    if served.signature.multilabel:
        labels = [column.tolist() for column in (p > 0.5).astype(int).T]
    else:
        classes = served.signature.classes
        labels = [[classes[code] for code in p.argmax(1).tolist()]]
    return [*labels, *p.T.tolist()]


def _column_names(signature):
    if signature.multilabel:
        positions = range(len(signature.classes))
        kinds = "prediction", "probability"
        return [f"{kind}_{j}" for kind in kinds for j in positions]
    return ["prediction", *(f"probability_{label}" for label in signature.classes)]


class _Progress:
    """A line on a terminal; nothing elsewhere.

    Parameters
    ----------
    stream : file
    """

    _WIDTH = 30

    def __init__(self, stream):
        self._stream, self._is_shown = stream, stream.isatty()
        self._start, self._first = time.monotonic(), None

    def __call__(self, n_rows, share):
        """Show how far it has come."""
        if not self._is_shown:
            return
        if self._first is None:
            # What an earlier call has done says nothing about the speed of this one.
            self._first = n_rows
        seconds = max(time.monotonic() - self._start, 1e-9)
        speed = (n_rows - self._first) / seconds
        bar = "#" * round(share * self._WIDTH)
        end = "\n" if share >= 1 else ""
        told = f"{share:4.0%}  {n_rows:,} rows, {speed:,.0f} a second"
        self._stream.write(f"\r[{bar:{self._WIDTH}}] {told}{end}")
        self._stream.flush()
