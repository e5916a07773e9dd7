"""From an ASGI request to the event that API Gateway would hand to a function: payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable, Mapping
from typing import Any

from ebbtide.triggers.http_problem import Problem
from ebbtide.web.routes import Found

Headers = Iterable[tuple[bytes, bytes]]

MAX_HEAD = 16 * 1024
"""Bytes of a request's line and headers together."""

CLOSE = {"connection": "close"}


def event_of(scope: Mapping[str, Any], found: Found, body: bytes) -> dict[str, Any]:
    """The event of this request. A header that comes more than once has its values joined by commas."""
    path = target_of(scope)
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("ascii"), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    route = f"{found.route.http.method} {found.route.http.path}" if found.route else "$default"
    text = _as_text(body)
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": scope["query_string"].decode("ascii"),
        "headers": headers,
        "pathParameters": found.parameters,
        "requestContext": {
            "http": {
                "method": scope["method"],
                "path": path,
                "protocol": f"HTTP/{scope['http_version']}",
                "sourceIp": (scope.get("client") or ("",))[0],
                "userAgent": headers.get("user-agent", ""),
            },
            "routeKey": route,
        },
        "body": b2a_base64(body, newline=False).decode("ascii") if text is None else text,
        "isBase64Encoded": text is None,
    }


def target_of(scope: Mapping[str, Any]) -> str:
    """The raw path; of an absolute target, as proxies send it, what follows the host."""
    raw: str = scope["raw_path"].decode("ascii", "replace")
    for scheme in ("http://", "https://"):
        if raw.lower().startswith(scheme):
            _, slash, path = raw[len(scheme) :].partition("/")
            return slash + path or "/"
    return raw


def check_head(scope: Mapping[str, Any]) -> None:
    """Raise Problem for a head that is too long, or of a version that is not ours. h11 stops only those that are too
    long before they are complete."""
    size = len(scope["raw_path"]) + len(scope["query_string"])
    if size + sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > MAX_HEAD:
        raise Problem(431, f"the request's line and headers are over {MAX_HEAD:,} bytes", headers=CLOSE)
    if scope["http_version"] not in ("1.0", "1.1"):
        raise Problem(400, "speak HTTP/1.1", headers=CLOSE)


def one_length(headers: Headers) -> int | None:
    """What Content-Length announces. Raises Problem for a body whose length is said in two ways: the next server in
    the line might believe the other one."""
    lengths = [value for name, value in headers if name == b"content-length"]
    if lengths and any(name == b"transfer-encoding" for name, _ in headers):
        raise Problem(400, "Content-Length and Transfer-Encoding exclude each other", headers=CLOSE)
    return int(lengths[0]) if lengths else None


def _as_text(body: bytes) -> str | None:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None
