"""managed_queue_extras: resources beside each lane of each managed queue, and once beside the dead letters.

In all their text `$QUEUEID` becomes the queue's logical id, and `$EXTRA0` that of the first extra of the same queue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.config.levels import Level
from ebbtide.contrib.async_lambda.config.of_app import queued
from ebbtide.deploy.settings.kinds import Wrong
from ebbtide.deploy.template.ids import dead_letters_id, function_id, queue_id
from ebbtide.physical import Place

Json = dict[str, Any]
Put = Callable[[re.Match[str]], str]

KEY = "managed_queue_extras"
_MARK = re.compile(r"\$QUEUEID|\$EXTRA([0-9]+)", re.ASCII)


def wrong_extras(levels: Sequence[Level]) -> Iterator[Wrong]:
    """References to extras that are not there."""
    count = sum(len(level.said.get(KEY, ())) for level in levels)
    for level in levels:
        for number, extra in enumerate(level.said.get(KEY, ())):
            for text in _texts(extra):
                for mark in _MARK.finditer(text):
                    if mark[1] and int(mark[1]) >= count:
                        there = f"$EXTRA0 to $EXTRA{count - 1}" if count > 1 else "$EXTRA0 only"
                        yield Wrong((*level.path, KEY, str(number)), f"there is no {mark[0]} here, but {there}")


def extras(
    app: DoorApp, place: Place, everywhere: Mapping[str, Any], of_task: Mapping[str, Mapping[str, Any]]
) -> dict[str, Json]:
    """All of them by logical id. everywhere, of_task: what is said, all levels in one; of_task by task id."""
    letters = dead_letters_id(place, fifo=False)
    made = _beside(everywhere.get(KEY, ()), letters, letters, "")
    for task, declared in queued(app).items():
        queue = app.queues[task]
        for lane in range(declared.lane_count):
            ids = queue_id(place, queue, lane), function_id(place, queue), f"L{lane}" if lane else ""
            made |= _beside(of_task[task].get(KEY, ()), *ids)
    return made


def _beside(said: Sequence[Json], queue: str, begin: str, end: str) -> dict[str, Json]:
    def id_of(number: int) -> str:
        return f"{begin}Extra{number}{end}"

    def put(mark: re.Match[str]) -> str:
        return id_of(int(mark[1])) if mark[1] else queue

    return {id_of(number): _replaced(extra, put) for number, extra in enumerate(said)}


def _replaced(value: Any, put: Put) -> Any:
    if isinstance(value, str):
        return _MARK.sub(put, value)
    if isinstance(value, dict):
        return {_MARK.sub(put, name): _replaced(inner, put) for name, inner in value.items()}
    return [_replaced(inner, put) for inner in value] if isinstance(value, list) else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value:
            yield from _texts(inner)
        for inner in value.values() if isinstance(value, dict) else ():
            yield from _texts(inner)
