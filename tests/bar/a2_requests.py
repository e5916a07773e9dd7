"""The corpus of A2: requests as bytes on a socket, each of which must be answered with one 4xx.

Each is given with a name; what can be drawn is drawn from the row's generator.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

# ruff: noqa: E501 - a corpus is a table, and reads best in long lines
Request = tuple[str, bytes]

GOOD_ITEM: dict[str, Any] = {
    "item": {"name": "tea", "count": 2, "price": "1.50", "parts": [{"name": "leaf"}]},
    "label": {"text": "hot", "colour": "red"},
    "place": {"street": "Quay", "number": 3},
    "tags": ["a", "b"],
    "n": 1.5,
}
SHOP = "/items/0190163d-8694-739b-aea5-966c26f8ad91"


def plain(
    method: str, target: str, body: bytes = b"", headers: tuple[str, ...] = (), kind: str = "application/json"
) -> bytes:
    """A well-formed request with this target and body."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    if body:
        lines += [f"Content-Length: {len(body)}", *([f"Content-Type: {kind}"] if kind else [])]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def corpus(draw: random.Random, count: int) -> list[Request]:
    """So many requests: all that are written down here as far as they fit, and drawn ones."""
    written = [*_json(), *_types(), *_members(), *_queries(), *_paths(), *_heads(), *_bodies(), *_keys(), *_results()]
    draw.shuffle(written)
    drawn = (_wrong_somewhere(draw, number) for number in range(count))
    return [*written, *drawn][: max(count, 0)]


def _job(name: str, body: bytes, **more: Any) -> Request:
    return name, plain("POST", "/jobs", body, **more)


def _json() -> Iterator[Request]:
    texts = {
        "truncated": b'{"number": 1', "nan": b'{"number": NaN}', "infinity": b'{"number": -Infinity}',
        "past a double": b'{"number": 1e999}', "twice the name": b'{"number": 1, "number": 2}',
        "twice, escaped": b'{"number": 1, "numbe\\u0072": 2}', "trailing comma": b'{"number": 1,}',
        "single quotes": b"{'number': 1}", "comment": b'{"number": 1} // one', "two values": b'{"number": 1} {}',
        "byte order mark": b'\xef\xbb\xbf{"number": 1}', "utf-16": '{"number": 1}'.encode("utf-16"),
        "latin-1": b'{"number": 1, "text": "caf\xe9"}', "overlong utf-8": b'{"number": 1, "text": "\xc0\xaf"}',
        "surrogate in utf-8": b'{"number": 1, "text": "\xed\xa0\x80"}', "control": b'{"number": 1, "text": "\x01"}',
        "deep": b"[" * 100_000, "deep object": b'{"a":' * 50_000, "long int": b'{"number": ' + b"9" * 5000 + b"}",
        "leading zero": b'{"number": 01}', "hex": b'{"number": 0x1}', "plus": b'{"number": +1}',
        "bare word": b"number", "only space": b"   ", "nul": b"\x00", "null": b"null", "list": b"[1]", "text": b'"x"',
        "one": b"1", "empty object": b"{}", "half an escape": b'{"number": 1, "text": "\\u12"}',
    }  # fmt: skip
    return (_job(f"JSON: {name}", text) for name, text in texts.items())


def _types() -> Iterator[Request]:
    body = b'{"number": 1}'
    for kind in (
        "", "text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data",
        "application/octet-stream", "application/json; charset=latin-1", "application/json; charset=utf-16", "json",
        "application/jsonp", "*/*", ";", "application/", "image/png", "text/html; charset=utf-8",
    ):  # fmt: skip
        yield _job(f"type {kind!r}", body, kind=kind)
    for encoding in ("gzip", "br", "deflate", "gzip, gzip", "zstd", "x-unknown"):
        yield _job(f"encoding {encoding!r}", body, headers=(f"Content-Encoding: {encoding}",))


