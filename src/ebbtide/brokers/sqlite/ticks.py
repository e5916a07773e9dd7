"""The cursors of schedules, in a table of the queue file: a tick's messages and its cursor are one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ebbtide.brokers.sqlite.database import Database
from ebbtide.ticks import Cursor

_CURSOR = "select anchor, fired from schedules where name = ?"
_FIRST_SIGHT = "insert into schedules (name, anchor) values (?, ?) on conflict (name) do nothing"
_MOVE = "update schedules set fired = ? where name = ? and anchor = ? and fired is ?"


def cursors(database: Database, names: Iterable[str]) -> dict[str, Cursor]:
    """Those of these that are there."""
    with database.reading() as connection:
        found = {name: connection.execute(_CURSOR, (name,)).fetchone() for name in names}
    return {name: Cursor(*row) for name, row in found.items() if row}


def cursor(database: Database, name: str, now: float) -> Cursor:
    """The one of this name, made if it is not there."""
    known = cursors(database, [name])
    if not known:
        with database.writing(safe=False) as connection:
            connection.execute(_FIRST_SIGHT, (name, now))
            known = cursors(database, [name])
    return known[name]


def fire(database: Database, name: str, seen: Cursor, tick: float, store: Callable[[], object]) -> bool:
    """Move it if it is as seen, and store what belongs to that within the same transaction; whether it was."""
    if cursors(database, [name]).get(name) != seen:
        return False  # asked without the write lock: of many schedulers, all but one see this
    with database.writing() as connection:
        moved = connection.execute(_MOVE, (tick, name, *seen)).rowcount == 1
        if moved:
            store()
    return moved
