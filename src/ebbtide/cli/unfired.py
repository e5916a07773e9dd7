"""Triggers that nothing on the embedded engine fires, told where somebody may wait for them in vain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ebbtide.app import App
from ebbtide.ticks import Ticks
from ebbtide.triggers.event_source import EventSource


class Unfired(NamedTuple):
    """One of them, and its task."""

    task: str
    trigger: str

    def __str__(self) -> str:
        return (
            f"task {self.task}: {self.trigger} is not there on the embedded engine; enqueue it by hand, or run "
            "`ebbtide rehearse`"
        )


def of_tasks(app: App) -> Iterator[Unfired]:
    """Those of an app, by task."""
    for task in sorted(app.tasks.values(), key=lambda task: task.name):
        for trigger in task.triggers:
            if isinstance(trigger, EventSource):
                yield Unfired(task.name, repr(trigger))


def here(app: App, queues: list[str]) -> list[Unfired]:
    """Those of the tasks in these queues, if the app's broker is an embedded one."""
    if not isinstance(app.broker, Ticks):
        return []
    return [unfired for unfired in of_tasks(app) if app.tasks[unfired.task].queue.name in queues]
