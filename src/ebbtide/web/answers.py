"""What goes back over the wire: an answer's status, headers and bytes, made of a value, a result or a problem."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ebbtide import strictjson
from ebbtide.result import Record, as_json
from ebbtide.task import Task
from ebbtide.triggers.http_problem import PROBLEM_TYPE, Problem
from ebbtide.triggers.http_response import SERVERS_OWN, Response
from ebbtide.values_annotations import unwrapped

JSON = "application/json"
NOT_STORED = {"cache-control": "no-store"}
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_WITHOUT_BODY = (204, 304)


class Answer(NamedTuple):
    """One answer. headers: names in small letters. cookies: values of Set-Cookie, one header each."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: Sequence[str] = ()


class BadResponse(Exception):
    """A task returned a Response that cannot be sent."""


def of_json(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """A JSON document."""
    return Answer(status, {"content-type": JSON, **(headers or {})}, strictjson.dumps(value).encode())


def of_problem(problem: Problem) -> Answer:
    """A problem's document."""
    headers = {"content-type": PROBLEM_TYPE, **NOT_STORED, **problem.headers}
    return Answer(problem.status, headers, problem.as_json().encode())


def of_value(task: Task[Any, Any, Any], text: str) -> Answer:
    """A return value, given as its JSON text. Raises BadResponse."""
    if speaks_for_itself(task.signature.returns):
        value = task.signature.unpack_result(text)
        if isinstance(value, Response):
            return _of_response(value)
        if isinstance(value, (bytes, bytearray)):
            return Answer(200, {"content-type": "application/octet-stream"}, bytes(value))
    return Answer(204, {}, b"") if text == "null" else Answer(200, {"content-type": JSON}, text.encode())


def of_record(record: Record) -> Answer:
    """What the result URL shows: the record, its errors by their class alone; log and command line tell the rest."""
    shown = as_json(record)
    errors = [{name: error[name] for name in ("attempt", "exception_class")} for error in shown["errors"]]
    again = {} if record.status.finished else {"retry-after": "1"}
    return of_json(200, {**shown, "errors": errors}, {**NOT_STORED, **again})


def speaks_for_itself(annotation: Any) -> bool:
    """Whether a return value of this annotation may be bytes or a Response, in place of JSON."""
    annotation = unwrapped(annotation)
    return annotation in (bytes, bytearray, Response) or any(
        unwrapped(member) in (bytes, bytearray, Response)
        for member in typing.get_args(annotation)
        if typing.get_origin(annotation) not in (list, dict, tuple, set, frozenset)
    )


def _of_response(response: Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    for name, value in [*headers.items(), *(("set-cookie", cookie) for cookie in response.cookies)]:
        if name in SERVERS_OWN:
            raise BadResponse(f"the header {name!r} is set by the server")
        if not (_TOKEN.fullmatch(name) and _VALUE.fullmatch(value)):
            raise BadResponse(f"the header {name!r}: {value!r} cannot be sent")
    if not 200 <= response.status <= 599:
        raise BadResponse(f"status {response.status} is not from 200 to 599")
    kind, body = _sent(response)
    return Answer(response.status, {**kind, **headers}, body, tuple(response.cookies))


def _sent(response: Response) -> tuple[dict[str, str], bytes]:
    """The body as bytes, and what kind it is if nothing else is said."""
    if response.body is None or response.status in _WITHOUT_BODY:
        return {}, b""
    if isinstance(response.body, bytes):
        return {"content-type": "application/octet-stream"}, response.body
    return {"content-type": JSON}, strictjson.dumps(response.body).encode()
