"""`Defer`: a value that is computed when it is first asked for, once in each process.

    settings = Defer(read_settings, "prod")

    @app.async_task("Task", init_tasks=[settings.execute])
    def task(event: ManagedSQSEvent) -> None:
        settings.value["limit"]

With `init_tasks` it is there before the first message, and only in the functions that need it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import RLock
from typing import Any, Generic, ParamSpec, TypeVar
from weakref import WeakSet

P = ParamSpec("P")
T = TypeVar("T")


class Defer(Generic[P, T]):
    """A call put off: `value` makes it when it is first needed, keeps what it returned, and gives that ever after.

    Threads that ask at once wait for one call. If it raises, the error goes to who asked, and the next one tries again.

    "Once" means once a process. A fork made afterwards inherits the value, and shares what it holds: a connection
    opened before a fork must not be used on both sides. A SnapStart snapshot is like that: what INIT computed (by
    `init_tasks`, say) is the same in every environment restored from it, however much later. Connections are dead
    then, credentials expired, and "random" values all alike; leave those to the first `value` inside the task.
    """

    def __init__(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
        self._call: Callable[[], T] = lambda: func(*args, **kwargs)
        self._lock = RLock()  # one that may be taken again: a function that asks for its own value shall not hang
        self._kept: tuple[T] | None = None
        _all.add(self)

    @property
    def value(self) -> T:
        """What the function returned; calls it if it has not been called yet. Raises what it raises."""
        kept = self._kept
        if kept is None:
            with self._lock:
                kept = self._kept
                if kept is None:
                    kept = self._kept = (self._call(),)
        return kept[0]

    def execute(self) -> T:
        """The same as `value`, as something to call: `init_tasks=[settings.execute]`."""
        return self.value


_all: WeakSet[Any] = WeakSet()


def _new_locks() -> None:
    """In a forked child: the thread that held a lock in the parent is not here to release it."""
    for deferred in _all:
        deferred._lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_locks)
