"""What the server is measured against: the model inline, and an echo."""

import os

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def inline():
    """Starlette as one writes it in ten minutes: predict_proba in the handler."""
    import numpy as np

    from skdeep.persistence import load

    net = load(os.environ["MODEL"])
    classes = net.classes_.tolist()

    async def predict(request):
        document = await request.json()
        p = net.predict_proba(np.array(document["instances"]))
        return JSONResponse(
            {
                "predictions": [
                    {"label": classes[i], "probabilities": row}
                    for i, row in zip(p.argmax(1).tolist(), p.tolist(), strict=True)
                ]
            }
        )

    return Starlette(routes=[Route("/predict", predict, methods=["POST"])])


def starlette_echo():
    """Starlette that does nothing."""

    async def echo(request):
        return Response(await request.body(), media_type="application/json")

    return Starlette(routes=[Route("/predict", echo, methods=["POST"])])


def bare_echo():
    """uvicorn that does nothing: no routes, no requests, nothing but the protocol."""

    async def echo(scope, receive, send):
        if scope["type"] != "http":
            return
        body = (await receive())["body"]
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return echo
