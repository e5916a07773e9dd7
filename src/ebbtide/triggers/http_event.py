"""Reading an HTTP request as API Gateway hands it to a function: the event of payload format 2.0.

`rawPath`, `rawQueryString`, `headers` (names in small letters), `pathParameters` (decoded), `body`, `isBase64Encoded`,
`requestContext.http.method`; see AWS's "Create AWS Lambda proxy integrations for HTTP APIs". The local server builds
the same event, so that one reading serves both. What is malformed is a Problem 400 or 415.
"""

from __future__ import annotations

from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import Any

from ebbtide import strictjson
from ebbtide.errors import EnvelopeError
from ebbtide.triggers.http_problem import Fault, Problem

Event = Mapping[str, Any]

_HEX = frozenset("0123456789abcdefABCDEF")


def method_of(event: Event) -> str:
    """The request's method. Raises EnvelopeError for an event that is no HTTP request of format 2.0."""
    try:
        return str(event["requestContext"]["http"]["method"])
    except (KeyError, TypeError):
        raise EnvelopeError("this event is no HTTP request of payload format 2.0") from None


def query_of(event: Event) -> dict[str, list[str]]:
    """The query by name, each with its values in order. Raises Problem."""
    found: dict[str, list[str]] = {}
    for pair in str(event.get("rawQueryString") or "").split("&"):
        name, _, value = pair.partition("=")
        if pair:
            found.setdefault(_decoded(name), []).append(_decoded(value))
    return found


def _decoded(text: str) -> str:
    return percent_decoded(text.replace("+", " "), "query")


def percent_decoded(text: str, place: str) -> str:
    """The text with its %XX replaced, as UTF-8. Raises Problem."""
    if "%" not in text:
        return text
    head, *parts = text.split("%")
    octets = bytearray(head.encode())
    for part in parts:
        if not (len(part) >= 2 and part[0] in _HEX and part[1] in _HEX):
            raise _malformed(place, f"a % in the {place} is not followed by two hexadecimal digits")
        octets.append(int(part[:2], 16))
        octets += part[2:].encode()
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed(place, f"the {place} is not UTF-8 once its %XX are decoded") from None


def body_of(event: Event) -> bytes:
    """The body's bytes; empty where there is none. Raises Problem."""
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return a2b_base64(body)
    except (NotBase64, ValueError):
        raise EnvelopeError("this event's body is not base64, though it says so") from None


def body_in_base64(event: Event) -> str:
    """The body as base64, which is how bytes travel in JSON."""
    if event.get("isBase64Encoded"):
        return str(event.get("body") or "")
    return b2a_base64(body_of(event), newline=False).decode("ascii")


def json_of(event: Event) -> Any:
    """The JSON value of the body; Ellipsis where there is no body. Raises Problem."""
    content = body_of(event)
    if not content:
        return ...
    _check_type(event)
    try:
        return strictjson.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _malformed("body", f"the body is not UTF-8 at byte {error.start}") from None
    except ValueError as error:
        raise _malformed("body", f"the body is not JSON: {_harmless(error)}") from None


def header_of(event: Event, name: str) -> str | None:
    """One header's value, None where it was not sent."""
    headers = event.get("headers") or {}
    value = headers.get(name.lower())
    return None if value is None else str(value)


def _check_type(event: Event) -> None:
    given = header_of(event, "content-type")
    kind, _, rest = (given or "").partition(";")
    kind = kind.strip().lower()
    if not (kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))):
        said = f"not {given[:80]!r}" if given else "and its header Content-Type must say so"
        raise Problem(415, f"the body must be application/json, {said}")
    for option in rest.split(";"):
        name, _, value = option.strip().partition("=")
        if name.lower() == "charset" and value.strip('"').lower() not in ("utf-8", "utf8", "us-ascii", "ascii"):
            raise Problem(415, f"the body must be UTF-8, not {value[:40]!r}")


def check_encoding(event: Event) -> None:
    """Raise Problem for a compressed body."""
    encoding = header_of(event, "content-encoding")
    if encoding and encoding.strip().lower() != "identity":
        raise Problem(415, f"the body must come uncompressed, not as {encoding[:40]!r}")


def _malformed(place: str, reason: str) -> Problem:
    return Problem(400, reason, [Fault(place, None, reason)])


def _harmless(error: ValueError) -> str:
    return " ".join(str(error).split())[:200]
