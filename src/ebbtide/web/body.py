"""Reading a request's body: never more than its route allows, not for ever, and not more at once than fits.

A body is cut at the limit, whatever its Content-Length said. What all requests together hold is bounded, too, so that
many of them that are each within their limit do not fill the memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ebbtide.triggers.http_problem import Problem

Receive = Callable[[], Awaitable[Mapping[str, Any]]]

SECONDS = 30.0
"""For a whole body to arrive in, as API Gateway's integration timeout."""

HELD = 32 * 1024 * 1024
"""Bytes of bodies held at once, over all requests."""

LINGER = 2.0
"""Seconds to go on reading what is refused, so that its sender comes to read why."""


class Gone(Exception):
    """The client has closed the connection."""


class Bodies:
    """The bodies being held. held: bytes they may take together."""

    def __init__(self, held: int = HELD, seconds: float = SECONDS) -> None:
        self._room = held
        self._seconds = seconds

    @contextmanager
    def held(self) -> Iterator[Holding]:
        """Room for one body, given back at the end."""
        holding = Holding(self)
        try:
            yield holding
        finally:
            self._room += holding.taken

    def take(self, size: int) -> bool:
        """Whether there was room for so many bytes more."""
        fits = size <= self._room
        self._room -= size if fits else 0
        return fits

    @property
    def seconds(self) -> float:
        """How long a body may take."""
        return self._seconds


class Holding:
    """One body and the room it takes."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self.taken = 0

    async def read(self, receive: Receive, limit: int, announced: int | None) -> bytes:
        """The body. Raises Problem 408, 413 or 503, and Gone."""
        if announced is not None and announced > limit:
            raise _too_large(limit)
        try:
            async with asyncio.timeout(self._bodies.seconds):
                return await self._read(receive, limit)
        except TimeoutError:
            raise Problem(
                408, f"the body did not arrive within {self._bodies.seconds:g} s", headers={"connection": "close"}
            ) from None

    async def _read(self, receive: Receive, limit: int) -> bytes:
        parts: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part = message.get("body", b"")
            if self.taken + len(part) > limit:
                raise _too_large(limit)
            if not self._bodies.take(len(part)):
                raise Problem(
                    503, "too many bodies arrive at once", headers={"retry-after": "1", "connection": "close"}
                )
            self.taken += len(part)
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)


async def discard(receive: Receive) -> None:
    """Read on and keep nothing, for a moment: a connection closed with bytes unread loses what was just sent."""
    try:
        async with asyncio.timeout(LINGER):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
    except TimeoutError:
        return


def _too_large(limit: int) -> Problem:
    return Problem(413, f"the body is over this route's limit of {limit:,} bytes", headers={"connection": "close"})
