"""Where a task, a queue or a setting is declared: file and line, to go there."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ebbtide.app import App
from ebbtide.deploy.checks.finding import Finding
from ebbtide.deploy.settings import Settings
from ebbtide.task import Task

UNKNOWN = ("?", 0)
Place = tuple[str, int]


class Subjects(NamedTuple):
    """Makes findings on what one app declares."""

    app: App
    stage: str
    settings: Settings
    queues: Mapping[str, Place]

    def task(self, name: str, message: str, cure: str, *, error: bool = True) -> Finding:
        """On a task."""
        return Finding(f"task {name!r}", *_of_task(self.app.tasks[name]), message, cure, error)

    def queue(self, name: str, message: str, cure: str, *, error: bool = True) -> Finding:
        """On a queue: where it is declared, or else its first task."""
        return Finding(f"queue {name!r}", *self.queues.get(name, self._first(name)), message, cure, error)

    def whole(self, message: str, cure: str, *, error: bool = True) -> Finding:
        """On the app: where it is declared, or else its first task."""
        place = self.queues.get("", self._first(None))
        return Finding(f"app {self.app.name!r}", *place, message, cure, error)

    def setting(self, queue: str, path: tuple[str, ...], message: str, cure: str, *, error: bool = True) -> Finding:
        """On what the settings say of a queue's function, or of the whole app if queue is ""."""
        subject = f"queue {queue!r}" if queue else f"app {self.app.name!r}"
        for level in self._levels(queue):
            if (*level, *path) in self.settings.lines:
                line = self.settings.lines[(*level, *path)]
                named = f"task {level[1]!r}" if level[:1] == ("task",) else subject
                return Finding(named, self.settings.source, line, message, cure, error)
        found = self.queue(queue, message, cure, error=error) if queue else self.whole(message, cure, error=error)
        return found

    def _levels(self, queue: str) -> Iterator[tuple[str, ...]]:
        tasks = [("task", task.name) for task in self.app.tasks.values() if task.queue.name == queue]
        for own in (*tasks, *([("queue", queue)] if queue else []), ()):
            yield (*own, "stage", self.stage)
            yield own

    def _first(self, queue: str | None) -> Place:
        tasks = (task for task in self.app.tasks.values() if queue in (None, task.queue.name))
        return next((_of_task(task) for task in tasks), UNKNOWN)


def subjects(app: App, stage: str, settings: Settings) -> Subjects:
    """All that findings can be about."""
    return Subjects(app, stage, settings, _declared(app))


def _of_task(task: Task[Any, Any, Any]) -> Place:
    code = inspect.unwrap(task.function).__code__
    return _shown(code.co_filename), code.co_firstlineno


def _shown(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _declared(app: App) -> dict[str, Place]:
    """Where `Queue("name", ...)` stands, by name, and under "" where the App does, in the files that hold tasks."""
    found: dict[str, Place] = {}
    for file in sorted({inspect.unwrap(task.function).__code__.co_filename for task in app.tasks.values()}):
        for node in _calls(Path(file)):
            kind = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "name")]
            name = given[0].value if given and isinstance(given[0], ast.Constant) else None
            if kind == "Queue" and isinstance(name, str):
                found.setdefault(name, (_shown(file), node.lineno))
            elif kind == "App" and name == app.name:
                found.setdefault("", (_shown(file), node.lineno))
    return found


def _calls(file: Path) -> Iterator[ast.Call]:
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (OSError, ValueError, SyntaxError):  # made without a file, as in a console
        return
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))
