"""Events: what services put on a queue, or hand to a function, that is no envelope of ours, read as calls of tasks.

    S3 -> queue: {"Records": [...]}        an upload; each record is a call
    SNS -> queue: {"Type": "Notification"} a message on a topic; every task of the queue that has the topic is called
    Scheduler, EventBridge -> queue        a tick, an event
    a foreign queue, a table's stream      records of sources that are not ours, as Lambda hands them over

Each is offered to the triggers of the tasks of the delivery's queue. An envelope passes untouched, but only on a queue
of our own: what stands on a foreign one was written by strangers, and must not name a task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ebbtide import strictjson
from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.dead_letters import redriven
from ebbtide.errors import EnvelopeError
from ebbtide.message import Lineage, Message
from ebbtide.task import Task
from ebbtide.trigger import LOGICAL_ID, Miss, Trigger
from ebbtide.values_codec import MAX_DEPTH, within_depth

Event = Mapping[str, Any]

NOTHING: Event = MappingProxyType({})
"""The record of what no service handed over."""

_KEPT = (
    *("eventSource", "eventSourceARN", "messageId", "body", "md5OfBody", "attributes", "messageAttributes"),
    *("eventID", "eventName", "awsRegion", "dynamodb", LOGICAL_ID),
)
"""Members of a record that say what it is; the others are its receiver's business."""

_MOST = 1_000_000
"""Bytes of a record that a message has room for, beside the reason of its burial."""

_SHOWN = 5
"""Triggers named in a reason, if none comes near."""

_END = 253_402_300_800
"""The end of the year 9999, in seconds."""


def deliveries(app: App, delivery: Delivery, record: Event = NOTHING, *, own: bool = True) -> list[Delivery]:
    """What this delivery comes to.

    None: it says nothing and is to be acknowledged. One: run it in place of the one given; if nobody reads it, its
    `message` raises EnvelopeError with the reason, so that it ends among the dead letters as it came. Several: calls
    that ride in one; submit their messages, then acknowledge the delivery given.

    What came from elsewhere has its record as its body from then on: so it may stand on a queue of the stage's own, as
    a redriven dead letter does, and is read there as what it was, never as an envelope.

    record: as Lambda hands it over: of SQS with `messageId`, `body`, `attributes`, `messageAttributes`,
    `eventSourceARN`; of DynamoDB with `eventName`, `dynamodb`, `eventSourceARN`. own: it came from a queue of this
    stage. Raises nothing of its own; StorageError where a large body cannot be fetched.
    """
    if not own:
        record = record or delivery.record
        delivery = _with(delivery, body=_wrapped(delivery.body, record))
        calls = _calls(app, delivery.queue, [record])
        return _as_deliveries(app, delivery, record, calls) if calls else [_unread(app, delivery, [record])]
    try:
        return [delivery if delivery.message.queue == delivery.queue else redriven(app, delivery)]
    except EnvelopeError as error:
        no_envelope = str(error)
    record = record or delivery.record
    try:
        events, whole = _events(delivery.body, record)
    except EnvelopeError:  # its body is gone, or is a broken envelope: its own reason says more
        return [delivery]
    if len(events) == 1 and events[0].get("Event") == "s3:TestEvent":  # S3 asks whether it may send
        return []
    if calls := _calls(app, delivery.queue, events) or _calls(app, delivery.queue, [whole]):
        return _as_deliveries(app, delivery, record, calls)
    return [_unread(app, delivery, events, no_envelope)]


class Call(NamedTuple):
    """One call an event asks for."""

    task: Task[Any, Any, Any]
    trigger: Trigger
    event: Event


class Unread(Delivery):
    """A delivery that no trigger reads; `message` raises the reason."""

    reason: str

    @property
    def message(self) -> Message:
        raise EnvelopeError(self.reason)


def _unread(app: App, delivery: Delivery, events: list[Event], no_envelope: str = "") -> Delivery:
    return _refused(delivery, _why(app, delivery.queue, events, no_envelope))


def _refused(delivery: Delivery, reason: str) -> Delivery:
    made = object.__new__(Unread)
    vars(made).update(vars(delivery), body=delivery.body, reason=reason)
    return made


def _with(delivery: Delivery, **members: Any) -> Delivery:
    """The same delivery, of the same kind, with other members."""
    made = object.__new__(type(delivery))
    vars(made).update(vars(delivery), **members)
    return made


def _wrapped(body: bytes, record: Event) -> bytes:
    """A record from elsewhere as a body, without what only its receiver needs."""
    try:
        text = strictjson.dumps({name: record[name] for name in _KEPT if name in record})
    except (TypeError, ValueError, RecursionError):
        text = ""
    return text.encode() if 0 < len(text) <= _MOST else b"#" + body  # which is no JSON, so no envelope either


def _events(body: bytes, record: Event) -> tuple[list[Event], Event]:
    """The events in a body of our own queue, none if it is bare text; and all of it as one bare message.

    Raises EnvelopeError for a broken envelope.
    """
    try:
        value = strictjson.loads(body.decode("utf-8"))
    except ValueError:
        value = None
    whole: Event = {"eventSource": "aws:sqs", **record, "body": body.decode("utf-8", "replace")}
    if not isinstance(value, dict):
        return [], whole
    if "v" in value:
        raise EnvelopeError("an envelope")
    records = value.get("Records")
    if isinstance(records, list) and records and all(isinstance(part, dict) for part in records):
        return records, whole
    return [value], whole


