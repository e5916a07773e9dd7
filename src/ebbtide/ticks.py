"""Ticks: what a broker remembers of schedules, so that each tick is fired once, by whichever process comes first.

A schedule has a cursor: when it was first seen, and the last tick that was fired or passed over. To fire a tick is to
store its message and to move the cursor, as one write, if nobody else has moved it meanwhile.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ebbtide import strictjson
from ebbtide.message import Message
from ebbtide.task import Task
from ebbtide.trigger import Timed


class Cursor(NamedTuple):
    """How far a schedule has come, in seconds since 1970: when it was first seen, and its last tick if it had one."""

    anchor: float
    fired: float | None = None

    @property
    def reached(self) -> float:
        """Every tick up to then is done with."""
        return self.anchor if self.fired is None else self.fired


class Ticks(ABC):
    """Port: a broker that remembers schedules."""

    @abstractmethod
    def cursor(self, name: str, now: float) -> Cursor:
        """The cursor of this schedule; on first sight one is stored with `now` as its anchor."""

    @abstractmethod
    def cursors(self, names: Iterable[str]) -> dict[str, Cursor]:
        """The cursors of those of these schedules that have been seen; stores nothing."""

    @abstractmethod
    def fire(self, name: str, seen: Cursor, tick: float, messages: Sequence[Message]) -> bool:
        """Store the messages and move the cursor to `tick`, both or neither; False if it is no longer as `seen`."""


class Scheduled(NamedTuple):
    """One schedule of one task. name: that of its cursor: task, expression, zone, and a digest of any arguments."""

    name: str
    task: Task[Any, Any, Any]
    trigger: Timed


def schedules(tasks: Mapping[str, Task[Any, Any, Any]]) -> list[Scheduled]:
    """Every schedule of these tasks, by task and in the order declared; two that are the same are one.

    Raises ArgumentError for arguments that do not fit the task.
    """
    found: dict[str, Scheduled] = {}
    for task in sorted(tasks.values(), key=lambda task: task.name):
        for trigger in task.triggers:
            if isinstance(trigger, Timed):
                name = f"{task.name}@{trigger.name}{_digest(task, trigger)}"
                found.setdefault(name, Scheduled(name, task, trigger))
    return list(found.values())


def _digest(task: Task[Any, Any, Any], trigger: Timed) -> str:
    _, keywords = task.signature.pack((), trigger.keywords)
    text = strictjson.dumps(dict(sorted(keywords.items())))
    return f" #{hashlib.sha256(text.encode()).hexdigest()[:12]}" if keywords else ""
