"""What tests of event triggers share: samples of AWS's events, and what an app makes of one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ebbtide import App, Delivery
from ebbtide.errors import EnvelopeError
from ebbtide.events import deliveries
from ebbtide.physical import Place
from ebbtide.trigger import Target

SAMPLES = Path(__file__).parents[1] / "events"

RECORD: dict[str, Any] = {
    "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
    "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1800000000250"},
    "messageAttributes": {},
    "eventSource": "aws:sqs",
    "eventSourceARN": "arn:aws:sqs:us-west-2:123456789012:shop-prod-default",
}

Calls = list[tuple[str, list[Any], dict[str, Any]]]


def sample(name: str) -> Any:
    """An event as AWS writes it."""
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def delivery(body: Any, queue: str = "default", lane: int = 0) -> Delivery:
    """A delivery of these bytes, or of this as JSON."""
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery(octets, queue, lane, "receipt-1", attempt=1)


def read(app: App, body: Any, queue: str = "default", record: Mapping[str, Any] | None = None) -> list[Delivery]:
    """What comes of a body on a queue of the stage's own."""
    return deliveries(app, delivery(body, queue), RECORD if record is None else record)


def foreign(app: App, record: Mapping[str, Any], queue: str = "default") -> list[Delivery]:
    """What comes of a record from elsewhere, handed to the function of this queue."""
    body = str(record.get("body", "")).encode("utf-8", "surrogatepass")
    return deliveries(app, delivery(body, queue), record, own=False)


def calls(app: App, found: list[Delivery]) -> Calls:
    """Task and arguments of each, as the functions get them."""
    made = []
    for one in found:
        message = one.message
        made.append((message.task, *app.tasks[message.task].signature.unpack(message.args, message.kwargs)))
    return made


def reason(found: list[Delivery]) -> str:
    """Why the only delivery of these cannot be run."""
    (one,) = found
    with pytest.raises(EnvelopeError) as refused:
        _ = one.message
    return str(refused.value)


def target(task: str = "ingest", fifo: bool = False, number: int = 0) -> Target:
    """Where events are to go, with ids as a template has them."""
    id = f"{task.capitalize()}Task{number}"
    place = Place("shop", "prod")
    return Target(id, place, "DefaultQueue", "DefaultFunction", fifo, task, "Role", "Group", "DeadLetters")
