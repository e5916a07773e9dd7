"""The site of an app in this process, on a thread and a free port, with limits of the test's own."""

from __future__ import annotations

import asyncio
import http.client
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

from tests.web.served import Reply, reply_of

from ebbtide.app import App
from ebbtide.errors import StorageError
from ebbtide.runners.limits import TimeLimit
from ebbtide.web.body import Bodies
from ebbtide.web.calls import Calls, Settings
from ebbtide.web.server import Protocol, Server
from ebbtide.web.site import Site
from ebbtide.web.stored import Stored


class NoLimit(TimeLimit):
    """Ends no process: this one is pytest's."""

    def __init__(self) -> None:
        self.started: list[float] = []

    def start(self, receipt: str, seconds: float) -> None:
        self.started.append(seconds)

    def stop(self, receipt: str, *, more: bool = False) -> None: ...


class Serving:
    """A site and its server. overran: how often a call could not be stopped. troubles: what the storage refused."""

    def __init__(self, app: App, settings: Settings, bodies: Bodies, protocol: type[Protocol]) -> None:
        self.overran = 0
        self.troubles: list[str] = []
        self.limit = NoLimit()
        self._app, self._settings, self._bodies, self._protocol = app, settings, bodies, protocol
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._up = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._up.wait(30)

    async def _serve(self) -> None:
        stored = Stored(self._app, self._trouble)
        calls = Calls(self._app, self._settings, self.limit, self._overrun)
        site = Site(self._app, calls, stored, self._bodies, logging.getLogger("tests.web"))
        self._server = Server(site, 1.0, self._protocol)
        self._up.set()
        await self._server.serve(sockets=[self._socket])
        stored.close()

    def _trouble(self, error: StorageError) -> None:
        self.troubles.append(str(error))

    def _overrun(self) -> None:
        self.overran += 1

    def stop(self) -> None:
        self._server.stop()
        self._thread.join(30)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def raw(self, data: bytes) -> bytes:
        """All that comes back for these bytes until the server closes."""
        with self.connect() as connection:
            with suppress(ConnectionError):
                connection.sendall(data)
            return everything(connection)

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            return reply_of(connection)
        finally:
            connection.close()


def everything(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    received = b""
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            received += part
    return received


@contextmanager
def serving(
    app: App,
    *,
    settings: Settings | None = None,
    bodies: Bodies | None = None,
    protocol: type[Protocol] = Protocol,
) -> Iterator[Serving]:
    """The site of this app, for a while."""
    made = Serving(app, settings or Settings(), bodies or Bodies(), protocol)
    try:
        yield made
    finally:
        made.stop()
