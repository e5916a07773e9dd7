"""A foreign queue: the trigger that starts a task for each message of an SQS queue that is not the stage's own.

    @app.task(ForeignQueue("orders-from-erp"))
    def order(body: Order, sent_at: datetime) -> None: ...

Lambda reads that queue itself. A message stays there until its task succeeds, and is retried there; what failed for
good is moved to the stage's dead letters.
"""

from __future__ import annotations

import re
from typing import Any

from ebbtide.trigger import Asked, Json, Target
from ebbtide.triggers.event_source import Conditions, Event, EventSource, member, shown, text
from ebbtide.triggers.names import is_same, logical
from ebbtide.triggers.picking import Offer, Offers
from ebbtide.triggers.sqs_record import attributes, is_record, sent_at
from ebbtide.triggers.statements import allow, arn_of

# Compiled on first use, as all patterns of triggers.
_ARN = r"arn:[a-z-]+:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}(?:\.fifo)?"
_NAME = r"[A-Za-z0-9_-]{1,80}(?:\.fifo)?"

_OFFERS: Offers = {
    "body": Offer("content"),
    "attributes": Offer("json"),
    "message_id": Offer("text"),
    "sender": Offer("text", always=False),
    "sent_at": Offer("time"),
    "group": Offer("text", always=False),
    "queue": Offer("text"),
}


class ForeignQueue(EventSource):
    """Start the task for each message: `ForeignQueue("orders-from-erp")`.

    queue: its ARN, or its name if it is in the stage's account and region. batch: messages in one invocation, 1 to
    10. concurrency: invocations at once, 2 to 1,000; None is no limit. Its visibility timeout must be at least the
    function's timeout, or AWS refuses; six times that is advised.

    A parameter may be called body (text, bytes, or JSON, as its annotation says), attributes, message_id, sender,
    sent_at, group, queue (its ARN). Raises DeclarationError.
    """

    queue: str
    batch: int
    concurrency: int | None

    def __init__(self, queue: str, *, batch: int = 10, concurrency: int | None = None) -> None:
        self._declare(queue=queue, batch=batch, concurrency=concurrency)
        self._check_queue(queue)
        if type(batch) is not int or not 1 <= batch <= 10:
            raise self._wrong("batch", "a number from 1 to 10")
        if concurrency is not None and (type(concurrency) is not int or not 2 <= concurrency <= 1000):
            raise self._wrong("concurrency", "a number from 2 to 1,000, or None")

    def _check_queue(self, queue: object) -> None:
        if not isinstance(queue, str) or not (re.fullmatch(_ARN, queue) or re.fullmatch(_NAME, queue)):
            raise self._wrong("queue", "the queue's ARN, or its name: up to 80 letters, digits, '-', '_'")

    @property
    def together(self) -> int:
        return self.batch

    @property
    def offers(self) -> Offers:
        return _OFFERS

    def conditions(self, event: Event) -> Conditions:
        yield is_record(event), "it is no message of SQS"
        arn = text(event.get("eventSourceARN")) or ""
        yield self._is_mine(arn), f"its queue is {shown(arn)}"

    def _is_mine(self, arn: str) -> bool:
        return is_same(self.queue, arn) if self.queue.startswith("arn:") else arn.rpartition(":")[2] == self.queue

    def values(self, event: Event) -> dict[str, Any]:
        return {
            "body": event["body"],
            "attributes": attributes(event),
            "message_id": text(event.get("messageId")),
            "sender": text(member(event, "attributes", "SenderId")),
            "sent_at": sent_at(event),
            "group": text(member(event, "attributes", "MessageGroupId")),
            "queue": event["eventSourceARN"],
        }

    def asks(self, target: Target) -> Asked:
        arn = self._arn
        properties: Json = {
            "EventSourceArn": arn,
            "FunctionName": {"Ref": target.function},
            "BatchSize": self.batch,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "Enabled": True,
        }
        if self.concurrency is not None:
            properties["ScalingConfig"] = {"MaximumConcurrency": self.concurrency}
        verbs = ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl", "ReceiveMessage")
        made = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}
        return Asked({self._mapping(target): made}, [allow([f"sqs:{verb}" for verb in verbs], arn)])

    @property
    def existing(self) -> str | None:
        """The queue that must be there already, by its ARN or name; None if the template makes it."""
        return self.queue

    @property
    def _arn(self) -> str | Json:
        return self.queue if self.queue.startswith("arn:") else arn_of("sqs", self.queue)

    def _mapping(self, target: Target) -> str:
        # All tasks of a function share one mapping: Lambda keeps one for a queue and a function.
        return f"{target.function}{logical('From', self.queue.rpartition(':')[2])}"
