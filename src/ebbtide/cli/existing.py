"""What an app's triggers expect to be there already, and a rehearsal must therefore make."""

from __future__ import annotations

from collections.abc import Iterator

from ebbtide.app import App
from ebbtide.deploy.rehearsal.standins import Existing
from ebbtide.triggers.bucket import Bucket
from ebbtide.triggers.foreign_queue import ForeignQueue
from ebbtide.triggers.table_stream import TableStream
from ebbtide.triggers.topic import Topic


def existing_of(app: App) -> list[Existing]:
    """The queues, topics, buckets and tables that the app's triggers name and the template does not make."""
    return [thing for task in app.tasks.values() for trigger in task.triggers for thing in _named(trigger)]


def _named(trigger: object) -> Iterator[Existing]:
    if isinstance(trigger, Bucket) and trigger.existing:
        yield Existing("bucket", trigger.name)
    elif isinstance(trigger, Topic) and trigger.existing:
        yield Existing("topic", trigger.name)
    elif isinstance(trigger, ForeignQueue) and trigger.existing:
        yield Existing("queue", trigger.existing)
    elif isinstance(trigger, TableStream) and trigger.existing:
        yield Existing("table", trigger.existing)
