"""HTTP requests, answered as this machine's server answers them: the rules are those of `web`.

A synchronous call is run here and now, within what is left of the invocation; it is never run again, so nothing of it
is stored. Whatever goes wrong is a problem document, as AWS's own would say nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.errors import KeyConflict, PayloadError, StorageError
from ebbtide.on_lambda import payloads
from ebbtide.on_lambda.logs import log
from ebbtide.on_lambda.runner import Ended, Runner
from ebbtide.outcome import Failed, Succeeded, TryAgain
from ebbtide.triggers.http_event import body_of, method_of
from ebbtide.triggers.http_problem import Problem
from ebbtide.web import answers, rules
from ebbtide.web.answers import Answer, BadResponse
from ebbtide.web.condition import condition_of
from ebbtide.web.routes import Found, Route, by_specificity, find, routes_of

Request = Mapping[str, Any]
Left = Callable[[], float]

PATIENCE = 25.0
"""Seconds to wait for a stored call; API Gateway waits 30 at most."""


class Requests:
    """The HTTP requests of one function. tell: told the outcome of each call that is run; end: ends the process."""

    def __init__(self, app: App, runner: Runner, tell: Ended, end: Callable[[], None]) -> None:
        self._app = app
        self._runner = runner
        self._tell = tell
        self._end = end
        declared = routes_of(app)
        self._routes = by_specificity(declared)
        self._by_key = {f"{route.http.method} {route.http.path}": route for route in declared}

    def answer(self, event: Request, left: Left) -> dict[str, Any]:
        """What AWS is to send back. Raises nothing."""
        try:
            answer = self._answer(payloads.as_second(event), left)
        except Problem as problem:
            answer = answers.of_problem(problem)
        except StorageError as error:  # its words, with names and the cure, are for the log
            log.error("%s", error, extra={"event": "storage_trouble"})
            late = {"retry-after": "5"}
            answer = answers.of_problem(Problem(503, "the queue cannot be read or written at present", headers=late))
        except Exception as error:
            log.exception("%s: %s", type(error).__name__, error, extra={"event": "request_failed"})
            answer = answers.of_problem(Problem(500, "the server failed"))
        context = event["requestContext"]
        first = payloads.is_first(event)
        head = (event["httpMethod"] if first else context.get("http", {}).get("method")) == "HEAD"
        return payloads.response(answer, first=first, head=head)

    def _answer(self, request: Request, left: Left) -> Answer:
        found = self._find(request)
        size = len(body_of(request))
        takes_body = found.route is not None and found.route.http.takes_body(method_of(request))
        if size and not takes_body:
            raise Problem(400, f"a {method_of(request)} of this path takes no body")
        if found.route is None:
            return self._own_page(found, request, left)
        if size > found.route.http.max_body:
            raise Problem(413, f"the body is over this route's limit of {found.route.http.max_body:,} bytes")
        arguments = found.route.http.arguments({**request, "pathParameters": found.parameters})
        route = Route(rules.within_trace(found.route.task, request), found.route.http)
        try:
            answer = self._call(route, arguments, rules.key_of(request, route), left)
        except BadResponse as error:
            log.error("%s: %s", route.task.name, error, extra={"event": "call_failed"})
            raise Problem(500, "the task failed") from None
        if len(answer.body) > payloads.LARGEST:
            told = "%s: an answer of %d bytes is over Lambda's %d"
            log.error(told, route.task.name, len(answer.body), payloads.LARGEST, extra={"event": "call_failed"})
            raise Problem(500, "the answer is too large")
        return answer

    def _find(self, request: Request) -> Found:
        """The route that API Gateway found, its parameters decoded; else, as for a function URL, by the path."""
        route = self._by_key.get(request["routeKey"])
        if route and set(route.http.in_path) <= request["pathParameters"].keys():
            return Found(route, "", request["pathParameters"])
        return find(self._routes, method_of(request), request["rawPath"])

    def _own_page(self, found: Found, request: Request, left: Left) -> Answer:
        wait = rules.wait_of(found, request)
        if found.own == "health":
            return answers.of_json(200, condition_of(self._app), answers.NOT_STORED)
        if found.own == "openapi.json":  # nobody asks for it often
            openapi = importlib.import_module("ebbtide.web.openapi")
            return answers.of_json(200, openapi.document(self._app, routes_of(self._app)))
        return rules.result_page(self._app.results.wait(found.parameters["id"], max(0.0, min(wait, left()))))

    def _call(self, route: Route, arguments: tuple[list[Any], dict[str, Any]], key: str | None, left: Left) -> Answer:
        if not route.http.asynchronous and not key:
            return self._called(route, arguments, left)
        try:
            (id,) = self._app.submit([rules.keyed(route.task, key).message_of(*arguments)])
        except (KeyConflict, PayloadError) as error:
            raise rules.refused(self._app, error) from None
        if route.http.asynchronous:
            return rules.accepted(id, route)
        # Under a key it is run by the queue's function, so that two requests get one answer.
        wait = max(0.0, min(route.task.queue.timeout, left(), PATIENCE))
        return rules.of_stored(id, self._app.results.wait(id, wait), route)

    def _called(self, route: Route, arguments: tuple[list[Any], dict[str, Any]], left: Left) -> Answer:
        message = route.task.message_of(*arguments)
        seconds = min(route.task.queue.timeout, left())
        if seconds <= 0:
            raise Problem(503, "there is no time left for this call", headers={"retry-after": "1"})
        delivery = Delivery(message.encode(), message.queue, message.lane, message.id, attempt=1)
        outcome = self._runner.to_the_end(delivery.until(self._app.now() + seconds), seconds, self._end, answer=True)
        if isinstance(outcome, Succeeded):
            self._tell(delivery, outcome)
            return answers.of_value(route.task, outcome.value)
        problem = rules.problem_of(outcome)
        if isinstance(outcome, TryAgain):  # nobody does
            self._tell(delivery, Failed(outcome.error, outcome.started_at, outcome.finished_at))
        else:
            self._tell(delivery, outcome)
        raise problem
