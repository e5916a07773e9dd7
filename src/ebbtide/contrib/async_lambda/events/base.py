"""What all events have: the event and the context as Lambda hands them to a function."""

from __future__ import annotations

from typing import Any


class BaseEvent:
    """An event, made in a test as async-lambda's are: `APIEvent({"path": "/"}, context, task)`.

    The event alone is needed, not even that in full. The task is accepted for the sake of such tests, and not kept.
    """

    def __init__(self, event: dict[str, Any] | None = None, context: Any = None, task: object = None) -> None:
        self._event: dict[str, Any] = {} if event is None else event
        self._context = context

    @property
    def event(self) -> dict[str, Any]:
        """The event as it came."""
        return self._event

    @property
    def context(self) -> Any:
        """Lambda's context, or where no Lambda made one, a `LambdaContext` with the same names."""
        return self._context

    def get_raw_event(self) -> dict[str, Any]:
        """The event as it came."""
        return self.event

    def get_raw_context(self) -> Any:
        """The same as `context`."""
        return self.context


class ScheduledEvent(BaseEvent):
    """A schedule's time has come. It says nothing else."""
