"""A client that talks to an app in this process, and waits."""

import asyncio

import httpx


class Client:
    """Sends requests to an ASGI app from an event loop of its own."""

    def __init__(self, app):
        self.app = app
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://app")

    def request(self, method, path, **arguments):
        return self.run(self._client.request(method, path, **arguments))

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def post(self, path, **arguments):
        return self.request("POST", path, **arguments)

    async def post_async(self, path, **arguments):
        return await self._client.post(path, **arguments)

    def run(self, coroutine):
        return self._runner.run(coroutine)

    def close(self):
        self._runner.run(self._client.aclose())
        self._runner.close()
