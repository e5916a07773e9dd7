"""The event of this name."""

from ebbtide.contrib.async_lambda.events.base import BaseEvent

__all__ = ["BaseEvent"]
