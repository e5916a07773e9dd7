"""What the file's keys are about: the app's tasks with a managed queue, and the routes of its API."""

from __future__ import annotations

from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.resolved import Resolved
from ebbtide.triggers.http import Http


def queued(app: DoorApp) -> dict[str, Resolved]:
    """The tasks that have a managed queue, by id."""
    return {task: one for task, one in app.declared.items() if one.declared.queued}


def routes(app: DoorApp) -> dict[str, tuple[str, int]]:
    """The routes of the app's API, as `GET /orders`: each with its task, and which of the task's triggers it is."""
    return {
        f"{trigger.method} {trigger.path}": (task.name, number)
        for task in app.tasks.values()
        for number, trigger in enumerate(task.triggers)
        if isinstance(trigger, Http)
    }
