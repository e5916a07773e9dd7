"""What an API task returned, as the answer to its request.

    Response, JSONResponse, any with `__async_lambda_response__`   as they say
    {"statusCode": 201, "headers": ..., "body": ...}               the same: what a function tells API Gateway
    "text"                                                         200, text/plain
    b"..."                                                         200, application/octet-stream
    None                                                           200, empty
    anything else                                                  200, as JSON

API Gateway itself takes nothing but the second, and answers 502 to all others; that is of no use to anybody. A body
without a Content-Type is called JSON there, and here. Headers which say how the answer is sent are left out: that is
the server's business, as it is API Gateway's.
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Iterator, Mapping
from typing import Any

from ebbtide import strictjson
from ebbtide.errors import EbbtideError
from ebbtide.triggers.http_response import SERVERS_OWN, Response

_JSON = "application/json"


class BadAnswer(EbbtideError):
    """An API task returned what cannot be sent as an answer; the message says which member of it is wrong."""


def answer_of(value: Any) -> Response:
    """The answer. Raises BadAnswer."""
    if hasattr(value, "__async_lambda_response__"):
        value = value.__async_lambda_response__()
        if not (isinstance(value, Mapping) and "statusCode" in value):
            raise BadAnswer(f"__async_lambda_response__ returned no object with statusCode: {value!r:.100}")
    if isinstance(value, Mapping) and "statusCode" in value:
        return _told(value)
    if isinstance(value, str):
        return Response(200, {"content-type": "text/plain; charset=utf-8"}, _octets(value))
    if isinstance(value, (bytes, bytearray)):
        return Response(200, {"content-type": "application/octet-stream"}, bytes(value))
    return Response() if value is None else Response(200, {"content-type": _JSON}, _octets(value))


def _told(answer: Mapping[str, Any]) -> Response:
    """The answer of an object with statusCode, headers, multiValueHeaders, cookies, body, isBase64Encoded."""
    headers: dict[str, list[str]] = {}
    for name, values in (*_headers(answer, "headers"), *_headers(answer, "multiValueHeaders")):
        headers[name] = values  # those with several values win
    cookies = [*headers.pop("set-cookie", []), *map(str, answer.get("cookies") or ())]
    sent = {name: ", ".join(values) for name, values in headers.items() if values and name not in SERVERS_OWN}
    body = answer.get("body")
    octets = _decoded(body) if answer.get("isBase64Encoded") else None if body is None else _octets(body)
    if octets:
        sent.setdefault("content-type", _JSON)
    return Response(_status(answer["statusCode"]), sent, octets or None, cookies)


def _status(given: Any) -> int:
    text = str(given)
    if isinstance(given, bool) or not (text.isascii() and text.isdigit() and 200 <= int(text[:4]) <= 599):
        raise BadAnswer(f"statusCode={given!r:.80} must be a number from 200 to 599")
    return int(text)


def _headers(answer: Mapping[str, Any], member: str) -> Iterator[tuple[str, list[str]]]:
    given = answer.get(member)
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise BadAnswer(f"{member}={given!r:.80} must be an object, as {{'Content-Type': 'text/html'}}")
    for name, value in given.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        for one in values:
            if not isinstance(name, str) or not isinstance(one, (str, int, float)):
                raise BadAnswer(f"{member}: {name!r:.80}={value!r:.80}: a header has a name and a text")
        yield name.lower(), [str(one).lower() if isinstance(one, bool) else str(one) for one in values]


def _octets(body: Any) -> bytes:
    """A body as it is sent: text and bytes as they are, all else as JSON."""
    if isinstance(body, (bytes, bytearray)):
        return bytes(body)
    try:
        return (body if isinstance(body, str) else strictjson.dumps(body)).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadAnswer(f"a body of {type(body).__name__} cannot be sent: {error}") from None


def _decoded(body: Any) -> bytes:
    try:
        return a2b_base64("".join(str(body or "").split()), strict_mode=True)
    except (NotBase64, ValueError):
        raise BadAnswer("isBase64Encoded is true, and the body is not base64") from None
