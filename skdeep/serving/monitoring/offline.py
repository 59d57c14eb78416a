"""What a server watches, over files."""

import json
import sys

from skdeep.serving.batch import probabilities_of
from skdeep.serving.errors import ModelError
from skdeep.serving.files import open_rows
from skdeep.serving.model import ENGINES, ServedModel
from skdeep.serving.monitoring.monitor import Monitor

_CHUNK_ROWS = 10_000
# All rows of a file are one window, of which the last labels count.
_ENDLESS, _N_LABELS = 2**62, 100_000
ALARM = 3


def add_parser(commands):
    """Add ``skdeep monitor``.

    Parameters
    ----------
    commands : argparse's sub-parsers
    """
    parser = commands.add_parser(
        "monitor",
        help="compare the rows of a file with the training data of a model",
        description="Compare rows with the training data of a model, and predictions "
        f"with labels. Ends with {ALARM} if anything alarms, with 0 if nothing does, "
        "and with 1 if it can't tell.",
    )
    add = parser.add_argument
    add("model", help="file that skdeep.persistence.save wrote")
    add("--data", required=True, help="file that ends in .csv, .parquet or .npy")
    add(
        "--labels",
        metavar="COLUMN",
        help="that holds the true labels: a name, or a position from 0 on where the "
        "columns have no names; rows in the order of time",
    )
    add("--engine", choices=ENGINES, default="onnx")
    add("--json", action="store_true", help="print the whole report as JSON")
    parser.set_defaults(func=_run)


def _run(parsed):
    report = judge_file(
        parsed.model, parsed.data, labels=parsed.labels, engine=parsed.engine
    )
    if parsed.json:
        json.dump(report, sys.stdout, indent=1)
        print()
    else:
        print(as_text(report))
    return ALARM if report["alarm"] else 0


def judge_file(model, data, *, labels=None, engine="onnx"):
    """Compare the rows of a file with the training data of a model.

    Parameters
    ----------
    model : path-like
        An archive.

    data : path-like
        Ends in .csv, .parquet or .npy.

    labels : str or None, default=None
        Column of true labels.

    engine : {"onnx", "torch"}, default="onnx"

    Returns
    -------
    report : dict
        Of a Monitor.

    Raises
    ------
    ModelError
        Says what is wrong with the model or the file.
    """
    served = ServedModel.from_archive(model, engine)
    if served.reference is None:
        raise ModelError(
            f"{model} holds no statistics of training data: save it with some rows, "
            "save(model, path, X)."
        )
    monitor = Monitor(
        served.reference,
        served.signature,
        window=_ENDLESS,
        n_remembered=1,
        n_labels=_N_LABELS,
    )
    rows = open_rows(data, served.signature, label=labels, unknown_categories=True)
    try:
        for arrays, truths, _ in rows.parts(_CHUNK_ROWS):
            probabilities = probabilities_of(served, arrays)
            monitor.observe(arrays, probabilities)
            if truths is not None:
                monitor.learn_labels(probabilities, truths)
        return monitor.report()
    except (ValueError, ImportError) as error:
        raise ModelError(f"{data}: {error}") from error


def as_text(report):
    """Write a report as a table for a terminal.

    Parameters
    ----------
    report : dict

    Returns
    -------
    text : str
    """
    lines = [
        f"{'ALARM: ' if report['alarm'] else ''}{report['verdict']}",
        *(f"  - {reason}" for reason in report["reasons"]),
        "",
        f"{report['n_rows']:,} rows, beside {report['n_reference']:,} of training data",
        "",
    ]
    head = ("feature", "PSI", "by chance", "adjusted p", "missing", "never seen", "")
    rows = [
        (
            entry["name"],
            f"{entry['psi']:.3f}",
            f"{entry['psi_noise']:.3f}",
            f"{entry['tests']['distribution']['p_value']:.2g}",
            f"{entry['missing']:.1%}",
            f"{entry['out_of_range']:.1%}",
            "changed" if entry["alarm"] else "",
        )
        for entry in report["features"]
    ]
    if rows:
        lines += [*_aligned([head, *rows]), ""]
    lines += _of_predictions(report["predictions"])
    if report["labels"]["n_labels"]:
        lines += ["", *_of_labels(report["labels"])]
    return "\n".join(lines)


def _aligned(rows):
    """Lines of a table: the first column to the left, the others to the right."""
    first, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
    for name, *cells in rows:
        shown = (f"{c:>{w}}" for c, w in zip(cells, widths, strict=True))
        yield "  ".join([f"{name:{first}}", *shown]).rstrip()


def _of_predictions(predictions):
    rows = [("predicted", "training", "here")]
    for entry in predictions["classes"]:
        before = entry["reference"]
        told = "unknown" if before is None else f"{before:.1%}"
        rows.append((entry["name"], told, f"{entry['window']:.1%}"))
    yield from _aligned(rows)
    if predictions["psi"] is not None:
        changed = ", changed" if predictions["alarm"] else ""
        yield f"PSI {predictions['psi']:.3f}{changed}"


def _of_labels(scores):
    rows = [("score", "value", "95 % interval")]
    for key in ("accuracy", "balanced_accuracy", "log_loss"):
        score = scores[key]
        within = "unknown"
        if score["low"] is not None:
            within = f"{score['low']:.3f} to {score['high']:.3f}"
        rows.append((key.replace("_", " "), f"{score['value']:.3f}", within))
    yield from _aligned(rows)
    change = scores["change"]
    if change["at"] is None:
        yield f"ADWIN finds no change of the errors in {scores['n_labels']:,} labels"
    else:
        yield (
            f"ADWIN noticed a change at label {change['at']:,}: {change['before']:.1%} "
            f"errors before, {change['since']:.1%} since"
        )
