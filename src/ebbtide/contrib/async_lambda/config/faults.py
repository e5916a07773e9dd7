"""What is wrong with the file itself, whichever stage is built: keys, stages and tasks nobody knows, wrong values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ebbtide.contrib.async_lambda.config.keys import KEYS, Key, within
from ebbtide.contrib.async_lambda.config.levels import last
from ebbtide.contrib.async_lambda.config.methods import wrong_method
from ebbtide.contrib.async_lambda.config.policies import wrong_policy
from ebbtide.contrib.async_lambda.config.stages import NEEDED, known_stages, placed_as, table
from ebbtide.deploy.settings.kinds import Wrong, wrong
from ebbtide.deploy.settings.merge import Path
from ebbtide.names import nearest

_LOOKED_INTO = {"policies": wrong_policy, "method_settings": wrong_method}
_OURS = re.compile(
    r"EBBTIDE_(?!(MARGIN|THREADS)$).*|ASYNC_LAMBDA_(?!(FORCE_SYNC|BATCH_FAILURE_RETRY_COUNT)$).*", re.ASCII
)
_NARROW = [name for name, key in KEYS.items() if not key.wide]


def faults(content: Mapping[str, Any], tasks: Collection[str], queued: Collection[str]) -> Iterator[Wrong]:
    """Everything that is wrong. tasks: the ids the app knows; queued: those of which have a queue of their own."""
    yield from _keys(content, (), ("stages", "tasks"), list(KEYS))
    known = known_stages(content)
    for stage, own in table(content, "stages").items():
        yield from _keys(own, ("stages", stage), (), list(KEYS))
        if not placed_as(stage):
            yield Wrong(("stages", stage), f"a stage cannot be called {stage!r}: {NEEDED}")
    for task, own in table(content, "tasks").items():
        path = ("tasks", task)
        if task not in tasks:
            yield Wrong(path, f"the app has no task {task!r}.{nearest(task, tasks)}")
        levels = [(path, own), *(((*path, "stages", stage), said) for stage, said in table(own, "stages").items())]
        for here, said in levels:
            yield from _keys(said, here, ("stages",) if here == path else (), _NARROW)
            if task in tasks and task not in queued:
                yield from _of_no_queue(said, here)
            if here != path and here[-1] not in known:
                cure = f'add "{here[-1]}": {{}} to "stages" at the top of the file'
                yield Wrong(here, f"there is no stage {here[-1]!r}.{nearest(here[-1], known)} If it is one, {cure}")


def wrong_variables(said: Mapping[str, Any], path: Path) -> Iterator[Wrong]:
    """What is wrong with the variables of one level."""
    value, here = said.get("environment_variables", {}), (*path, "environment_variables")
    yield from wrong(KEYS["environment_variables"].kind, value, here)
    for name in value if isinstance(value, dict) else ():
        if _OURS.fullmatch(name):
            yield Wrong((*here, name), f"{name} is set by the framework itself; choose another name")


def _keys(said: Any, path: Path, levels: Sequence[str], known: Sequence[str]) -> Iterator[Wrong]:
    if not isinstance(said, dict):
        yield Wrong(path, f"{path[-1]} must be an object, as {{}}")
        return
    for name, value in said.items():
        here = (*path, name)
        if name in levels:
            if not isinstance(value, dict):
                yield Wrong(here, f'{name} must be an object, as {{"NAME": {{...}}}}')
        elif name in KEYS and name not in known:
            yield Wrong(here, f"{name!r} is for the whole app; say it at the top of the file or in a stage")
        elif name not in known:
            yield Wrong(here, f"unknown key {name!r}.{nearest(name, [*known, *levels])}")
        elif name == "environment_variables":
            yield from wrong_variables(said, path)
        else:
            yield from _value(name, KEYS[name], value, here)


def _value(name: str, key: Key, value: Any, path: Path) -> Iterator[Wrong]:
    """As `wrong` does it, but with the place of each item of a list."""
    if value is None and key.rule is last:
        return  # async-lambda takes it for not said
    yield from wrong(key.kind._replace(each=None) if isinstance(value, list) else key.kind, value, path)
    if isinstance(value, list) and key.kind.each:
        look = _LOOKED_INTO.get(name)
        for number, item in enumerate(value):
            found = list(wrong(key.kind.each, item, path))
            yield from within(found or (look(item, path) if look else ()), path, number)


def _of_no_queue(said: Any, path: Path) -> Iterator[Wrong]:
    for name in said if isinstance(said, dict) else ():
        if name in KEYS and KEYS[name].queued:
            yield Wrong((*path, name), f"{name!r} is for tasks with a managed queue, and {path[1]!r} has none")
