"""The event of this name."""

from ebbtide.contrib.async_lambda.events.api import APIEvent

__all__ = ["APIEvent"]
