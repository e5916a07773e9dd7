"""What a container loads while it starts, when it has more processor than later: AWS's library, if it will be needed.

Lambda gives a function of 1,769 MB one processor, and of 128 MB a fourteenth; a start has more. So what is loaded at
the first message that is sent takes that much longer. Yet a task that never needs it shall not wait for it. Whether a
queue keeps results is written down. Whether a task sends, its code tells: it names what sends, or a function of its
module does that it names. What is hidden better is loaded when it is needed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import CodeType
from typing import Any, cast

from ebbtide.app import App
from ebbtide.errors import StorageError
from ebbtide.on_lambda.queued import Mapped

SENDING = frozenset({"enqueue", "aenqueue", "enqueue_many", "async_invoke", "async_invoke_batch"})


def warm_up(app: App, queue: str) -> None:
    """Make the clients that this queue's tasks will need. What AWS has against it is told when there is something to
    do."""
    services = list(needed(app, queue))
    if services and hasattr(app.broker, "warm"):
        with suppress(StorageError):
            for service in services:
                cast(Mapped, app.broker).warm(service)


def needed(app: App, queue: str) -> Iterator[str]:
    """The services of AWS that this queue's tasks will need, by botocore's names for them."""
    if app.queues[queue].results:
        yield "dynamodb"
    if any(sends(task.function) for task in app.tasks.values() if task.queue.name == queue):
        yield "sqs"


def sends(function: Callable[..., Any]) -> bool:
    """Whether a function names what sends messages, or a function of its own module does that it names."""
    seen, left = set[CodeType](), [function]
    while left:
        one = inspect.unwrap(left.pop())
        code = getattr(one, "__code__", None)
        if not isinstance(code, CodeType) or code in seen:
            continue
        seen.add(code)
        names = set(_names(code))
        if names & SENDING:
            return True
        beside = (getattr(one, "__globals__", {}).get(name) for name in names)
        left += [other for other in beside if inspect.isfunction(other) and other.__module__ == one.__module__]
    return False


def _names(code: CodeType) -> Iterator[str]:
    """All names in it and in what is defined within."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)
