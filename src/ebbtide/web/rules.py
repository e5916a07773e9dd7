"""What a request means and what it is answered, whoever serves it: this machine's server, or a function on AWS.

Nothing here waits for anything: running a call and reaching the queue are the servers' own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ebbtide.app import App
from ebbtide.errors import EbbtideError, KeyConflict, Retry, TaskTimeout, dotted
from ebbtide.outcome import Failed, Outcome, TryAgain
from ebbtide.result import Record, Status
from ebbtide.task import Task
from ebbtide.triggers.http_event import query_of
from ebbtide.triggers.http_problem import Fault, Problem, misfit
from ebbtide.triggers.http_text import from_text
from ebbtide.values import ValueRefused
from ebbtide.web import answers
from ebbtide.web.answers import Answer
from ebbtide.web.routes import Found, Route

LONGEST_WAIT = 30.0
"""Seconds that `GET /results/{id}?wait=` may ask for."""

KEY_WINDOW = 24 * 3600.0
"""Seconds for which an Idempotency-Key means the same call."""

MAX_KEY = 255
"""Characters of an Idempotency-Key."""

MAX_TRACESTATE = 512
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


def within_trace(task: Task[Any, Any, Any], event: Mapping[str, Any]) -> Task[Any, Any, Any]:
    """The task as part of the trace that the request is part of, if it is."""
    trace = {name: event["headers"].get(name, "") for name in ("traceparent", "tracestate")}
    if not (_TRACEPARENT.fullmatch(trace["traceparent"]) and len(trace["tracestate"]) <= MAX_TRACESTATE):
        return task
    return task.using(headers={**task.options.headers, **{name: text for name, text in trace.items() if text}})


def key_of(event: Mapping[str, Any], route: Route) -> str | None:
    """The request's Idempotency-Key. Raises Problem for one that cannot be, or where no answer would be kept."""
    key = None if route.http.raw else event["headers"].get("idempotency-key")
    if key is None:
        return None
    if not (0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable() and " " not in key):
        reason = f"must be 1 to {MAX_KEY} visible ASCII characters"
        raise Problem(400, f"the header Idempotency-Key {reason}", [Fault("header", "Idempotency-Key", reason)])
    if not (route.http.asynchronous or route.task.queue.results):
        raise Problem(422, "this route keeps no results, so it cannot answer to an Idempotency-Key")
    return str(key)


def keyed(task: Task[Any, Any, Any], key: str | None) -> Task[Any, Any, Any]:
    """The task under this Idempotency-Key."""
    # A namespace of its own, so that no client takes a key that the app itself uses.
    return task.using(key=f"http:{key}", key_window=KEY_WINDOW) if key else task


def refused(app: App, error: EbbtideError) -> Problem:
    """The problem of a call that could not be stored, by KeyConflict or PayloadError."""
    if isinstance(error, KeyConflict):
        reason = "was used for a request with other arguments; a key means one request"
        return Problem(422, f"this Idempotency-Key {reason}", [Fault("header", "Idempotency-Key", reason)])
    return Problem(413, f"the call is larger than this app's {app.max_payload:,} bytes")


def wait_of(found: Found, event: Mapping[str, Any]) -> float:
    """Seconds that a request for one of the server's own pages may wait. Raises Problem."""
    query = query_of(event)
    strangers = [name for name in query if (found.own, name) != ("results", "wait")]
    if strangers:
        raise misfit([Fault("query", name[:100], "is unknown") for name in strangers])
    return _seconds(query["wait"]) if "wait" in query else 0.0


def accepted(id: str, route: Route) -> Answer:
    """The answer to a call that was stored."""
    if not route.task.queue.results:
        return answers.of_json(202, {"id": id, "status": Status.READY.value, "result": None}, answers.NOT_STORED)
    # The same for every request with the same key, so the status is that of the moment it was stored.
    result = f"/results/{id}"
    headers = {**answers.NOT_STORED, "location": result, "retry-after": "1"}
    return answers.of_json(202, {"id": id, "status": Status.READY.value, "result": result}, headers)


def of_stored(id: str, record: Record | None, route: Route) -> Answer:
    """The answer to a call that was stored and waited for. Raises Problem if it failed, BadResponse."""
    if record is None or not record.status.finished:
        return accepted(id, route)
    if record.status is Status.SUCCESSFUL and record.value is not None:
        return answers.of_value(route.task, record.value)
    late = bool(record.errors) and record.errors[-1].exception_class == dotted(TaskTimeout)
    raise Problem(504, "the task ran longer than it may") if late else Problem(500, "the task failed")


def result_page(record: Record | None) -> Answer:
    """The answer under a result URL. Raises Problem if there is no such record."""
    if record is None:
        raise Problem(404, "there is no result under this id: none was kept, or it is past its retention")
    return answers.of_record(record)


def problem_of(outcome: Outcome) -> Problem:
    """The problem that a call which did not succeed is answered with. What went wrong is for the log."""
    if not isinstance(outcome, (TryAgain, Failed)):
        raise TypeError(f"{type(outcome).__name__} is no failure")
    if outcome.error.exception_class == dotted(TaskTimeout):
        return Problem(504, "the task ran longer than it may")
    if outcome.error.exception_class == dotted(Retry):
        wait = max(1, round(outcome.wait)) if isinstance(outcome, TryAgain) else 1
        return Problem(503, "the task asks to be called again later", headers={"retry-after": str(wait)})
    return Problem(500, "the task failed")


def _seconds(texts: list[str]) -> float:
    try:
        seconds = float(from_text(float, texts[0]))
    except ValueRefused as refusal:
        raise misfit([Fault("query", "wait", str(refusal))]) from None
    if len(texts) > 1 or not 0 <= seconds <= LONGEST_WAIT:
        raise misfit([Fault("query", "wait", f"is given once, as seconds from 0 to {LONGEST_WAIT:g}")])
    return seconds
