"""Changes in a DynamoDB table, as its stream tells them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ebbtide.contrib.async_lambda.events.base import BaseEvent
from ebbtide.contrib.async_lambda.events.record import records_of

Item = dict[str, dict[str, Any]]
"""An item in DynamoDB's JSON: `{"id": {"S": "1"}, "count": {"N": "3"}}`."""


class DynamoDBRecord(BaseEvent):
    """One change. The images are there if the stream's view type has them, and there is something to show."""

    new_image: Item | None
    old_image: Item | None
    keys: Item
    event_name: str
    """INSERT, MODIFY or REMOVE."""
    event_id: str
    sequence_number: str
    event_source_arn: str
    """The stream's."""
    aws_region: str

    def __init__(self, event: dict[str, Any] | None = None, context: Any = None, task: object = None) -> None:
        super().__init__(event, context, task)
        change = self._event.get("dynamodb") or {}
        self.new_image = change.get("NewImage")
        self.old_image = change.get("OldImage")
        self.keys = change.get("Keys") or {}
        self.event_name = self._event.get("eventName") or ""
        self.event_id = self._event.get("eventID") or ""
        self.sequence_number = change.get("SequenceNumber") or ""
        self.event_source_arn = self._event.get("eventSourceARN") or ""
        self.aws_region = self._event.get("awsRegion") or ""


class DynamoDBEvent(BaseEvent):
    """Changes in their order: iterable, with a length."""

    records: list[DynamoDBRecord]

    def __init__(self, event: dict[str, Any] | None = None, context: Any = None, task: object = None) -> None:
        super().__init__(event, context, task)
        self.records = [DynamoDBRecord(record, context) for record in records_of(self._event)]

    def __iter__(self) -> Iterator[DynamoDBRecord]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)
