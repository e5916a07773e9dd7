"""Removing messages for an operator, slice by slice.

Each slice is looked for without the write lock and then deleted row by row, each only if it is still what was looked
for: one that a worker took meanwhile stays. So others wait for one slice of deletes, however many rows are searched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import partial

from ebbtide.brokers.sqlite import payloads, statements
from ebbtide.brokers.sqlite.database import Database
from ebbtide.brokers.sqlite.upkeep import SLICE
from ebbtide.purge import Chosen, Place


def count(connection: sqlite3.Connection, chosen: Chosen, now: float) -> dict[Place, int]:
    """As `Purgeable.purgeable` promises."""
    found: dict[Place, int] = {}
    for queue, state in chosen.places:
        number = connection.execute(statements.MEANT_COUNT[state], (now, chosen.before, queue)).fetchone()[0]
        if number:
            found[queue, state] = number
    return found


def slices(database: Database, place: Place, before: float, now: float) -> Iterator[int]:
    """Remove what is in this place and as old; yields how many went with each slice."""
    queue, state = place
    seq = -1
    while True:
        with database.reading() as connection:
            look = (now, before, queue, seq, SLICE)
            found = connection.execute(statements.MEANT[state], look).fetchall()
        if not found:
            return
        seq = found[-1][0]
        with database.writing() as connection:
            gone = [row for row in found if _removed(connection, row, place, before, now)]
            for _, id, outside in gone:
                if outside:
                    database.afterwards(partial(payloads.forget, database.folder, id))
            if gone:  # the next of a FIFO group may be free now
                database.ring(queue, len(gone))
        yield len(gone)


def _removed(
    connection: sqlite3.Connection, row: tuple[int, str, int], place: Place, before: float, now: float
) -> bool:
    seq, id, _ = row
    queue, state = place
    gone = connection.execute(statements.REMOVE[state], (now, before, queue, seq, id)).rowcount > 0
    if gone and state != "done":
        connection.execute(statements.FREE_KEYS, (id,))
    return gone
