"""The ASGI application: from a request to its answer, whatever comes.

A request is found a route, its body is read within limits, and it becomes the event that API Gateway would make of it,
which the task's trigger reads. Then the task is run here, or stored. Whatever goes wrong is a problem document of one
shape; what is behind it is for the log.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from ebbtide.app import App
from ebbtide.errors import TaskTimeout, dotted
from ebbtide.outcome import Succeeded
from ebbtide.result import Record, Status
from ebbtide.task import Task
from ebbtide.triggers.http_event import query_of
from ebbtide.triggers.http_places import WITH_BODY
from ebbtide.triggers.http_problem import Fault, Problem, misfit
from ebbtide.triggers.http_text import from_text
from ebbtide.values import ValueRefused
from ebbtide.web import answers
from ebbtide.web.answers import Answer, BadResponse
from ebbtide.web.body import Bodies, Gone, Receive, discard
from ebbtide.web.calls import Calls, problem_of
from ebbtide.web.events import CLOSE, check_head, event_of, one_length, target_of
from ebbtide.web.health import Health
from ebbtide.web.openapi import document
from ebbtide.web.routes import Found, Route, by_specificity, find, routes_of
from ebbtide.web.stored import Stored

Send = Callable[[dict[str, Any]], Awaitable[None]]
Scope = MutableMapping[str, Any]

LONGEST_WAIT = 30.0
"""Seconds that `GET /results/{id}?wait=` may ask for."""

MAX_TRACESTATE = 512
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)

MAX_KEY = 255
"""Characters of an Idempotency-Key."""


class Site:
    """All pages of an app. log: told one line a request, and what is behind a problem."""

    def __init__(self, app: App, calls: Calls, stored: Stored, bodies: Bodies, log: logging.Logger) -> None:
        self._calls = calls
        self._stored = stored
        self._bodies = bodies
        self._log = log
        declared = routes_of(app)
        self._routes = by_specificity(declared)
        self._health = Health(app, stored)
        self._document = answers.of_json(200, document(app, declared))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()
        try:
            answer = await self._answer(scope, receive)
        except Gone:
            self._tell(scope, None, began)
            return
        await _send(send, answer, receive)
        self._tell(scope, answer.status, began)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        try:
            return await self._found(scope, receive)
        except Problem as problem:
            return answers.of_problem(problem)
        except asyncio.CancelledError:  # the grace after a stop has passed
            return answers.of_problem(Problem(503, "the server is stopping", headers=CLOSE))
        except Gone:
            raise
        except Exception as error:
            self._log.exception("%s: %s", type(error).__name__, error, extra={"event": "request_failed"})
            return answers.of_problem(Problem(500, "the server failed"))

    async def _found(self, scope: Scope, receive: Receive) -> Answer:
        check_head(scope)
        announced = one_length(scope["headers"])
        found = find(self._routes, scope["method"], target_of(scope))
        takes_body = found.route is not None and scope["method"] in WITH_BODY
        if announced and not takes_body:
            raise Problem(400, f"a {scope['method']} of this path takes no body", headers=CLOSE)
        limit = found.route.http.max_body if found.route and takes_body else 0
        with self._bodies.held() as holding:
            body = await holding.read(receive, limit, announced)
            event = event_of(scope, found, body)
            if found.route is None:
                return await self._own_page(found, event)
            arguments = found.route.http.arguments(event)
        route = Route(_within_trace(found.route.task, event), found.route.http)
        return await self._call(route, arguments, _key_of(event))

    async def _own_page(self, found: Found, event: Mapping[str, Any]) -> Answer:
        query = query_of(event)
        strangers = [name for name in query if (found.own, name) != ("results", "wait")]
        if strangers:
            raise misfit([Fault("query", name[:100], "is unknown") for name in strangers])
        if found.own == "health":
            return answers.of_json(200, await self._health.report(), answers.NOT_STORED)
        if found.own == "openapi.json":
            return self._document
        id = found.parameters["id"]
        record = await self._stored.wait(id, _seconds(query["wait"]) if "wait" in query else 0.0)
        if record is None:
            raise Problem(404, "there is no result under this id: none was kept, or it is past its retention")
        return answers.of_record(record)

    async def _call(self, route: Route, arguments: tuple[list[Any], dict[str, Any]], key: str | None) -> Answer:
        task = route.task
        if route.http.asynchronous:
            return self._accepted(await self._stored.enqueue(task, arguments, key), route)
        if key:
            return await self._call_once(route, arguments, key)
        message = task.message_of(*arguments)
        outcome = await self._calls.run(message)
        if isinstance(outcome, Succeeded):
            return self._value(route, outcome.value, message.id)
        problem = problem_of(outcome)
        error = getattr(outcome, "error", None)
        told = f"{error}\n{error.traceback}".rstrip() if error else ""
        level = logging.WARNING if problem.status == 503 else logging.ERROR  # it only asked to be called again
        self._log.log(level, "%s %s failed: %s", task.name, message.id, told, extra={"event": "call_failed"})
        raise problem

    async def _call_once(self, route: Route, arguments: tuple[list[Any], dict[str, Any]], key: str) -> Answer:
        """A call under a key is stored and run by a worker, so that two requests get one answer."""
        if not route.task.queue.results:
            raise Problem(422, "this route keeps no results, so it cannot answer to an Idempotency-Key")
        id = await self._stored.enqueue(route.task, arguments, key)
        record = await self._stored.wait(id, route.task.queue.timeout)
        if record is None or not record.status.finished:
            return self._accepted(id, route)
        if record.status is Status.SUCCESSFUL and record.value is not None:
            return self._value(route, record.value, id)
        raise _problem_of(record)

    def _value(self, route: Route, text: str, id: str) -> Answer:
        try:
            return answers.of_value(route.task, text)
        except BadResponse as error:
            self._log.error("%s %s: %s", route.task.name, id, error, extra={"event": "call_failed"})
            raise Problem(500, "the task failed") from None

    def _accepted(self, id: str, route: Route) -> Answer:
        if not route.task.queue.results:
            return answers.of_json(202, {"id": id, "status": Status.READY.value, "result": None}, answers.NOT_STORED)
        # The same for every request with the same key, so the status is that of the moment it was stored.
        result = f"/results/{id}"
        headers = {**answers.NOT_STORED, "location": result, "retry-after": "1"}
        return answers.of_json(202, {"id": id, "status": Status.READY.value, "result": result}, headers)

    def _tell(self, scope: Scope, status: int | None, began: float) -> None:
        path = target_of(scope)[:200]
        seconds = time.monotonic() - began
        about = {"event": "request", "method": scope["method"], "path": path, "status": status}
        about["duration_ms"] = round(seconds * 1000, 3)
        shown = "client gone" if status is None else status
        lasting = f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
        level = logging.WARNING if status and status >= 500 else logging.INFO
        self._log.log(level, "%s %s %s in %s", scope["method"], path, shown, lasting, extra=about)


async def _send(send: Send, answer: Answer, receive: Receive) -> None:
    sized = answer.headers if answer.status == 204 else {**answer.headers, "content-length": str(len(answer.body))}
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in sized.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.headers.get("connection") == "close":
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        await discard(receive)
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": answer.body})


def _within_trace(task: Task[Any, Any, Any], event: Mapping[str, Any]) -> Task[Any, Any, Any]:
    """The task as part of the trace that the request is part of, if it is."""
    trace = {name: event["headers"].get(name, "") for name in ("traceparent", "tracestate")}
    if not (_TRACEPARENT.fullmatch(trace["traceparent"]) and len(trace["tracestate"]) <= MAX_TRACESTATE):
        return task
    return task.using(headers={**task.options.headers, **{name: text for name, text in trace.items() if text}})


def _key_of(event: Mapping[str, Any]) -> str | None:
    key = event["headers"].get("idempotency-key")
    if key is None:
        return None
    if not (0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable() and " " not in key):
        reason = f"must be 1 to {MAX_KEY} visible ASCII characters"
        raise Problem(400, f"the header Idempotency-Key {reason}", [Fault("header", "Idempotency-Key", reason)])
    return str(key)


def _seconds(texts: list[str]) -> float:
    try:
        seconds = float(from_text(float, texts[0]))
    except ValueRefused as refusal:
        raise misfit([Fault("query", "wait", str(refusal))]) from None
    if len(texts) > 1 or not 0 <= seconds <= LONGEST_WAIT:
        raise misfit([Fault("query", "wait", f"is given once, as seconds from 0 to {LONGEST_WAIT:g}")])
    return seconds


def _problem_of(record: Record) -> Problem:
    late = bool(record.errors) and record.errors[-1].exception_class == dotted(TaskTimeout)
    return Problem(504, "the task ran longer than it may") if late else Problem(500, "the task failed")
