"""What stands on the door's queues: async-lambda's envelope, with our own inside it.

    {"source_task_id": "A", "destination_task_id": "B", "invocation_id": "...", "payload": "{\"foo\": 1}",
     "ebbtide": {...}}

The payload is JSON within JSON; a large one is in the payload bucket, with `s3_payload_key` in its place. `ebbtide` is
our envelope less its arguments: lineage, for the loop guard, and all else that async-lambda has no word for. Its own
consumer passes over it, and ours does without where it is missing, so either reads what the other wrote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ebbtide import strictjson
from ebbtide.errors import EnvelopeError
from ebbtide.message import Message

SOURCE = "async-lambda-source"
DESTINATION = "async-lambda-destination"
INVOCATION = "async-lambda-invocation"
S3_KEY = "async-lambda-s3-key"
RECORD = "async-lambda-record"
"""Headers of a message that say what its envelope says beside the payload; the last one is SQS's record, as JSON."""

OWN = (SOURCE, DESTINATION, INVOCATION, S3_KEY, RECORD)

_TEXTS = ("destination_task_id", "invocation_id")


class Envelope(NamedTuple):
    """One envelope. payload: JSON text, or None; s3_key: of the object that holds it then. ours: our own envelope, if
    we wrote it; source_app: the other app that did."""

    source: str | None
    destination: str
    invocation: str
    payload: str | None
    s3_key: str | None = None
    source_app: str | None = None
    ours: Message | None = None

    def encode(self) -> bytes:
        """As it stands on a queue: ASCII JSON."""
        members: dict[str, Any] = {
            "source_task_id": self.source,
            "destination_task_id": self.destination,
            "invocation_id": self.invocation,
        }
        members |= {"s3_payload_key": self.s3_key} if self.s3_key else {"payload": self.payload}
        members |= {"source_app": self.source_app} if self.source_app else {}
        text = strictjson.dumps(members)
        return (f'{text[:-1]},"ebbtide":{_less(self.ours)}}}' if self.ours else text).encode("ascii")

    @property
    def headers(self) -> dict[str, str]:
        """What it says beside the payload, as headers of our message."""
        told = {SOURCE: self.source, DESTINATION: self.destination, INVOCATION: self.invocation, S3_KEY: self.s3_key}
        return {name: text for name, text in told.items() if text is not None}


def decode(body: str) -> Envelope | None:
    """The envelope in a body; None if it is none. Raises EnvelopeError for a broken one."""
    try:
        members = json.loads(body) if '"destination_task_id"' in body else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict) or not ("payload" in members or "s3_payload_key" in members):
        return None
    for name in _TEXTS:
        if not isinstance(members.get(name), str):
            raise EnvelopeError(f"async-lambda's envelope has {name} = {ascii(members.get(name))[:60]}: text expected")
    return Envelope(
        _text(members, "source_task_id"),
        members["destination_task_id"],
        members["invocation_id"],
        _text(members, "payload"),
        _text(members, "s3_payload_key"),
        _text(members, "source_app"),
        _ours(members.get("ebbtide")),
    )


def _text(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value is None or isinstance(value, str):
        return value
    raise EnvelopeError(f"async-lambda's envelope has {name} = {ascii(value)[:60]}: text expected")


def _less(message: Message) -> str:
    """Our envelope without what stands in async-lambda's own."""
    headers = {name: text for name, text in message.headers.items() if name not in OWN}
    return replace(message, args=[], kwargs={}, headers=headers).encode().decode("ascii")


def _ours(value: Any) -> Message | None:
    try:
        text = strictjson.dumps(value)
    except (ValueError, RecursionError) as error:  # such as NaN, which async-lambda's side of an envelope may have
        raise EnvelopeError(f"async-lambda's envelope has a member ebbtide that is none of ours: {error}") from None
    return None if value is None else Message.decode(text.encode("ascii"))
