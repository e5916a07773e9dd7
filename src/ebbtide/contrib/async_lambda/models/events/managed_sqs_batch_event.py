"""The event of this name."""

from ebbtide.contrib.async_lambda.events.managed import ManagedSQSBatchEvent

__all__ = ["ManagedSQSBatchEvent"]
