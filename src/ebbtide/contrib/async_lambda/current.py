"""What runs here and now, as the core's delivery tells it: each thread and each coroutine sees its own."""

from __future__ import annotations

from ebbtide.broker import Delivery
from ebbtide.broker import current as delivery_here
from ebbtide.contrib.async_lambda.wire import INVOCATION


def _delivery() -> Delivery | None:
    return delivery_here.get()


def task_id() -> str | None:
    """The id of the task."""
    here = _delivery()
    return here.message.task if here else None


def lane() -> int:
    """The lane, 0 outside of a task."""
    here = _delivery()
    return here.lane if here else 0


def group() -> str | None:
    """The message group."""
    here = _delivery()
    return here.message.group if here else None


def invocation_id() -> str | None:
    """The invocation id, which a chain of invocations shares."""
    here = _delivery()
    return here.message.headers.get(INVOCATION) if here else None
