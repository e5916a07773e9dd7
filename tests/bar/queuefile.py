"""Looking at a queue file from outside, with nothing but sqlite3: what a row's verdict rests on."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from ebbtide.brokers.sqlite.schema import DEAD, DELAYED, DONE, READY, RUNNING
from ebbtide.message import Lineage, Message
from ebbtide.result import Report, Status, TaskError

STATES = {DELAYED: "delayed", READY: "ready", RUNNING: "running", DONE: "done", DEAD: "dead"}


class Row(NamedTuple):
    """What stands in the file of one task."""

    state: str
    attempt: int


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards, even if a process that was just killed still writes its last into it."""
    with TemporaryDirectory(prefix="bar-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def call(id: str, queue: str = "default", task: str = "work", **more: Any) -> Message:
    """A message of this task, enqueued now unless told otherwise."""
    return Message(id, task, queue, Lineage(id), more.pop("enqueued_at", time.time()), **more)


def report(id: str, keep: float = 1000.0, error: str | None = None) -> Report:
    """What a worker says of one attempt: it succeeded, or it failed with this error."""
    now = time.time()
    failure = None if error is None else TaskError("builtins.ValueError", error, "", 1)
    status = Status.SUCCESSFUL if error is None else Status.FAILED
    return Report(id, "work", status, 1, keep, now, now, now, "null", failure)


def query(path: Path, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of one statement."""
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        return connection.execute(sql, parameters).fetchall()


def rows(path: Path) -> dict[str, Row]:
    """Every task in the file by id."""
    found = query(path, "select id, state, attempt from tasks")
    return {id: Row(STATES[state], attempt) for id, state, attempt in found}


def damage(path: Path) -> list[str]:
    """What SQLite's integrity check finds."""
    found = [text for (text,) in query(path, "pragma integrity_check")]
    return [] if found == ["ok"] else [f"integrity_check: {text}" for text in found]


def stray_keys(path: Path) -> list[str]:
    """Keys held by a task that is not there."""
    held = query(path, "select k.key, k.id from keys as k left join tasks as t on t.id = k.id where t.id is null")
    return [f"key {key!r} is held by {id}, which is not stored" for key, id in held]
