"""The event of this name."""

from ebbtide.contrib.async_lambda.events.managed import ManagedSQSEvent

__all__ = ["ManagedSQSEvent"]
