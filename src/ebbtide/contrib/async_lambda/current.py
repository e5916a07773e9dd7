"""What runs here and now, as the core's delivery tells it: each coroutine sees its own, and so does each thread, but
for those that a task begins by itself."""

from __future__ import annotations

from ebbtide.broker import here as delivery_here
from ebbtide.contrib.async_lambda.wire import INVOCATION


def task_id() -> str | None:
    """The id of the task."""
    here = delivery_here()
    return here.message.task if here else None


def lane() -> int:
    """The lane, 0 outside of a task."""
    here = delivery_here()
    return here.lane if here else 0


def group() -> str | None:
    """The message group."""
    here = delivery_here()
    return here.message.group if here else None


def invocation_id() -> str | None:
    """The invocation id, which a chain of invocations shares."""
    here = delivery_here()
    return here.message.headers.get(INVOCATION) if here else None
