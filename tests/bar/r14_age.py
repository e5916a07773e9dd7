"""R14: an old file is as quick as a new one, and stops growing.

A file with very many finished tasks and a long backlog: claims stay quick, a purge holds the write lock in short slices
alone, and after rounds of filling and purging the file is no larger than after the first.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.bar.queuefile import call, damage, folder, report
from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.broker import Settlement
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.brokers.sqlite.schema import DONE, READY
from ebbtide.queue import Queue

QUEUE = Queue("default", visibility=3600.0)
BATCH = 10
PROMISED_CLAIM, PROMISED_LOCK = 5.0, 50.0
SLACK = 20.0
"""Milliseconds of the bar. On a machine that does other things as well the clock shows those, too: the median must keep
them by the clock and the 99th percentile by processor time, and by the clock may take so many times as long. All are
printed."""

GROWTH = 1.05
"""How much larger than after the first round a file may be after the last one."""

_ID = "printf('019a0000-0000-7000-8000-%012x', i + ?)"  # ordered by time, as our ids are
_MANY = "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)"
_FINISHED = f"""{_MANY}
insert into tasks (id, task, queue, lane, state, rank, attempt, claim, body, enqueued_at, started_at, finished_at,
    value, purge_at)
select {_ID}, 'work', 'default', 0, {DONE}, 0, 1, 1, x'', ?, ?, ?, '{{"pages":12,"ok":true}}', ? from n
"""  # noqa: S608 constants alone
_PENDING = f"""{_MANY}
insert into tasks (id, task, queue, lane, state, rank, body, enqueued_at)
select {_ID}, 'work', 'default', 0, {READY}, -(abs(random()) % 3), zeroblob(400), ? from n
"""  # noqa: S608 constants alone


class Took(NamedTuple):
    """Milliseconds by the clock and of processor time."""

    clock: float
    processor: float


class Watch:
    """Measures from its making."""

    def __init__(self) -> None:
        self._began, self._busy = time.perf_counter(), time.thread_time()

    def took(self) -> Took:
        return Took(1000 * (time.perf_counter() - self._began), 1000 * (time.thread_time() - self._busy))


class Locks(sqlite3.Connection):
    """Measures how long this connection holds the write lock."""

    held: list[Took]
    _since: Watch

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        cursor = super().execute(sql, parameters)
        if sql.startswith("begin"):
            self._since = Watch()
        elif sql in ("commit", "rollback"):
            self.held.append(self._since.took())
        return cursor


class Ageing:
    """One file, and a broker that notes how long it holds the lock. One call in a thousand is flushed to disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: list[Took] = []
        self._ids = 0
        noting = type("Noting", (Locks,), {"held": self.held})
        self.broker = SqliteBroker(path, durable=False, connect=partial(sqlite3.connect, factory=noting))
        self.broker.depth("default")

    def finished(self, count: int, past: bool) -> None:
        """Add tasks that are done and kept for another hour, or past their retention."""
        now = time.time()
        self._write(_FINISHED, count, self._ids, now, now, now, now - 1 if past else now + 3600)
        self._ids += count

    def pending(self, count: int) -> None:
        self._write(_PENDING, count, self._ids, time.time())
        self._ids += count

    def drop_index(self) -> None:
        """Plant the fault."""
        self._write("drop index ready")

    def _write(self, sql: str, *parameters: Any) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute(sql, parameters)
            connection.execute("pragma wal_checkpoint(truncate)")

    def size(self) -> float:
        """MB of the file, its log not counted."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
        return self.path.stat().st_size / 1e6


def run(draw: Draw) -> Iterator[Figure | Miss]:
    with folder() as place:
        ageing = Ageing(place / "queue.db")
        ageing.finished(draw.sizes["finished"], past=False)
        ageing.pending(draw.sizes["pending"])
        if draw.fault:
            ageing.drop_index()
        yield Figure("rows finished and pending", f"{draw.sizes['finished']:,} and {draw.sizes['pending']:,}")
        yield Figure("file", ageing.size(), "MB")
        yield from _claims(ageing, draw.sizes["claims"])
        yield from _purges(ageing, draw.sizes["finished"] // 4)
        yield from _rounds(ageing, draw.sizes["finished"] // 4, draw.sizes["rounds"])
        yield from map(Miss, damage(ageing.path))
        ageing.broker.close()


def _claims(ageing: Ageing, count: int) -> Iterator[Figure | Miss]:
    """Claim, settle, send the next: the backlog stays as long as it is."""
    broker = ageing.broker
    claims: list[Took] = []
    rest: list[Took] = []
    for number in range(count):
        deliveries = _timed(claims, partial(broker.receive, [QUEUE], BATCH))
        if len(deliveries) != BATCH:
            yield Miss(f"claim {number} gave {len(deliveries)} of {BATCH}")
            return
        settled = [Settlement(d, report(d.receipt.rpartition(":")[2])) for d in deliveries]
        _timed(rest, partial(broker.ack, settled))
        _timed(rest, partial(broker.send, [call(f"r{number}-{n}") for n in range(BATCH)]))
    yield from _judged(f"claim of {BATCH}", claims, PROMISED_CLAIM)
    yield Figure("send or acknowledgement of as many, p99", _at([took.clock for took in rest], 0.99), "ms")


def _purges(ageing: Ageing, count: int) -> Iterator[Figure | Miss]:
    ageing.finished(count, past=True)
    ageing.held.clear()
    began = time.perf_counter()
    gone = ageing.broker.purge()
    yield Figure(f"purge of {count:,} of them", time.perf_counter() - began, "s")
    if gone != count:
        yield Miss(f"the purge forgot {gone} of {count}")
    if len(ageing.held) < count // 10_000:
        yield Miss(f"a purge of {count} rows in {len(ageing.held)} transactions is not in slices")
    yield from _judged("write lock of a slice", ageing.held, PROMISED_LOCK)


def _rounds(ageing: Ageing, count: int, rounds: int) -> Iterator[Figure | Miss]:
    sizes = []
    for _ in range(rounds):
        ageing.finished(count, past=True)
        ageing.broker.purge()
        sizes.append(ageing.size())
    yield Figure("file after rounds of filling and purging", " ".join(f"{size:.1f}" for size in sizes), "MB")
    if sizes[-1] > GROWTH * sizes[0]:
        yield Miss(f"the file grew from {sizes[0]:.1f} MB after the first round to {sizes[-1]:.1f} MB")


def _timed(times: list[Took], deed: Callable[[], Any]) -> Any:
    watch = Watch()
    done = deed()
    times.append(watch.took())
    return done


def _judged(what: str, times: list[Took], promised: float) -> Iterator[Figure | Miss]:
    clock, processor = [took.clock for took in times], [took.processor for took in times]
    median, p99, busy = _at(clock, 0.5), _at(clock, 0.99), _at(processor, 0.99)
    figures = f"{median:.2f} / {p99:.2f} / {max(clock):.2f} ms; p99 of processor time {busy:.2f} ms"
    yield Figure(f"{what}, p50 / p99 / max (promised p99 {promised:.0f} ms)", figures)
    if median > promised or busy > promised or p99 > SLACK * promised:
        yield Miss(f"{what}: {figures}, promised are {promised:.0f} ms")


def _at(times: list[float], share: float) -> float:
    return sorted(times)[int(share * (len(times) - 1))]


ROW = Row(
    "R14",
    "an old file is as quick as a new one, and stops growing",
    run,
    quick={"finished": 20_000, "pending": 20_000, "claims": 1_000, "rounds": 3},
    full={"finished": 1_000_000, "pending": 100_000, "claims": 5_000, "rounds": 4},
    faults=("no-index",),
)

if __name__ == "__main__":
    ROW.main()
