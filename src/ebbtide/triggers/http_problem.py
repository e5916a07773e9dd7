"""Problems: the one shape of every error that an HTTP request is answered with, RFC 9457's.

{"type": "about:blank", "title": "Unprocessable Content", "status": 422, "detail": "...",
 "errors": [{"in": "query", "parameter": "year", "reason": "expected int, got str 'x'"}]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ebbtide import strictjson
from ebbtide.errors import EbbtideError

PROBLEM_TYPE = "application/problem+json"

TITLES = {
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
"""Every status a problem may have, with its title."""


class Fault:
    """One thing wrong with a request. place: path, query, header or body; parameter: its name, None for all of it."""

    __slots__ = ("parameter", "place", "reason")

    def __init__(self, place: str, parameter: str | None, reason: str) -> None:
        self.place = place
        self.parameter = parameter
        self.reason = reason


class Problem(EbbtideError):
    """A request that is not answered with success: the status, what is wrong in words, and each fault by itself."""

    def __init__(
        self, status: int, detail: str, faults: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.faults = tuple(faults)
        self.headers = dict(headers or {})

    def as_json(self) -> str:
        """The body of the answer."""
        faults = [{"in": fault.place, "parameter": fault.parameter, "reason": fault.reason} for fault in self.faults]
        return strictjson.dumps(
            {
                "type": "about:blank",
                "title": TITLES[self.status],
                "status": self.status,
                "detail": str(self),
                "errors": faults,
            }
        )


def misfit(faults: Sequence[Fault]) -> Problem:
    """The problem of a request that can be read but does not fit the task."""
    shown = "; ".join(f"{f.place} {f.parameter!r}: {f.reason}" if f.parameter else f.reason for f in faults[:3])
    more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
    return Problem(422, f"{shown}{more}", faults)
