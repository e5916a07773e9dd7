"""The server: uvicorn with h11, less its patience.

What uvicorn leaves open is closed here: how long a request's head may take to arrive, how many connections there may
be, and that an unreadable request is answered with a problem document, too. Protocol.handle_events, send_400_response
and the rest of what is overridden are uvicorn's; `tests/web/test_server.py` holds them to it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ebbtide.triggers.http_problem import Problem
from ebbtide.web import answers
from ebbtide.web.body import LINGER
from ebbtide.web.events import MAX_HEAD

HEAD_SECONDS = 10.0
"""For a request's line and headers to arrive in."""

IDLE_SECONDS = 5
"""That a connection may be idle between two requests."""

MAX_CONNECTIONS = 500


class Protocol(H11Protocol):
    """One connection. A subclass may be less patient, or more generous."""

    head_seconds = HEAD_SECONDS
    max_connections = MAX_CONNECTIONS
    _leaving = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self._refuse(Problem(503, "there are too many connections", headers={"retry-after": "1"}))
        else:
            self._expect_head()

    def data_received(self, data: bytes) -> None:
        if self._leaving:
            return
        super().data_received(data)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        if len(self.conn.trailing_data[0]) >= MAX_HEAD:
            self._refuse(Problem(431, f"the request's line and headers are over {MAX_HEAD:,} bytes"))
        else:
            self._refuse(Problem(400, "this is no HTTP request that can be understood"))

    def _should_upgrade(self) -> bool:
        return False  # an Upgrade may be ignored, and all there are here are

    def _expect_head(self) -> None:
        """Count down while a head is on its way; a body has its own deadline, an idle connection uvicorn's."""
        if self.conn.their_state is not h11.IDLE or self._leaving:
            self._forget_deadline()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self._too_slow)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self.conn.trailing_data[0]:
            self._refuse(Problem(408, f"the request's head did not arrive within {self.head_seconds:g} s"))
        else:
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answer with this problem and close, once the other side has had a moment to read it."""
        self._leaving = True
        self._forget_deadline()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            answer = answers.of_problem(problem)
            length = ("content-length", str(len(answer.body)))
            headers = [*answer.headers.items(), length, ("connection", "close")]
            for event in (
                h11.Response(status_code=answer.status, headers=headers),
                h11.Data(data=answer.body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.write_eof()
            self.loop.call_later(LINGER, self.transport.close)
        else:
            self.transport.close()


class Server(uvicorn.Server):
    """Serves one application until it is stopped. Signals are its caller's."""

    def __init__(self, site: Any, grace: float, protocol: type[Protocol] = Protocol) -> None:
        super().__init__(
            uvicorn.Config(
                site,
                loop="asyncio",
                http=protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=math.ceil(grace),
                h11_max_incomplete_event_size=MAX_HEAD,
            )
        )

    def stop(self) -> None:
        """Take no more requests and end when those that run have ended, or their grace has."""
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
