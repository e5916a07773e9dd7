"""What a task returns to choose more of its answer to an HTTP request than the body."""

from __future__ import annotations

from typing import Any, NamedTuple

SERVERS_OWN = frozenset({"connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade"})
"""Headers that say how an answer is sent, which is the server's business."""


class Response(NamedTuple):
    """A whole answer; annotate the task with it: `-> Response`. It travels as any return value does.

    status: 200 to 599. headers: of your own; those that say how the body is sent are the server's. body: bytes as they
    are (say what they are: `Content-Type`), None for nothing, everything else as JSON. cookies: values of Set-Cookie,
    each a header of its own; no other header needs to come more than once.
    """

    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes a named tuple's default
    body: bytes | Any = None
    cookies: list[str] = []  # noqa: RUF012 - the same
