"""What SQS says of a message beside its body: the members that every queue's event has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ebbtide.contrib.async_lambda.events.base import BaseEvent

Record = Mapping[str, Any]
"""One of the `Records` of Lambda's event."""


def records_of(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The records in Lambda's event."""
    return event.get("Records") or []


class SQSEvent(BaseEvent):
    """An event made of one message. What the record does not tell is "", {} or None."""

    message_id: str
    receipt_handle: str
    attributes: dict[str, str]
    """`ApproximateReceiveCount`, `SentTimestamp` (milliseconds since 1970) and so on, all as text."""
    message_attributes: dict[str, Any]
    md5_of_body: str
    event_source: str
    event_source_arn: str
    """The queue's: it tells the lane."""
    aws_region: str
    message_group_id: str | None

    def _read(self, record: Record) -> None:
        self.message_id = record.get("messageId") or ""
        self.receipt_handle = record.get("receiptHandle") or ""
        self.attributes = record.get("attributes") or {}
        self.message_attributes = record.get("messageAttributes") or {}
        self.md5_of_body = record.get("md5OfBody") or ""
        self.event_source = record.get("eventSource") or ""
        self.event_source_arn = record.get("eventSourceARN") or ""
        self.aws_region = record.get("awsRegion") or ""
        self.message_group_id = self.attributes.get("MessageGroupId")
