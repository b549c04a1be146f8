"""A real server of the routes that the web server adds to Dagster's."""

import http.client
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from bioinfo_assets_tests.waiting import wait_until


@dataclass(frozen=True)
class Reply:
    """A response: its status, its headers by name in lower case, and its content."""

    status: int
    headers: dict[str, str]
    content: bytes


class Server:
    """A server of one project at a time; paths are sent as they are."""

    def __init__(self) -> None:
        self.app = Starlette()
        self._server = uvicorn.Server(uvicorn.Config(self._call, port=0, interface="asgi3", log_level="warning"))
        self._thread = threading.Thread(target=self._server.run)

    async def _call(self, scope: object, receive: object, send: object) -> None:
        await self.app(scope, receive, send)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started, what="the server")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def serve(self, routes: Sequence[Route]) -> None:
        self.app = Starlette(routes=list(routes))

    def get(
        self,
        path: str,
        byte_range: str = "",
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Reply:
        connection = http.client.HTTPConnection(self.address, timeout=20)
        try:
            own = {"Range": f"bytes={byte_range}"} if byte_range else {}
            connection.request(method, path, body, {**own, **headers})
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, fields, response.read())
        finally:
            connection.close()
