"""Routes that predict nothing: health, metadata, metrics, documentation."""

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from skdeep.serving.monitoring.web import show_report, take_labels
from skdeep.serving.openapi import describe, document_html
from skdeep.serving.protocols.v2 import VERSION

_LOADING = "The model is being loaded."


def make_pages(app):
    """Starlette app with every route but those that predict.

    Parameters
    ----------
    app : App

    Returns
    -------
    pages : Starlette
    """
    pages = _Pages(app)
    gets = {
        "/": pages.docs,
        "/docs": pages.docs,
        "/openapi.json": pages.openapi,
        "/healthz": pages.alive,
        "/readyz": pages.ready,
        "/ping": pages.ready,
        app.settings.health_route: pages.ready,
        "/execution-parameters": pages.execution_parameters,
        "/metrics": pages.metrics,
        "/monitoring": pages.monitoring,
        "/v2": pages.server_metadata,
        "/v2/health/live": pages.live,
        "/v2/health/ready": pages.ready,
        "/v2/models/{name}": pages.model_metadata,
        "/v2/models/{name}/ready": pages.model_ready,
        "/v2/models/{name}/versions/{version}": pages.model_metadata,
        "/v2/models/{name}/versions/{version}/ready": pages.model_ready,
    }
    posts = [
        app.settings.predict_route,
        "/invocations",
        "/endpoints/{name}/invocations",
        "/v2/models/{name}/infer",
        "/v2/models/{name}/versions/{version}/infer",
    ]
    return Starlette(
        routes=[
            *(
                Route(path, endpoint, methods=["GET"])
                for path, endpoint in gets.items()
            ),
            *(Route(path, pages.predict, methods=["POST"]) for path in posts),
            Route("/feedback", pages.feedback, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _told},
    )


def _told(request, error):
    detail = error.detail
    if error.status_code == 404 and detail == "Not Found":
        detail = f"There is no {request.url.path}. /docs lists what there is."
    if error.status_code == 405:
        detail = f"{request.url.path} takes {error.headers['Allow']} only."
    return JSONResponse({"error": detail}, error.status_code, error.headers)


class _Pages:
    def __init__(self, app):
        self._app = app

    def _service(self):
        if self._app.service is None:
            raise HTTPException(503, _LOADING, {"retry-after": "1"})
        return self._app.service

    async def alive(self, request):
        return JSONResponse({"status": "alive"})

    async def live(self, request):
        return JSONResponse({"live": True})

    async def ready(self, request):
        self._service()
        return JSONResponse({"ready": True, "status": "ready"})

    async def execution_parameters(self, request):
        settings = self._app.settings
        return JSONResponse(
            {
                "MaxConcurrentTransforms": 8,
                "BatchStrategy": "MULTI_RECORD",
                "MaxPayloadInMB": max(1, settings.max_body >> 20),
            }
        )

    async def metrics(self, request):
        if self._app.service is not None:
            self._app.service.observed.tell()
        accept = request.headers.get("accept", "")
        # What several workers count lies in files.
        body, media_type = await run_in_threadpool(self._app.metrics.page, accept)
        return Response(body, headers={"content-type": media_type})

    async def openapi(self, request):
        return JSONResponse(describe(self._service(), self._app.settings))

    async def docs(self, request):
        description = describe(self._service(), self._app.settings)
        return HTMLResponse(document_html(description))

    async def server_metadata(self, request):
        return JSONResponse(self._service().open_inference.server_metadata())

    async def model_metadata(self, request):
        self._check_model(request)
        return JSONResponse(self._service().open_inference.model_metadata())

    async def model_ready(self, request):
        self._check_model(request)
        return JSONResponse({"name": self._app.name, "ready": True})

    async def monitoring(self, request):
        return await show_report(self._monitor(), request)

    async def feedback(self, request):
        return await take_labels(self._monitor(), request)

    def _monitor(self):
        service = self._service()
        service.observed.tell()
        monitor = service.monitor
        if monitor is None:
            raise HTTPException(
                404, "The archive holds no statistics of training data to compare with."
            )
        return monitor

    async def predict(self, request):
        """What comes here names another model, or comes too early."""
        self._check_model(request)
        raise HTTPException(404, f"There is no {request.url.path}.")

    def _check_model(self, request):
        service = self._service()
        name = request.path_params.get("name", service.model.name)
        version = request.path_params.get("version", VERSION)
        if name != service.model.name:
            raise HTTPException(
                404, f"There is no model {name!r}; this one is {service.model.name!r}."
            )
        if version != VERSION:
            raise HTTPException(
                404, f"There is no version {version!r}, only {VERSION}."
            )
