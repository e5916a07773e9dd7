"""The two layers of middleware: a producer span around every enqueue, a consumer span around every attempt."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from ebbtide.app import App, Send
from ebbtide.broker import current
from ebbtide.contrib.opentelemetry.meters import About, Meters, about
from ebbtide.errors import Retry, dotted
from ebbtide.execute import is_final, runs_async, waited_for
from ebbtide.message import Message
from ebbtide.version import __version__

SUCCEEDED = {"ebbtide.status": "succeeded"}


class Layers:
    """The middleware of one app: `send` around its enqueues, `process` around its tasks."""

    def __init__(self, app: App, provider: TracerProvider | None, meters: Meters) -> None:
        self._app = app
        self._tracer = trace.get_tracer("ebbtide", __version__, provider)
        self._meters = meters

    def send(self, messages: Sequence[Message], send_next: Send) -> list[str]:
        """A producer span, whose context goes with every message."""
        if not messages:
            return send_next(messages)
        name, attributes = f"send {messages[0].queue}", _about_send(messages)
        with self._tracer.start_as_current_span(name, _origin(messages), SpanKind.PRODUCER, attributes) as span:
            carried: dict[str, str] = {}
            propagate.inject(carried)
            ids = send_next([replace(m, headers={**m.headers, **carried}) for m in messages] if carried else messages)
            if len(ids) == 1:
                span.set_attribute("messaging.message.id", ids[0])
            self._meters.sent(len(messages), messages[0])
            return ids

    def process(self, message: Message, call_next: Callable[[Message], Any]) -> Any:
        """A consumer span within the sender's trace, around a `def` or an `async def` task."""
        delivery = current.get()
        if delivery is not None and runs_async(self._app, delivery):
            return self._process_async(message, call_next)
        with self._attempt(message):
            return call_next(message)

    async def _process_async(self, message: Message, call_next: Callable[[Message], Any]) -> Any:
        with self._attempt(message):
            value = call_next(message)
            return await value if inspect.isawaitable(value) else value

    @contextmanager
    def _attempt(self, message: Message) -> Iterator[None]:
        delivery = current.get()
        attempt = delivery.attempt if delivery else 1
        waited = waited_for(delivery, self._app.now()) if delivery else None
        if waited is not None:
            self._meters.waited(waited, message)
        how: About = SUCCEEDED
        began = time.monotonic()
        with self._tracer.start_as_current_span(
            f"process {message.queue}",
            propagate.extract(message.headers),
            SpanKind.CONSUMER,
            _about_process(message, attempt),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                how = self._failed(span, message, attempt, error)
                raise
            finally:
                span.set_attributes(how)
                self._meters.ended(time.monotonic() - began, message, how)

    def _failed(self, span: Span, message: Message, attempt: int, error: BaseException) -> About:
        task = self._app.tasks.get(message.task)
        final = task is None or is_final(task, attempt, error)
        if final or not isinstance(error, Retry) or error.__cause__:  # else it asked to run again, which is no fault
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            with suppress(Exception):  # its __str__ is the user's
                span.record_exception(error)
        return {"ebbtide.status": "failed" if final else "retried", "error.type": dotted(type(error))}


def _origin(messages: Sequence[Message]) -> Context | None:
    """The context to send in: the one here, or where there is none, that which a single message brings along."""
    if len(messages) > 1 or trace.get_current_span().get_span_context().is_valid:
        return None
    return propagate.extract(messages[0].headers)


def _about_send(messages: Sequence[Message]) -> About:
    many = {"messaging.batch.message_count": len(messages)} if len(messages) > 1 else {}
    return {**about(messages[0]), "messaging.operation.name": "send", "messaging.operation.type": "send", **many}


def _about_process(message: Message, attempt: int) -> About:
    return {
        **about(message),
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.id": message.id,
        "messaging.message.conversation_id": message.lineage.root,
        "messaging.destination.partition.id": str(message.lane),
        "ebbtide.attempt": attempt,
    }
