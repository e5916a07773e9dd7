"""From what is written to a stage's Settings: every key looked at, the levels laid over one another.

The nearer level wins: app, stage, queue, the queue's stage, task, the task's stage. Tasks of one queue share its
function, so they may add to one another, but not disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import reduce
from itertools import combinations
from pathlib import Path as File
from typing import Any

from ebbtide.app import App
from ebbtide.deploy.settings.file import Written, written
from ebbtide.deploy.settings.keys import KEYS, LEVELS
from ebbtide.deploy.settings.kinds import Wrong, wrong
from ebbtide.deploy.settings.merge import Path, clashes, merge
from ebbtide.deploy.settings.values import Api, Configured, FunctionSettings, Settings
from ebbtide.errors import DeclarationError
from ebbtide.names import nearest
from ebbtide.physical import stage_name
from ebbtide.queue import Queue

Table = Mapping[str, Any]

_IN_CODE = {field.name for field in fields(Queue)}
_NARROW = {name: key for name, key in KEYS.items() if not key.wide}


def settings_of(app: App, stage: str, folder: File) -> Settings:
    """The settings of one stage, from the files in `folder`, or from the app if it brings them; else the defaults.

    Raises DeclarationError with all that is wrong, each with its file and line.
    """
    stage_name(stage)
    if isinstance(app, Configured):
        return app.settings(stage, folder)
    given = written(folder)
    given.refuse(_whole(given.content, app))
    given.refuse(_disagreements(given, app, stage))
    at_stage = merge(_said(given.content), _said(_level(given.content, "stage", stage)))
    wide = {name: value for name, value in at_stage.items() if KEYS[name].wide}
    functions = {queue: _function(merge(at_stage, _nearer(given.content, app, queue, stage))) for queue in app.queues}
    return Settings(
        **{**wide, "api": Api(**wide.get("api", {}))},
        everywhere=_function(at_stage),
        queues=functions,
        source=given.file,
        lines={
            path[len(given.above) :]: line
            for path, line in given.lines.items()
            if path[: len(given.above)] == given.above
        },
    )


def _function(said: Table) -> FunctionSettings:
    return FunctionSettings(**{name: value for name, value in said.items() if name in _NARROW})


def _nearer(content: Table, app: App, queue: str, stage: str) -> Table:
    """What is said nearer than the stage."""
    levels = [_own(content, "queue", queue, stage)]
    levels += [_own(content, "task", task.name, stage) for task in app.tasks.values() if task.queue.name == queue]
    return reduce(merge, levels)


def _own(content: Table, level: str, name: str, stage: str) -> Table:
    own = _level(content, level, name)
    merged: Table = merge(_said(own), _said(_level(own, "stage", stage)))
    return merged


def _said(table: Table) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name in KEYS}


def _level(table: Table, level: str, name: str) -> Table:
    found: Table = table.get(level, {}).get(name, {})
    return found


# What is wrong


def _whole(content: Any, app: App) -> Iterator[Wrong]:
    if not isinstance(content, dict):
        yield Wrong((), "a table expected")
        return
    yield from _keys(content, (), LEVELS, wide=True)
    for name, own in _tables(content, "stage"):
        yield from _stage(name, own, ("stage", name), wide=True)
    for level, known in (("queue", app.queues), ("task", app.tasks)):
        for name, own in _tables(content, level):
            path = (level, name)
            if name not in known:
                yield Wrong(path, f"app {app.name!r} has no {level} {name!r}.{nearest(name, known)}")
            yield from _keys(own, path, ("stage",), wide=False)
            for stage, nearest_level in _tables(own, "stage"):
                yield from _stage(stage, nearest_level, (*path, "stage", stage), wide=False)


def _stage(name: str, own: Any, path: Path, wide: bool) -> Iterator[Wrong]:
    try:
        stage_name(name)
    except DeclarationError as error:
        yield Wrong(path, str(error))
    yield from _keys(own, path, (), wide)


def _keys(table: Any, path: Path, levels: Sequence[str], wide: bool) -> Iterator[Wrong]:
    if not isinstance(table, dict):
        yield Wrong(path, f"{'.'.join(path)} must be a table, as [{'.'.join(path)}]")
        return
    known = [*(KEYS if wide else _NARROW), *levels]
    for name, value in table.items():
        here = (*path, name)
        if name in levels:
            if not isinstance(value, dict):
                yield Wrong(here, f"{name} = ... must be a table, as [{'.'.join(here)}.NAME]")
        elif name in KEYS and KEYS[name].wide and not wide:
            yield Wrong(here, f"{name!r} is for the whole app; say it at the top of the file or in [stage.NAME]")
        elif name not in known and name in _IN_CODE:
            queue = path[1] if path[:1] == ("queue",) else "..."
            yield Wrong(here, f"{name!r} is said in the code: Queue({queue!r}, {name}=...)")
        elif name not in known:
            yield Wrong(here, f"unknown key {name!r}.{nearest(name, known)}")
        else:
            yield from wrong(KEYS[name].kind, value, here)


def _tables(table: Any, level: str) -> list[tuple[str, Any]]:
    inner = table.get(level) if isinstance(table, dict) else None
    return list(inner.items()) if isinstance(inner, dict) else []


def _disagreements(given: Written, app: App, stage: str) -> Iterator[Wrong]:
    for queue in app.queues:
        tasks = [task.name for task in app.tasks.values() if task.queue.name == queue]
        for one, other in combinations([task for task in tasks if task in given.content.get("task", {})], 2):
            for path, _, _ in clashes(
                _own(given.content, "task", one, stage), _own(given.content, "task", other, stage)
            ):
                places = [_where(given.content, task, stage, path) for task in (one, other)]
                lines = " and ".join(map(given.where, places))  # and not what they say, which may be nobody's business
                yield Wrong(
                    places[1],
                    f"tasks {one!r} and {other!r} share queue {queue!r} and its function, but disagree on "
                    f"{'.'.join(path)} ({lines}); say it once in [queue.{queue}], or give one a queue of its own",
                )


def _where(content: Table, task: str, stage: str, path: Path) -> Path:
    at_stage: Any = _level(_level(content, "task", task), "stage", stage)
    for part in path:
        at_stage = at_stage.get(part) if isinstance(at_stage, dict) else None
    return ("task", task, *(("stage", stage) if at_stage is not None else ()), *path)
