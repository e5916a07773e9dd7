"""The event of this name."""

from ebbtide.contrib.async_lambda.events.base import ScheduledEvent

__all__ = ["ScheduledEvent"]
