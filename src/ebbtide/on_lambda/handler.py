"""One handler for all functions of an app: what an event is, is told by its shape, and each kind has its own module.

A kind that an app does not use is not loaded.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.errors import EnvelopeError, TargetError
from ebbtide.names import nearest
from ebbtide.on_lambda import logs
from ebbtide.on_lambda.limits import Watch, last_words_in, no_last_words
from ebbtide.on_lambda.queued import Queued, names_of
from ebbtide.on_lambda.runner import Runner
from ebbtide.on_lambda.settings import Settings
from ebbtide.outcome import Outcome
from ebbtide.runners.report import Reporter


class UnknownEvent(Exception):
    """An event of no kind that this function is for; AWS is to count it as the function's failure."""


class Function:
    """A function of an app, for as long as its container lives. exit: ends the process; watch: sees when something
    runs on; both for tests."""

    def __init__(
        self, app: App, settings: Settings, exit: Callable[[int], object] = os._exit, watch: Watch | None = None
    ) -> None:
        self._app = app
        self._settings = settings
        self._exit = exit
        self._report = Reporter(logs.log)
        self._runner = Runner(app, settings.threads, settings.margin / 2, watch or Watch())
        names = _names(app, settings)
        self._queued = Queued(app, self._runner, names, self._tell, self._end, raises=settings.raises)
        self._metrics = _metrics(app, settings) if settings.metrics else None

    def __call__(self, event: Mapping[str, Any], context: Any) -> Any:
        """What AWS is to be answered. Raises UnknownEvent, and what tells a failure."""
        logs.begin(context.aws_request_id)

        def left() -> float:
            return float(context.get_remaining_time_in_millis()) / 1000 - self._settings.margin

        last_words_in(left() + 0.9 * self._settings.margin)
        try:
            return self._answer(event, left)
        finally:
            no_last_words()
            if self._metrics:
                self._metrics.emit(self._app.now())

    def _answer(self, event: Mapping[str, Any], left: Callable[[], float]) -> Any:
        match _kind_of(event):
            case "queue":
                return self._queued.answer(event, left)
            case "stream":
                return self._streamed.answer(event, left)
            case "request":
                return self._requests.answer(event, left)
        try:
            return self._direct.answer(event, left)
        except EnvelopeError:
            raise UnknownEvent(_strange(event)) from None

    @cached_property
    def _direct(self) -> Any:
        module = importlib.import_module("ebbtide.on_lambda.direct")
        return module.Direct(self._app, self._runner, self._settings.queue, self._tell, self._end)

    @cached_property
    def _streamed(self) -> Any:
        module = importlib.import_module("ebbtide.on_lambda.stream")
        settings = self._settings
        return module.Streamed(self._app, self._runner, settings.queue, self._tell, self._end, settings.tables)

    @cached_property
    def _requests(self) -> Any:
        module = importlib.import_module("ebbtide.on_lambda.requests")
        return module.Requests(self._app, self._runner, self._tell, self._end)

    def _tell(self, delivery: Delivery, outcome: Outcome) -> None:
        self._report(delivery, outcome)
        if self._metrics:
            self._metrics.count(delivery, outcome)

    def _end(self) -> None:
        logs.log.critical("a task runs on past its limit; the process ends", extra={"event": "process_ended"})
        if self._metrics:
            self._metrics.emit(self._app.now())
        self._exit(1)


def _metrics(app: App, settings: Settings) -> Any:
    return importlib.import_module("ebbtide.on_lambda.metrics").Metrics({"app": app.name, "stage": settings.stage})


def _names(app: App, settings: Settings) -> frozenset[str]:
    if settings.queue not in app.queues:
        hint = nearest(settings.queue, app.queues)
        raise TargetError(f"EBBTIDE_QUEUE={settings.queue!r}: app {app.name!r} has no such queue.{hint}")
    return names_of(app.place(settings.stage), app.queues.values())


def _kind_of(event: Any) -> str:
    if not isinstance(event, Mapping):
        return ""
    records = event.get("Records")
    if isinstance(records, list) and records and isinstance(records[0], Mapping):
        return {"aws:sqs": "queue", "aws:dynamodb": "stream"}.get(records[0].get("eventSource", ""), "")
    return "request" if isinstance(event.get("requestContext"), Mapping) else ""


def _strange(event: Any) -> str:
    """What such an event is, in words."""
    cure = "this function is for queues, table streams and HTTP requests; have other events sent to its queue"
    if not isinstance(event, Mapping):
        return f"{cure}: this one is {ascii(event)[:100]}"
    records = event.get("Records")
    if isinstance(records, list) and records and isinstance(records[0], Mapping):
        source = records[0].get("eventSource") or records[0].get("EventSource")  # SNS writes it so
        return f"{cure}: this one has records of {ascii(source)[:100]}"
    return f"{cure}: this one has {', '.join(ascii(name)[:40] for name in list(event)[:12]) or 'nothing in it'}"
