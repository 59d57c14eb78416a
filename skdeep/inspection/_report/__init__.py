"""A report on a fitted net: one HTML file that needs nothing else."""

import os
import tempfile
from importlib.resources import files
from pathlib import Path

from sklearn.utils import check_consistent_length

from skdeep._version import __version__
from skdeep.inspection._exchange import as_dense
from skdeep.inspection._extras import extra
from skdeep.inspection._report import facts, sections
from skdeep.inspection._report.markup import Markup, element, join, paragraph
from skdeep.inspection._subject import take_apart

_HEAD = """<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<link rel="icon" href="data:,">
"""


def report(estimator, X, y, path, *, title=None, n_cases=3):
    """Write a report on a fitted net: one HTML file that needs no network.

    It tells data and parameters, metrics, the scores of each class, calibration,
    permutation importance, and what spoke for some right and some wrong answers.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier, or a Pipeline that ends in one.

    X : array-like of shape (n_samples, n_features) or (n_samples, ...)
        Samples to judge it on, which should be others than it was trained on.

    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        Their targets.

    path : str or path-like
        File to write; one that is there is replaced at the end.

    title : str, default=None
        Heading; None names the estimator.

    n_cases : int, default=3
        Right and wrong answers that are explained, of each.

    Returns
    -------
    path : pathlib.Path
        The file.

    Examples
    --------
    >>> from skdeep.inspection import report
    >>> report(clf, X_test, y_test, "report.html")  # doctest: +SKIP
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"`path` must be in a folder that exists. Got {str(path)!r}."
        )
    _, net = take_apart(estimator)
    for package in ("lime", "matplotlib"):
        extra(package)
    check_consistent_length(X, y)
    X = as_dense(X)
    answers = facts.ask(estimator, net, X, y)
    body = [
        sections.cards(facts.metrics(answers)),
        sections.data(X, answers),
        sections.model(estimator, net),
        sections.scores(answers),
        sections.calibration(answers),
        sections.importance(estimator, net, X, y),
        sections.cases(estimator, net, X, answers, n_cases),
    ]
    _write(path, _page(title or f"Report on a {type(net).__name__}", answers, body))
    return path


def _page(title, answers, body):
    style = Markup(files(__name__).joinpath("page.css").read_text("utf-8"))
    names = ("data", "model", "classes", "calibration", "importance", "cases")
    links = [element("a", name.capitalize(), href=f"#{name}") for name in names]
    told = f"{len(answers.codes):,} samples, {len(answers.names)} classes."
    head = [Markup(_HEAD), element("title", title), element("style", style)]
    page = element(
        "html",
        element("head", *head),
        element(
            "body",
            element(
                "header",
                element("h1", title),
                paragraph(told),
                element("nav", *links, **{"aria-label": "Sections"}),
            ),
            element("main", join(body)),
            element("footer", f"Made by skdeep {__version__}."),
        ),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{page}\n"


def _write(path, text):
    """Write a file that is complete whenever it is there."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # A temporary file is its maker's alone.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