def _members() -> Iterator[Request]:
    for value in ("1", 1.5, True, None, [], {}, "", "one", [1], {"a": 1}, 1e2, -0.5):
        yield _job(f"number {value!r}", json.dumps({"number": value}).encode())
    for value in (1, True, None, [], {}, 0.5):
        yield _job(f"text {value!r}", json.dumps({"number": 1, "text": value}).encode())
    for name in ("nmber", "", "Number", "number ", "__proto__", "self", "\u0000", "n" * 5000):
        yield _job(f"member {name[:20]!r}", json.dumps({"number": 1, name: 1}).encode())
        yield _job(f"only {name[:20]!r}", json.dumps({name: 1}).encode())


def _queries() -> Iterator[Request]:
    for query in (
        "deep=yes", "deep=True", "deep=", "deep=1", "size=HUGE", "size=", "pages=x", "pages=1&pages=x", "size=SMALL&size=LARGE",
        "deep=true&deep=true", "unknown=1", "dep=true", "=1", "deep=%zz", "deep=%", "deep=%F", "deep=%FF", "%FF=1",
        "deep=%C0%AF", "pages=1.0", "pages=0x10", "pages=%2B1", "pages=1_000", "pages=%D9%A3", "pages=+1", "pages=1e2",
        "pages=" + "9" * 4400, "pages=01", "size=%00", "deep=true%00", "size[]=SMALL", "__class__=1",
    ):  # fmt: skip
        yield f"query {query[:40]!r}", plain("GET", f"/reports/2026/x?{query}")
    for query in (
        "at=now", "at=2026-13-01T00:00:00Z", "at=1", "day=2026-02-30", "day=tomorrow", "clock=25:00:00", "wait=P1Y",
        "wait=soon", "id=1", "rate=NaN", "rate=inf", "rate=1e999", "rate=", "price=NaN", "price=1,50", "kind=c", "rate=1.",
    ):  # fmt: skip
        yield f"query {query!r}", plain("GET", f"/moments?{query}")
    yield "in the query and the body", plain("POST", "/jobs?number=2", b'{"number": 1}')
    yield "header of another type", plain("GET", "/moments", headers=("Numbers: 1, x",))


def _paths() -> Iterator[Request]:
    for path in (
        "/nope", "/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/reports", "/reports/2026", "/reports/2026/", "/reports//x",
        "/reports/2026/x/y", "/reports/2026%2Fx", "/Reports/2026/x", "/reports/x/x", "/reports/2026.0/x", "/reports/%/x",
        "/reports/%zz/x", "/reports/%FF/x", "/reports/2026/%FF", "/reports/1e3/x", "/reports/0x7e/x", "//health", "/health/",
        "/health%00", "/health?x=1", "/openapi.json?x", "/openapi.json/", "/.git/config", "/.env", "/\\..\\x", "/;/health",
        "/index.php?x=1", "*", "health", "http://localhost/nope", "http://localhost", "//evil.example/health", "/./health",
        "/reports/..%2f..%2fetc/x", "/" + "a" * 8000, "/reports/2026/x#fragment/x", "/cgi-bin/%c0%ae%c0%ae/x",
    ):  # fmt: skip
        yield f"path {path[:40]!r}", plain("GET", path)
    for method in ("TRACE", "OPTIONS", "BREW", "get", "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "LINK"):
        yield f"method {method}", plain(method, "/reports/2026/x")
        yield f"method {method} of health", plain(method, "/health")
    yield "method CONNECT", plain("CONNECT", "localhost:80")
    for target in ("/reports/2026/x", "/health", "/openapi.json"):
        yield f"a GET of {target} with a body", plain("GET", target, b"{}")


def _heads() -> Iterator[Request]:
    post = b"POST /jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    for name, data in {
        "no colon": b"Broken\r\n\r\n", "space before the colon": b"X-A : 1\r\n\r\n", "nul in a value": b"X-A: \x00\r\n\r\n",
        "empty name": b": 1\r\n\r\n", "two hosts": b"Host: b\r\n\r\n", "bad name": b"X(A): 1\r\n\r\n",
        "name of utf-8": "Ä: 1\r\n\r\n".encode(), "length of letters": b"Content-Length: x\r\n\r\n",
        "negative length": b"Content-Length: -1\r\n\r\n", "two lengths": b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "listed lengths": b"Content-Length: 1, 2\r\n\r\nab", "length with a plus": b"Content-Length: +2\r\n\r\n{}",
        "endless length": b"Content-Length: " + b"9" * 40 + b"\r\n\r\n", "hex length": b"Content-Length: 0x2\r\n\r\n{}",
        "length and chunks": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
        "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n8\r\nSMUGGLED\r\n0\r\n\r\n",
        "unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "gzip coding": b"Transfer-Encoding: gzip\r\n\r\n",
        "coding twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "chunked, chunked": b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "coding after a tab": b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        "chunk size of letters": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "negative chunk": b"Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
        "endless chunk": b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n{}\r\n0\r\n\r\n",
        "chunk too long": b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}{}\r\n0\r\n\r\n",
        "many headers": b"X: 1\r\n" * 4000 + b"\r\n", "long header": b"X: " + b"a" * 20_000 + b"\r\n\r\n",
    }.items():  # fmt: skip
        yield f"head: {name}", post + data
    for name, line in {
        "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 20 + b"\r\n\r\n",
        "no version": b"GET /health\r\n\r\n", "version 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "two spaces": b"GET  /x HTTP/1.1\r\n\r\n",
        "version in words": b"GET /x HTTP/one\r\n\r\n", "no host": b"GET /health HTTP/1.1\r\n\r\n", "only a method": b"GET\r\n\r\n",
        "space in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "control in the target": b"GET /\x07 HTTP/1.1\r\nHost: a\r\n\r\n",
        "utf-8 in the target": "GET /ä HTTP/1.1\r\nHost: a\r\n\r\n".encode(), "nul": b"\x00\r\n\r\n", "words": b"hello there\r\n\r\n",
        "long line": b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", "colon first": b":\r\n\r\n",
        "header first": b"Host: a\r\nGET / HTTP/1.1\r\n\r\n", "a space first": b" GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
    }.items():  # fmt: skip
        yield f"line: {name}", line


