"""A message of a queue that the app does not own."""

from __future__ import annotations

import json
from typing import Any

from ebbtide.contrib.async_lambda.events.record import SQSEvent, records_of


class UnmanagedSQSEvent(SQSEvent):
    """One message, its body as somebody wrote it."""

    body: str

    def __init__(self, event: dict[str, Any] | None = None, context: Any = None, task: object = None) -> None:
        super().__init__(event, context, task)
        record = next(iter(records_of(self._event)), {})
        self._read(record)
        self.body = record.get("body") or ""

    def json(self) -> Any:
        """The body's value. Raises json.JSONDecodeError, a ValueError, if the body is not JSON."""
        return json.loads(self.body)

    def __str__(self) -> str:
        return self.body