def _calls(app: App, queue: str, events: list[Event]) -> list[Call]:
    """The calls of all these events; none if there is one that no trigger reads."""
    calls: list[Call] = []
    for event in events:
        found = list(_readers(app, queue, event))
        if not found:
            return []
        calls += found
    return calls


def _readers(app: App, queue: str, event: Event) -> Iterator[Call]:
    """One call of each task that has a trigger for this event."""
    for task, triggers in _triggered(app, queue):
        for trigger in triggers:
            if trigger.reads(task.name, event):
                yield Call(task, trigger, event)
                break


def _triggered(app: App, queue: str) -> Iterator[tuple[Task[Any, Any, Any], tuple[Trigger, ...]]]:
    for task in app.tasks.values():
        if task.triggers and task.queue.name == queue:
            yield task, task.triggers


def _as_deliveries(app: App, delivery: Delivery, record: Event, calls: list[Call]) -> list[Delivery]:
    id, sent_at, group = _id(delivery, record), _sent_at(app, record), _group(record)
    made = []
    for number, (task, trigger, event) in enumerate(calls):
        one = id if len(calls) == 1 else f"{id}-{number}"
        try:
            args, kwargs = trigger.arguments(event)
            about = trigger.about(task.name, event)
        except EnvelopeError as error:
            return [_refused(delivery, f"task {task.name!r}, {trigger!r}: {error}")]
        if not within_depth([args, kwargs]):
            return [_refused(delivery, f"an event nested deeper than {MAX_DEPTH} levels")]
        fields: dict[str, Any] = {
            "id": one,
            "lineage": Lineage(about.get("id", one)),
            "enqueued_at": sent_at,
            "lane": min(delivery.lane, task.queue.lanes - 1),
            "group": group,
            **about,
        }
        made.append(Message(task=task.name, queue=task.queue.name, args=args, kwargs=kwargs, **fields))
    if len(made) == 1:
        return [delivery.read_as(made[0])]
    return [Delivery(message.encode(), message.queue, message.lane, delivery.receipt, 1) for message in made]


def _id(delivery: Delivery, record: Event) -> str:
    """The id under which its source knows it, so that a call has the same one however often it is delivered."""
    for name in ("messageId", "eventID"):
        id = record.get(name)
        if isinstance(id, str) and 0 < len(id) <= 150 and id.isprintable():
            return id
    return delivery.receipt[:150] if delivery.receipt.isprintable() and delivery.receipt else "event"


def _sent_at(app: App, record: Event) -> float:
    attributes, change = record.get("attributes"), record.get("dynamodb")
    if isinstance(attributes, Mapping):
        sent = attributes.get("SentTimestamp")
        if isinstance(sent, str) and sent.isascii() and sent.isdigit() and len(sent) < 15:
            return int(sent) / 1000
    if isinstance(change, Mapping):
        at = change.get("ApproximateCreationDateTime")
        if isinstance(at, (int, float)) and 0 <= at <= _END:
            return float(at)
    return app.now()


def _group(record: Event) -> str | None:
    attributes = record.get("attributes")
    group = attributes.get("MessageGroupId") if isinstance(attributes, Mapping) else None
    return group if isinstance(group, str) and 0 < len(group) <= 128 and group.isprintable() else None


def _why(app: App, queue: str, events: list[Event], no_envelope: str) -> str:
    """Why nobody reads them: what it is, what was tried, and what came nearest."""
    tried = [(task, trigger) for task, triggers in _triggered(app, queue) for trigger in triggers]
    if not tried:
        return f"{no_envelope or 'no envelope'}; and no task of queue {queue!r} has a trigger for events"
    if not events:
        return f"{no_envelope}; and none of the {len(tried)} triggers of queue {queue!r} takes bare messages"
    event = next((event for event in events if not any(_readers(app, queue, event))), events[0])
    said = f"no trigger of queue {queue!r} reads {_described(event)}"
    misses = [(trigger.miss(task.name, event) or Miss(0, ""), task.name, trigger) for task, trigger in tried]
    miss, task, trigger = max(misses, key=lambda one: one[0].near)
    if not miss.near:
        shown = ", ".join(f"task {task.name!r}: {trigger!r:.120}" for task, trigger in tried[:_SHOWN])
        more = f" and {len(tried) - _SHOWN} more" if len(tried) > _SHOWN else ""
        return f"{said}; tried {shown}{more}"
    others = f" ({len(tried) - 1} more were tried)" if len(tried) > 1 else ""
    return f"{said}; nearest is task {task!r}, {trigger!r:.150}: {miss.reason}{others}"


def _described(event: Event) -> str:
    """The event in a few printable words."""
    told = [
        f"{name} {ascii(event[name])[:100]}"
        for name in ("eventSource", "eventName", "source", "detail-type", "Type", "TopicArn", "schedule", "task")
        if isinstance(event.get(name), str)
    ]
    if told:
        return f"an event with {', '.join(told)[:300]}"
    names = ", ".join(ascii(name)[:30] for name in list(event)[:5])
    return f"an object with {names}" if names else "an empty object"
