"""The monitor over HTTP."""

import json

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from skdeep.serving.monitoring.labels import UnknownLabelError
from skdeep.serving.monitoring.page import render

_MOST_BYTES = 4 * 2**20
# For one request; of several, each answer is told.
_STATUS = {"unknown": 404, "repeated": 409, "rows": 400}
_TOLD = {
    "repeated": "The label of this request is known already.",
    "rows": "The request has another number of rows: give a list of a label for each.",
}


def routes(monitor):
    """What an app needs to show a monitor and to feed it.

    Parameters
    ----------
    monitor : Monitor

    Returns
    -------
    routes : list of starlette.routing.Route
        ``GET /monitoring`` and ``POST /feedback``.
    """

    async def show(request):
        return await show_report(monitor, request)

    async def take(request):
        return await take_labels(monitor, request)

    return [
        Route("/monitoring", show, methods=["GET"]),
        Route("/feedback", take, methods=["POST"]),
    ]


async def show_report(monitor, request):
    """Answer with the report: a page for browsers, and JSON for programs."""
    report = await run_in_threadpool(monitor.report)
    headers = {"cache-control": "no-store", "vary": "Accept"}
    if "text/html" in request.headers.get("accept", ""):
        page = await run_in_threadpool(render, report)
        return HTMLResponse(page, headers=headers)
    return JSONResponse(report, headers=headers)


async def take_labels(monitor, request):
    """Take labels in: an object with `id` and `label`, or a list of such objects."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            return _error(413, f"The body must have at most {_MOST_BYTES} bytes.")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return _error(400, "The body must be JSON.")
    entries = told if isinstance(told, list) else [told]
    for entry in entries:
        if not (
            isinstance(entry, dict)
            and isinstance(entry.get("id"), str)
            and "label" in entry
        ):
            return _error(
                400,
                'The body must be {"id": ID OF A REQUEST, "label": TRUE LABEL}, or a '
                "list of such objects.",
            )
    ids = [entry["id"] for entry in entries]
    try:
        answers = await run_in_threadpool(
            monitor.feedback, ids, [entry["label"] for entry in entries]
        )
    except UnknownLabelError as error:
        return _error(400, str(error))
    except ImportError as error:
        return _error(501, str(error))
    if not isinstance(told, list) and answers[0] in _STATUS:
        return _error(_STATUS[answers[0]], _told(answers[0], monitor))
    rest = {
        answer: [i for i, a in zip(ids, answers, strict=True) if a == answer]
        for answer in _STATUS
    }
    return JSONResponse({"accepted": answers.count("accepted"), **rest})


def _told(answer, monitor):
    if answer == "unknown":
        return (
            "No request of this id is remembered: it never came, or it is none of the "
            f"last {monitor.n_remembered} predictions."
        )
    return _TOLD[answer]


def _error(status, message):
    return JSONResponse({"error": message}, status)
