"""The ASGI application: from a request to its answer, whatever comes.

A request is found a route, its body is read within limits, and it becomes the event that API Gateway would make of it,
which the task's trigger reads. Then the task is run here, or stored. Whatever goes wrong is a problem document of one
shape; what is behind it is for the log.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from ebbtide.app import App
from ebbtide.outcome import Succeeded
from ebbtide.triggers.http_problem import Problem
from ebbtide.web import answers, rules
from ebbtide.web.answers import Answer, BadResponse
from ebbtide.web.body import Bodies, Gone, Receive, discard
from ebbtide.web.calls import Calls
from ebbtide.web.events import CLOSE, check_head, event_of, one_length, target_of
from ebbtide.web.health import Health
from ebbtide.web.openapi import document
from ebbtide.web.routes import Found, Route, by_specificity, find, routes_of
from ebbtide.web.stored import Stored

Send = Callable[[dict[str, Any]], Awaitable[None]]
Scope = MutableMapping[str, Any]


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
        takes_body = found.route is not None and found.route.http.takes_body(scope["method"])
        if announced and not takes_body:
            raise Problem(400, f"a {scope['method']} of this path takes no body", headers=CLOSE)
        limit = found.route.http.max_body if found.route and takes_body else 0
        with self._bodies.held() as holding:
            body = await holding.read(receive, limit, announced)
            event = event_of(scope, found, body)
            if found.route is None:
                return await self._own_page(found, event)
            arguments = found.route.http.arguments(event)
        route = Route(rules.within_trace(found.route.task, event), found.route.http)
        return await self._call(route, arguments, rules.key_of(event, route))

    async def _own_page(self, found: Found, event: Mapping[str, Any]) -> Answer:
        wait = rules.wait_of(found, event)
        if found.own == "health":
            return answers.of_json(200, await self._health.report(), answers.NOT_STORED)
        if found.own == "openapi.json":
            return self._document
        return rules.result_page(await self._stored.wait(found.parameters["id"], wait))

    async def _call(self, route: Route, arguments: tuple[list[Any], dict[str, Any]], key: str | None) -> Answer:
        task = route.task
        if route.http.asynchronous:
            return rules.accepted(await self._stored.enqueue(task, arguments, key), route)
        if key:
            return await self._call_once(route, arguments, key)
        message = task.message_of(*arguments)
        outcome = await self._calls.run(message)
        if isinstance(outcome, Succeeded):
            return self._sendable(route, message.id, lambda: answers.of_value(task, outcome.value))
        problem = rules.problem_of(outcome)
        error = getattr(outcome, "error", None)
        told = f"{error}\n{error.traceback}".rstrip() if error else ""
        level = logging.WARNING if problem.status == 503 else logging.ERROR  # it only asked to be called again
        self._log.log(level, "%s %s failed: %s", task.name, message.id, told, extra={"event": "call_failed"})
        raise problem

    async def _call_once(self, route: Route, arguments: tuple[list[Any], dict[str, Any]], key: str) -> Answer:
        """A call under a key is stored and run by a worker, so that two requests get one answer."""
        id = await self._stored.enqueue(route.task, arguments, key)
        record = await self._stored.wait(id, route.task.queue.timeout)
        return self._sendable(route, id, lambda: rules.of_stored(id, record, route))

    def _sendable(self, route: Route, id: str, make: Callable[[], Answer]) -> Answer:
        try:
            return make()
        except BadResponse as error:
            self._log.error("%s %s: %s", route.task.name, id, error, extra={"event": "call_failed"})
            raise Problem(500, "the task failed") from None

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
    cookies = (("set-cookie", cookie) for cookie in answer.cookies)
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in (*sized.items(), *cookies)]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.headers.get("connection") == "close":
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        await discard(receive)
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": answer.body})
