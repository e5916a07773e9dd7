"""The figures of the last hour, in the file: one row for each minute, queue and task, added to by every settlement.

The row is written in the settlement's own transaction: no write of its own, and what was rolled back is not counted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ebbtide.broker import Settlement
from ebbtide.figures import SPAN, Count, Minute, count, minute_of

_ADD = """
insert into minutes (minute, queue, task, succeeded, retried, failed, ran, longest, first, waited)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (minute, queue, task) do update set
    succeeded = succeeded + excluded.succeeded, retried = retried + excluded.retried,
    failed = failed + excluded.failed, ran = ran + excluded.ran, longest = max(longest, excluded.longest),
    first = first + excluded.first, waited = waited + excluded.waited
"""
_SINCE = """
select minute, queue, task, succeeded, retried, failed, ran, longest, first, waited from minutes
where minute >= ? order by minute, queue, task
"""
_DIED = """
insert into minutes (minute, queue, task, succeeded, retried, failed, ran, longest, first, waited)
select ?, queue, task, 0, 1, 0, 0.0, 0.0, 0, 0.0 from tasks where seq = ?
on conflict (minute, queue, task) do update set retried = retried + 1
"""
_PURGE = """
delete from minutes where (minute, queue, task) in (select minute, queue, task from minutes where minute < ? limit ?)
"""


def add(connection: sqlite3.Connection, now: float, settled: Sequence[Settlement], effect: int) -> None:
    """Count a batch that was settled; effect: how many of it were still their holder's."""
    minute = minute_of(now)
    rows = [(minute, queue, task, *counted) for (queue, task), counted in count(settled, effect).items()]
    if rows:
        connection.executemany(_ADD, rows)


def died(connection: sqlite3.Connection, now: float, seq: int) -> None:
    """Count the attempt of this row, which ended with its worker: nobody else will."""
    connection.execute(_DIED, (minute_of(now), seq))


def since(connection: sqlite3.Connection, moment: float) -> list[Minute]:
    """As `Figures.minutes` promises."""
    found = connection.execute(_SINCE, (minute_of(moment),)).fetchall()
    return [Minute(minute, queue, task, Count(*counts)) for minute, queue, task, *counts in found]


def purge(connection: sqlite3.Connection, now: float, most: int) -> int:
    """Forget up to `most` rows of before the last hour; how many."""
    return connection.execute(_PURGE, (minute_of(now) - SPAN, most)).rowcount