def _bodies() -> Iterator[Request]:
    large = b"x" * 2_000_001
    yield "a body over the route's limit", plain("POST", "/files/a", large, kind="image/png")
    yield "a body that is announced too large", plain("POST", "/jobs", headers=("Content-Length: 99999999999",))
    chunks = b"".join(b"10000\r\n" + b"x" * 0x10000 + b"\r\n" for _ in range(40)) + b"0\r\n\r\n"
    head = b"POST /files/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield "chunks over the route's limit", head + chunks
    yield "no body where one is needed", plain("POST", "/jobs")
    yield "no body where it is the parameter", plain("PUT", "/orders")


def _keys() -> Iterator[Request]:
    for key in ("", " ", "a b", "k" * 256, "k" * 5000, "caf\xe9", "a\tb"):
        yield f"key {key[:20]!r}", plain("POST", "/jobs", b'{"number": 1}', (f"Idempotency-Key: {key}",))


def _results() -> Iterator[Request]:
    for target in (
        "/results/", "/results", "/results/x", "/results/%00", "/results/%FF", "/results/x/y", "/results/..%2fhealth",
        "/results/0190163d-8694-739b-aea5-966c26f8ad91", "/results/x?wait=-1", "/results/x?wait=31", "/results/x?wait=NaN",
        "/results/x?wait=soon", "/results/x?wait=1&wait=1", "/results/x?wiat=1", "/results/x?wait=", "/results/'%20or%201=1",
    ):  # fmt: skip
        yield f"result {target!r}", plain("GET", target)


def _wrong_somewhere(draw: random.Random, number: int) -> Request:
    """A good item with one value, drawn, replaced by one of another type."""
    value = json.loads(json.dumps(GOOD_ITEM))
    inside, key = value, draw.choice(list(value))
    while isinstance(inside[key], (dict, list)) and draw.random() < 0.7:
        inside = inside[key]
        key = draw.choice(list(inside)) if isinstance(inside, dict) else draw.randrange(len(inside))
    was = inside[key]
    wrong = {
        str: [1, True, [], {}],
        int: ["x", 1.5, [], True],
        float: ["x", True, {}],
        dict: ["x", 1, []],
        list: ["x", 1, {}],
    }
    bad = draw.choice(wrong[type(was)])
    inside[key] = [] if key == "price" else bad
    return f"drawn {number}: {key}={inside[key]!r}", plain("POST", SHOP, json.dumps(value).encode())
