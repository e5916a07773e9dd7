"""The event of this name."""

from ebbtide.contrib.async_lambda.events.unmanaged import UnmanagedSQSEvent

__all__ = ["UnmanagedSQSEvent"]
