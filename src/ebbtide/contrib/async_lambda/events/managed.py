"""A message that `async_invoke` sent, and several of them at once.

Such an event is made in one of two ways: from Lambda's event, whose body is async-lambda's envelope, as tests do; or by
`of`, from a payload that has been read already. Then the body is written only if somebody asks for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from ebbtide.contrib.async_lambda import payload as codec
from ebbtide.contrib.async_lambda import wire
from ebbtide.contrib.async_lambda.events.base import BaseEvent
from ebbtide.contrib.async_lambda.events.record import Record, SQSEvent, records_of
from ebbtide.errors import EnvelopeError


class ManagedSQSEvent(SQSEvent):
    """One message; `str(event)` is its payload as JSON.

    source_task_id: the task that sent it; None: none did. invocation_id: the same along a chain of tasks.
    s3_payload_key: of the object the payload lay in, if it was too large for the queue.
    """

    payload: Any
    source_task_id: str | None
    destination_task_id: str
    invocation_id: str
    s3_payload_key: str | None

    def __init__(self, event: dict[str, Any] | None = None, context: Any = None, task: object = None) -> None:
        """From Lambda's event. Raises EnvelopeError for a body that is no envelope, or lacks its payload."""
        super().__init__(event, context, task)
        self._record = dict(next(iter(records_of(self._event)), {}))
        envelope = _envelope(self._record.get("body") or "")
        payload = None if envelope.payload is None else codec.decode(envelope.payload)
        self._fill(payload, envelope)

    @classmethod
    def of(
        cls,
        payload: Any,
        *,
        source_task_id: str | None = None,
        destination_task_id: str = "",
        invocation_id: str = "",
        s3_payload_key: str | None = None,
        message_group_id: str | None = None,
        record: Record | None = None,
        context: Any = None,
    ) -> ManagedSQSEvent:
        """From a payload that has been read, and what SQS's record says, if there is one, with or without its body."""
        made = cls.__new__(cls)
        BaseEvent.__init__(made, None, context)
        made._record = dict(record or {})
        made._fill(payload, wire.Envelope(source_task_id, destination_task_id, invocation_id, None, s3_payload_key))
        if message_group_id is not None:
            made.message_group_id = message_group_id
        return made

    def _fill(self, payload: Any, envelope: wire.Envelope) -> None:
        self._read(self._record)
        self._envelope = envelope
        self._sent = self.payload = payload  # a middleware may put something else in its place
        self.source_task_id = envelope.source
        self.destination_task_id = envelope.destination
        self.invocation_id = envelope.invocation
        self.s3_payload_key = envelope.s3_key

    @cached_property
    def body(self) -> str:
        """The envelope, as text."""
        told = self._record.get("body")
        if told is not None:
            return str(told)
        if self._envelope is _NONE:
            return ""
        payload = None if self._envelope.s3_key else codec.encode(self._sent)
        return self._envelope._replace(payload=payload).encode().decode("ascii")

    @property
    def event(self) -> dict[str, Any]:
        """The event as Lambda hands it over: `{"Records": [record]}`."""
        if not self._event and self._envelope is not _NONE:
            self._event = {"Records": [{**self._record, "body": self.body}]}
        return self._event

    def __str__(self) -> str:
        return json.dumps(self.payload, default=str)


class ManagedSQSBatchEvent(BaseEvent):
    """Messages that came together, for a task that takes them so: iterable, with a length."""

    events: list[ManagedSQSEvent]

    def __init__(self, event: dict[str, Any] | None = None, context: Any = None, task: object = None) -> None:
        super().__init__(event, context, task)
        self.events = [ManagedSQSEvent({"Records": [record]}, context) for record in records_of(self._event)]

    @classmethod
    def of(cls, events: Sequence[ManagedSQSEvent], context: Any = None) -> ManagedSQSBatchEvent:
        """From events that have been made, one for each message."""
        made = cls(None, context)
        made.events = list(events)
        return made

    @property
    def event(self) -> dict[str, Any]:
        """The event as Lambda hands it over: `{"Records": [record, ...]}`."""
        if not self._event and self.events:
            self._event = {"Records": [record for one in self.events for record in records_of(one.event)]}
        return self._event

    def __iter__(self) -> Iterator[ManagedSQSEvent]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)


_NONE = wire.Envelope(None, "", "", None)
"""That of an event made of nothing."""


def _envelope(body: str) -> wire.Envelope:
    if not body:
        return _NONE
    envelope = wire.decode(body)
    if envelope is None:
        raise EnvelopeError(
            f"{ascii(body)[:60]} is not async-lambda's envelope, a JSON object with source_task_id, "
            "destination_task_id, invocation_id and payload; make the event with ManagedSQSEvent.of(payload)"
        )
    if envelope.payload is None and envelope.s3_key is not None:
        raise EnvelopeError(
            f"the payload is in the bucket, as {envelope.s3_key[:200]!r}; "
            "make the event with ManagedSQSEvent.of(payload, s3_payload_key=...)"
        )
    return envelope
