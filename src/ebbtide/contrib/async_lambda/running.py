"""How a task of async-lambda runs: from what our core hands over to its event, its layers and its function."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

from ebbtide.broker import Delivery, current
from ebbtide.contrib.async_lambda.context import LambdaContext
from ebbtide.contrib.async_lambda.declared import Declared, takes
from ebbtide.contrib.async_lambda.events import (
    APIEvent,
    BaseEvent,
    DynamoDBEvent,
    ManagedSQSBatchEvent,
    ManagedSQSEvent,
    ScheduledEvent,
    UnmanagedSQSEvent,
)
from ebbtide.contrib.async_lambda.globals import config
from ebbtide.contrib.async_lambda.middleware import around
from ebbtide.contrib.async_lambda.resolved import Resolved
from ebbtide.contrib.async_lambda.sources import tick
from ebbtide.contrib.async_lambda.waiting import ended
from ebbtide.contrib.async_lambda.wire import DESTINATION, INVOCATION, RECORD, S3_KEY, SOURCE
from ebbtide.contrib.async_lambda.writing import origin
from ebbtide.dead_letters import ATTEMPT, ERROR, REASON, TASK
from ebbtide.ids import new_id
from ebbtide.message import Lineage, Message

REASONS = (REASON, ERROR, TASK, ATTEMPT)

EVENTS: Mapping[str, type[BaseEvent]] = {
    "async": ManagedSQSEvent,
    "batch": ManagedSQSBatchEvent,
    "sqs": UnmanagedSQSEvent,
    "scheduled": ScheduledEvent,
    "api": APIEvent,
    "dynamodb": DynamoDBEvent,
    "pure": BaseEvent,
}
"""What a function is called with, by the kind of its task; each is made of Lambda's raw event and context."""


class Runnable:
    """One task. deletes: remove a large payload when the task has succeeded."""

    def __init__(self, one: Resolved, deletes: bool) -> None:
        self._declared = one.declared
        self._layers = one.layers
        self._deletes = deletes
        self._started = False
        self._starting = Lock()

    @property
    def declared(self) -> Declared:
        """What it was declared as."""
        return self._declared

    def init(self) -> None:
        """Run its init tasks, if they have not run in this process. Raises what they raise; then they run again."""
        with self._starting:
            if not self._started:
                for function in self._declared.init_tasks:
                    function(*[self._declared.task_id] * takes(function))
                self._started = True

    def run(self, event: BaseEvent) -> Any:
        """What the function returns for an event, through its layers: for `async def`, an awaitable."""
        self.init()
        return around(event, self._layers, self._declared.function)

    def called(self, event: Any, context: Any) -> Any:
        """The same for a raw event of Lambda's, to the end: what Lambda would be answered."""
        made = EVENTS[self._declared.kind](event, context)
        token = current.set(_by_hand(self._declared.task_id, made))
        try:
            returned = ended(self.run(made))
            told = getattr(returned, "__async_lambda_response__", None)
            return told() if told else returned
        finally:
            current.reset(token)

    def here(self, message: Message) -> Any:
        """What it returns for this message, run here and now, in no queue."""
        message = replace(message, headers={**message.headers, **origin(message)})
        delivery = Delivery(b"", message.queue, message.lane, "here", 1).read_as(message)
        token = current.set(delivery)
        try:
            event = self.managed(delivery, message.args[0])
            batch = self._declared.kind == "batch"
            return ended(self.run(ManagedSQSBatchEvent.of([event], event.context) if batch else event))
        finally:
            current.reset(token)

    def managed(self, delivery: Delivery, payload: Any) -> ManagedSQSEvent:
        """The event of one message."""
        message, told = delivery.message, delivery.message.headers
        return ManagedSQSEvent.of(
            payload,
            source_task_id=told.get(SOURCE),
            destination_task_id=told.get(DESTINATION, message.task),
            invocation_id=told.get(INVOCATION, message.id),
            s3_payload_key=told.get(S3_KEY),
            message_group_id=message.group,
            record=_record(message),
            context=self.context(delivery),
        )

    def context(self, delivery: Delivery) -> LambdaContext:
        """What stands in for Lambda's context."""
        function, memory = f"{config.name}-{delivery.queue}", self._declared.memory or config.memory
        return LambdaContext(function, delivery.message.id, delivery.deadline, memory)

    def event(self, delivery: Delivery, value: Any) -> BaseEvent:
        """The event of one delivery, for every kind that does not gather."""
        match self._declared.kind:
            case "async":
                return self.managed(delivery, value)
            case "sqs":
                value = {"Records": [_as_record(delivery, value)]}
            case "scheduled":
                value = value or tick(delivery.message)
        return EVENTS[self._declared.kind](value or {}, self.context(delivery))

    def several(self, deliveries: Sequence[Delivery], values: Sequence[Any]) -> BaseEvent:
        """The event of all that came together: messages, or records of a stream."""
        context = self.context(deliveries[0])
        if self._declared.kind == "dynamodb":
            return DynamoDBEvent({"Records": [record for value in values for record in _changes(value)]}, context)
        events = [self.managed(one, payload) for one, payload in zip(deliveries, values, strict=True)]
        return ManagedSQSBatchEvent.of(events, context)

    def done(self, *deliveries: Delivery) -> None:
        """The task has succeeded with these."""
        keys = [key for one in deliveries if (key := one.message.headers.get(S3_KEY))] if self._deletes else []
        for key in keys:  # reached in functions alone; it takes AWS's library
            importlib.import_module("ebbtide.contrib.async_lambda.spill").delete(key)


def _changes(value: Any) -> Sequence[Any]:
    """The one record of a stream that a trigger read; what was enqueued by hand may be a whole event."""
    records = value.get("Records") if isinstance(value, dict) else None
    return records if isinstance(records, list) else [value]


def _as_record(delivery: Delivery, value: Any) -> dict[str, Any]:
    """A record of the queue that a trigger read; what was enqueued by hand is the body of one."""
    if isinstance(value, dict) and ("eventSource" in value or "messageId" in value):
        return value
    return {"messageId": delivery.message.id, "body": value if isinstance(value, str) else json.dumps(value)}


def _record(message: Message) -> dict[str, Any]:
    """What SQS said of it; of a dead letter that this task takes also why it is one, as attributes of the message."""
    told = message.headers
    record: dict[str, Any] = json.loads(told[RECORD]) if RECORD in told else {"messageId": message.id}
    why = {name: {"stringValue": told[name], "dataType": "String"} for name in REASONS if name in told}
    return record if not why else {**record, "messageAttributes": {**record.get("messageAttributes", {}), **why}}


def _by_hand(task_id: str, event: BaseEvent) -> Delivery:
    """What stands for the delivery of an event that no broker delivered, so that the task knows itself and its lane."""
    first = event.events[0] if isinstance(event, ManagedSQSBatchEvent) and event.events else event
    told, group, lane = dict[str, str](), None, ""
    if isinstance(first, ManagedSQSEvent):
        told, group = {INVOCATION: first.invocation_id}, first.message_group_id
        lane = (first.event_source_arn or "").rpartition("-L")[2]
    now = time.time()
    id = new_id(now)
    message = Message(id, task_id, task_id, Lineage(id), now, group=group, headers=told)
    return Delivery(b"", task_id, int(lane) if lane.isdecimal() else 0, "by hand", 1).read_as(message)
