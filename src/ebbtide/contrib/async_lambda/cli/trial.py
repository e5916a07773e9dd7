"""One task tried on this machine: an event of its kind, made of what the command line gives, and what came of it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import click

from ebbtide.cli.words import printable
from ebbtide.connect.target import broken
from ebbtide.contrib.async_lambda.answer import answer_of
from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.context import LambdaContext
from ebbtide.contrib.async_lambda.declared import Declared
from ebbtide.contrib.async_lambda.request import Request
from ebbtide.contrib.async_lambda.sources import tick
from ebbtide.errors import ArgumentError, EbbtideError
from ebbtide.ids import new_id

Headers = Sequence[tuple[str, str]]
Json = dict[str, Any]

_CHANGE = '{"Records": [{"eventName": "INSERT", "dynamodb": {"NewImage": {"id": {"S": "1"}}}}]}'


class TaskFailed(EbbtideError):
    """The task that was tried raised; its traceback is told before."""


def ran(app: DoorApp, task_id: str, body: str | None, query: str, headers: Headers) -> Any:
    """Run the task; what it returns, an API task's as an answer.

    Raises ArgumentError for a body that is none for such a task, and TaskFailed.
    """
    running, declared = app.running(task_id), app.declared[task_id].declared
    if declared.queued:
        message = app.task_named(task_id).message(_payload(body))
        return _told(task_id, lambda: running.here(message))
    event = _event(app, declared, body, query, headers)
    context = LambdaContext(f"{app.name}-{task_id}", new_id(time.time()), time.time() + declared.timeout)
    returned = _told(task_id, lambda: running.called(event, context))
    return _answered(returned) if declared.kind == "api" else returned


def _told(task_id: str, run: Callable[[], Any]) -> Any:
    try:
        return run()
    except Exception as error:
        told = broken(f"task {task_id!r} failed", error)
        click.echo(printable(told.traceback), err=True, nl=False)
        raise TaskFailed(str(told)) from None


def _payload(body: str | None) -> Any:
    """JSON where it is some, else the text itself."""
    if body is None:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body


def _event(app: DoorApp, declared: Declared, body: str | None, query: str, headers: Headers) -> Json:
    match declared.kind:
        case "api":
            return _request(declared.source, body, query, headers)
        case "sqs":
            return {"Records": [_record(declared.source, body or "")]}
        case "scheduled":
            _no_body(declared, body)
            message = app.task_named(declared.task_id).message()
            return {**tick(message), "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        case "dynamodb":
            event = _payload(body)
            if not isinstance(event, dict) or not isinstance(event.get("Records"), list):
                raise ArgumentError(f"task {declared.task_id!r} reads a table's stream: give its event: -b '{_CHANGE}'")
            return event
    event = _payload(body) or {}
    if not isinstance(event, dict):
        raise ArgumentError(f"task {declared.task_id!r} is given an event, which is an object: -b '{{\"a\": 1}}'")
    return event


def _no_body(declared: Declared, body: str | None) -> None:
    if body is not None:
        raise ArgumentError(
            f"task {declared.task_id!r} is started by the clock, which gives it nothing: leave out --body"
        )


def _record(source: Any, body: str) -> Json:
    arn = getattr(source, "source", None)
    return {
        "messageId": new_id(time.time()),
        "receiptHandle": "here",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1_000))},
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),  # as SQS has it
        "eventSource": "aws:sqs",
        "eventSourceARN": arn if isinstance(arn, str) else "",
    }


def _request(source: Any, body: str | None, query: str, headers: Headers) -> Json:
    """A REST API's event; the values of a path's parameters are not known."""
    path, method = (source.path, source.method) if isinstance(source, Request) else ("/", "GET")
    values: Mapping[str, list[str]] = parse_qs(query.removeprefix("?"), keep_blank_values=True)
    by_name: dict[str, list[str]] = {}
    for name, value in headers:
        by_name.setdefault(name, []).append(value)
    return {
        "resource": path,
        "path": path,
        "httpMethod": "GET" if method == "ANY" else method,
        "headers": {name: several[-1] for name, several in by_name.items()},
        "multiValueHeaders": by_name,
        "queryStringParameters": {name: several[-1] for name, several in values.items()} or None,
        "multiValueQueryStringParameters": dict(values) or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": new_id(time.time()),
            "stage": "here",
            "httpMethod": method,
            "resourcePath": path,
        },
        "body": body,
        "isBase64Encoded": False,
    }


def _answered(value: Any) -> Json:
    made = answer_of(value)
    body = made.body.decode("utf-8", "replace") if isinstance(made.body, bytes) else made.body
    return {"statusCode": made.status, "headers": made.headers, "body": body}
