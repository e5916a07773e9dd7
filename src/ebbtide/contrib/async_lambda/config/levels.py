"""The levels of the file, app, stage, task and the task's stage, and how one is laid over another.

What is nearer adds to what is farther, or wins where both cannot be; nothing is destroyed, nothing that was read is
changed, and no task sees what is said of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import chain
from typing import Any, NamedTuple

from ebbtide.contrib.async_lambda.config.stages import table
from ebbtide.deploy.settings.merge import Path, merge, without_repeats

Json = dict[str, Any]
Rule = Callable[[Sequence[Any]], Any]


def update(values: Sequence[Mapping[str, Any]]) -> Json:
    """Tables become one; of two that name the same, the nearer wins."""
    return {name: value for one in values for name, value in one.items()}


def deep(values: Sequence[Mapping[str, Any]]) -> Json:
    """Tables become one, those within them as well, and lists grow; else the nearer wins."""
    whole: Json = reduce(merge, values, {})
    return whole


def union(values: Sequence[list[Any]]) -> list[Any]:
    """Lists become one, in order; what comes again is left out."""
    return without_repeats(list(chain.from_iterable(values)))


def join(values: Sequence[list[Any]]) -> list[Any]:
    """Lists become one, in order and with repeats: the place of an item is its name."""
    return list(chain.from_iterable(values))


def last(values: Sequence[Any]) -> Any:
    """The nearest."""
    return values[-1]


class Level(NamedTuple):
    """What one level says. path: where it stands in the file."""

    path: Path
    said: Mapping[str, Any]


def levels_of(content: Mapping[str, Any], stage: str | None, task: str | None = None) -> list[Level]:
    """The levels that apply, the nearest last. stage: its name in the file; None is none. task: None is the app."""
    paths: list[Path] = [()]
    if stage is not None:
        paths.append(("stages", stage))
    if task is not None:
        paths.append(("tasks", task))
        if stage is not None:
            paths.append(("tasks", task, "stages", stage))
    return [Level(path, _at(content, path)) for path in paths]


def merged(levels: Sequence[Level], rules: Mapping[str, Rule]) -> Json:
    """All levels in one. rules: by key; what has none is not taken."""
    found = {key: [level.said[key] for level in levels if level.said.get(key) is not None] for key in rules}
    return {key: rules[key](values) for key, values in found.items() if values}


def nearest_of(levels: Sequence[Level], *keys: str) -> Path:
    """Where the nearest level says one of these keys."""
    found = [(*level.path, key) for level in levels for key in keys if level.said.get(key) is not None]
    return found[-1] if found else ()


def _at(content: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    for part in path:
        content = table(content, part)
    return content
