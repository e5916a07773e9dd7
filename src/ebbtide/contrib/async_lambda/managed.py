"""The trigger of every task: async-lambda's envelope on the task's own queue, read as a call with its payload.

What stands on a queue runs that queue's task, whatever the envelope says: so a dead letter that SQS moved to the queue
of another task is that task's.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ebbtide import strictjson
from ebbtide.contrib.async_lambda import payload, wire
from ebbtide.contrib.async_lambda.wire import RECORD, Envelope
from ebbtide.errors import EnvelopeError
from ebbtide.trigger import Asked, Miss, Target, Trigger

Event = Mapping[str, Any]

_KEPT = (
    *("messageId", "receiptHandle", "attributes", "messageAttributes", "md5OfBody"),
    *("eventSource", "eventSourceARN", "awsRegion"),
)
"""Members of SQS's record that the task's event shows."""

_MOVED = ("id", "lineage", "enqueued_at", "group", "priority")
"""What holds of a message also where SQS moved it to another task's queue: its key and its times were the first's."""


class Managed(Trigger):
    """Reads envelopes, and asks for what every function of the door has around it: payload bucket and variables.

    invoked: whether `async_invoke` may send to the task; else only the command line does, and dead letters sent back.
    deletes: whether payloads are removed when their task has succeeded; days: until all are.
    """

    def __init__(self, invoked: bool, deletes: bool = False, days: int = 180) -> None:
        self._invoked = invoked
        self._deletes = deletes
        self._days = days

    def __repr__(self) -> str:
        return "async_invoke" if self._invoked else "enqueue"

    def check(self, task: str, parameters: Mapping[str, Any]) -> None:
        return None

    def asks(self, target: Target) -> Asked:
        # Only a build needs it.
        module = importlib.import_module("ebbtide.contrib.async_lambda.payload_bucket")
        made: Asked = module.asked(target, self._deletes, self._days)
        return made

    def reads(self, task: str, event: Event) -> bool:
        return self.miss(task, event) is None

    def miss(self, task: str, event: Event) -> Miss | None:
        try:
            return None if _envelope(event) else Miss(0, "it is no envelope of async-lambda")
        except EnvelopeError:
            return None  # `arguments` says what is wrong with it

    def arguments(self, event: Event) -> tuple[list[Any], dict[str, Any]]:
        envelope = _envelope(event)
        if envelope is None:
            raise EnvelopeError("no envelope of async-lambda")
        return [payload.decode(_payload(envelope))], {}

    def about(self, task: str, event: Event) -> dict[str, Any]:
        envelope = _envelope(event)
        if envelope is None:
            raise EnvelopeError("no envelope of async-lambda")
        _decoded.cache_clear()  # it was asked for the last time, and may be large
        record = {name: event[name] for name in _KEPT if name in event}
        headers = {**envelope.headers, RECORD: strictjson.dumps(record)}
        ours = envelope.ours
        if ours is None:
            return {"headers": headers}
        told = _MOVED if ours.task != task else (*_MOVED, "run_after", "expires_at", "key", "key_window")
        return {**{name: getattr(ours, name) for name in told}, "headers": {**ours.headers, **headers}}


def _envelope(event: Event) -> Envelope | None:
    body = event.get("body")
    return _decoded(body) if event.get("eventSource") == "aws:sqs" and isinstance(body, str) else None


_decoded = lru_cache(maxsize=1)(wire.decode)
"""Asked for three times for each message."""


def _payload(envelope: Envelope) -> str:
    if envelope.s3_key is None:
        return envelope.payload or "null"
    # Large payloads are seldom, and reading one takes AWS's library.
    text: str = importlib.import_module("ebbtide.contrib.async_lambda.spill").fetch(envelope.s3_key)
    return text
