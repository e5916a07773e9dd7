"""The two forms in which AWS hands HTTP requests to a function, read as one; and an answer written in either.

Payload format 2.0 is that of HTTP APIs and of function URLs; REST APIs speak 1.0. Where there is no query, no path
parameter or no body API Gateway sends null.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterator, Mapping
from typing import Any

from ebbtide.web.answers import Answer

Event = Mapping[str, Any]

LARGEST = 6 * 1024 * 1024
"""Bytes of an answer: what Lambda takes."""

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def is_first(event: Event) -> bool:
    """Whether this request came in payload format 1.0."""
    return "httpMethod" in event and "http" not in event["requestContext"]


def as_second(event: Event) -> dict[str, Any]:
    """The request in payload format 2.0, as `http_event` reads it: header names in small letters, nothing null.

    One that came in 1.0 is there as it came, too, under `first`.
    """
    first = is_first(event)
    headers = dict(_headers(event))
    if cookies := event.get("cookies"):
        headers["cookie"] = "; ".join(cookies)
    context = event["requestContext"]
    return {
        "version": "2.0",
        "routeKey": f"{event['httpMethod']} {event.get('resource')}" if first else event.get("routeKey", "$default"),
        "rawPath": event["path"] if first else _without_stage(event["rawPath"], context.get("stage")),
        "rawQueryString": "&".join(_pairs(event)) if first else event.get("rawQueryString") or "",
        "headers": headers,
        "pathParameters": dict(event.get("pathParameters") or {}),
        "requestContext": {**context, "http": {"method": event["httpMethod"]}} if first else context,
        "body": event.get("body") or "",
        "isBase64Encoded": bool(event.get("isBase64Encoded")),
        "stageVariables": event.get("stageVariables"),
        **({"first": event} if first else {}),
    }


def response(answer: Answer, *, first: bool, head: bool) -> dict[str, Any]:
    """The answer as AWS takes it: text as it is, anything else in base64. head: it is one to a HEAD."""
    headers = dict(answer.headers)
    made: dict[str, Any] = {"statusCode": answer.status, "headers": headers}
    if answer.cookies or not first:
        one = [headers.pop("set-cookie")] if "set-cookie" in headers else []
        if cookies := [*one, *answer.cookies]:
            made |= {"multiValueHeaders": {"set-cookie": cookies}} if first else {"cookies": cookies}
    body = b"" if head else answer.body
    text = _as_text(body, headers.get("content-type", ""))
    made["body"] = b2a_base64(body, newline=False).decode("ascii") if text is None else text
    made["isBase64Encoded"] = text is None
    return made


def _headers(event: Event) -> Iterator[tuple[str, str]]:
    """Names in small letters; a header that comes more than once has its values joined by commas."""
    several = event.get("multiValueHeaders") or {}
    for name, value in (event.get("headers") or {}).items():
        if name not in several:
            yield name.lower(), str(value)
    for name, values in several.items():
        yield name.lower(), ",".join(map(str, values))


def _pairs(event: Event) -> Iterator[str]:
    """The query as it is written in a URL; format 1.0 has it decoded."""
    several = event.get("multiValueQueryStringParameters") or {}
    single = event.get("queryStringParameters") or {}
    for name, values in {**{name: [value] for name, value in single.items()}, **several}.items():
        for value in values:
            yield f"{_encoded(name)}={_encoded(value)}"


def _encoded(text: str) -> str:
    octets = str(text).encode("utf-8", "surrogatepass")
    return "".join(chr(octet) if octet in _PLAIN else f"%{octet:02X}" for octet in octets)


def _without_stage(path: str, stage: str | None) -> str:
    """An HTTP API with a named stage has its name in front of the path."""
    if stage and stage != "$default" and path.startswith(f"/{stage}/"):
        return path[len(stage) + 1 :]
    return "/" if stage and path == f"/{stage}" else path


def _as_text(body: bytes, kind: str) -> str | None:
    if body and not (kind.startswith("text/") or "json" in kind or "xml" in kind):
        return None
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None
