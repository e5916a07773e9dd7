"""What a record of SQS says beside its body, as Lambda hands it over and a worker builds it alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ebbtide.triggers.event_source import Event, member, text

_END = 253_402_300_799
"""The last second of the year 9999."""


def is_record(event: Event) -> bool:
    """Whether it is one, with a body."""
    return event.get("eventSource") == "aws:sqs" and isinstance(event.get("body"), str)


def sent_at(event: Event) -> str | None:
    """When it was sent, in ISO 8601."""
    sent = text(member(event, "attributes", "SentTimestamp"))
    return moment(int(sent) / 1000) if sent and sent.isascii() and sent.isdigit() and len(sent) < 15 else None


def moment(seconds: object) -> str | None:
    """A time in seconds since 1970 as ISO 8601, UTC."""
    if not isinstance(seconds, (int, float)) or not 0 <= seconds <= _END:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def attributes(event: Event) -> dict[str, Any]:
    """The message's own attributes by name: text; numbers as their text, binary ones as base64."""
    return {name: _value(one) for name, one in _members(event.get("messageAttributes"))}


def _members(value: object) -> list[tuple[str, Mapping[str, Any]]]:
    found = value.items() if isinstance(value, Mapping) else ()
    return [(name, one) for name, one in found if isinstance(name, str) and isinstance(one, Mapping)]


def _value(one: Mapping[str, Any]) -> str:
    found = (text(one.get(name)) for name in ("stringValue", "binaryValue", "Value"))
    return next((value for value in found if value is not None), "")


def wrapped_attributes(notification: Event) -> dict[str, Any]:
    """The attributes that stand in a notification of SNS."""
    return {name: _value(one) for name, one in _members(notification.get("MessageAttributes"))}
