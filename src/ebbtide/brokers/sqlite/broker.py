"""The embedded broker: the port's verbs over one SQLite file, and the records in the same rows.

A claim is one UPDATE ... RETURNING inside BEGIN IMMEDIATE; an acknowledgement updates or deletes the same row. What a
worker settles and claims within `together()` is one transaction and one flush.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from ebbtide.broker import Broker, DeadLetter, DeadLetters, Delivery, Depth, Permit, Settlement
from ebbtide.brokers.sqlite import figures, holders, payloads, purge, rows, statements, ticks
from ebbtide.brokers.sqlite.database import Connect, Database
from ebbtide.brokers.sqlite.holders import Holder
from ebbtide.brokers.sqlite.schema import DELAYED, READY
from ebbtide.brokers.sqlite.sending import Sender
from ebbtide.brokers.sqlite.upkeep import Upkeep
from ebbtide.figures import Figures, Minute
from ebbtide.message import Message
from ebbtide.purge import Chosen, Place, Purgeable
from ebbtide.queue import Queue
from ebbtide.result import Record, Records
from ebbtide.ticks import Cursor, Ticks

FRESH = 5.0
"""Seconds after its end during which a task's settlement may not be on disk yet, with much to spare."""

NAP = 2.0
"""Seconds a waiting receiver sleeps at most between looks at what dead holders left and what falls due."""


class SqliteBroker(Broker, DeadLetters, Records, Figures, Purgeable, Ticks):
    """Broker, dead letters, records and figures in one file, for any number of processes of one machine.

    path: the file, made on first use. durable: an acknowledged send is on disk; False (`durability=fast`) leaves that
    to the operating system: a crash of the process loses nothing, a power cut may lose the last seconds.
    clock: seconds since 1970. Raises StorageError from every method.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        durable: bool = True,
        clock: Callable[[], float] = time.time,
        connect: Connect = sqlite3.connect,
    ) -> None:
        self._database = Database(Path(path), durable=durable, connect=connect)
        self._now = clock
        self._sender = Sender(self._database, clock)
        self._upkeep = Upkeep(self._database, clock)
        self._turn = 0
        self._limited: set[str] = set()  # queues where the end of one task may let another begin
        self._woken = False

    @property
    def path(self) -> Path:
        """The queue file."""
        return self._database.path

    def send(self, messages: Sequence[Message]) -> list[str]:
        return self._sender.send(messages)

    def _visible_at(self, due: float | None) -> tuple[int, float | None]:
        return (READY, None) if due is None or due <= self._now() else (DELAYED, due)

    def receive(self, queues: Sequence[Queue], limit: int, wait: float = 0.0) -> list[Delivery]:
        end = time.monotonic() + wait
        self._limited |= {queue.name for queue in queues if queue.fifo or any(map(queue.limit, range(queue.lanes)))}
        if self._database.nested:  # the write lock is ours: no need to ask first, nor may anybody wait
            self._database.afterwards(self._upkeep.when_due)  # not under it: a purge is many short writes, not one long
            return self._claim(queues, limit)
        found: list[Delivery] = []

        def look() -> bool:
            found.extend(self._claim(queues, limit) if self._until_next(queues) <= 0 else ())
            return bool(found) or self._woken

        while not self._woken:
            self._upkeep.when_due()
            left = end - time.monotonic()
            nap = self._until_next(queues)
            if nap <= 0:
                found.extend(self._claim(queues, limit))
                nap = NAP  # what there is may not be taken now: a lane may be full, a group on loan
            if found or left <= 0:
                break
            if self._database.bells.sleep([queue.name for queue in queues], min(left, NAP, nap), look) and not found:
                found.extend(self._claim(queues, limit))
            if found:
                break
        self._woken = False
        return found

    def listen(self, queues: Sequence[Queue], wait: float) -> bool:
        found = False

        def look() -> bool:
            nonlocal found
            found = self._woken or self._until_next(queues) <= 0
            return found

        return self._database.bells.sleep([queue.name for queue in queues], wait, look) or found

    def _until_next(self, queues: Sequence[Queue]) -> float:
        """Seconds until a claim may find something, asked without the write lock: 0 if there is something now."""
        with self._database.reading() as connection:
            (due,) = connection.execute(statements.NEXT_DUE).fetchone()
            ready = (connection.execute(statements.ANY_READY, (q.name, q.lanes)).fetchone() for q in queues)
            if any(ready):
                return 0.0
        return NAP if due is None else max(0.0, due - self._now())

    def _claim(self, queues: Sequence[Queue], limit: int) -> list[Delivery]:
        """Take from all lanes of all queues, a different one first each time, so that none starves."""
        sources = [(queue, lane) for queue in queues for lane in range(queue.lanes)]
        self._turn = (self._turn + 1) % max(1, len(sources))
        found: list[Delivery] = []
        with self._database.writing(safe=False) as connection:
            (due,) = connection.execute(statements.NEXT_DUE).fetchone()
            if due is not None and due <= self._now():
                connection.execute(statements.PROMOTE, (self._now(),))
            for queue, lane in sources[self._turn :] + sources[: self._turn]:
                if room := self._room(connection, queue, lane, limit - len(found)):
                    found += self._claim_from(connection, queue, lane, room)
            for queue in queues if len(found) == limit else ():  # is there more, pass the word on
                if connection.execute(statements.ANY_READY, (queue.name, queue.lanes)).fetchone():
                    self._database.ring(queue.name)
        return found

    def _room(self, connection: sqlite3.Connection, queue: Queue, lane: int, wanted: int) -> int:
        most = queue.limit(lane)
        if most is None or not wanted:
            return wanted
        busy: int = connection.execute(statements.IN_FLIGHT, (queue.name, lane)).fetchone()[0]
        return max(0, min(wanted, most - busy))

    def _claim_from(self, connection: sqlite3.Connection, queue: Queue, lane: int, room: int) -> list[Delivery]:
        now, lease = self._now(), time.monotonic() + queue.loan
        claim = statements.CLAIM_FIFO if queue.fifo else statements.CLAIM
        taken = connection.execute(claim, (self._holder.token, lease, now, queue.name, lane, room)).fetchall()
        folder = self._database.folder
        return [rows.delivery(folder, queue.name, lane, row) for row in sorted(taken, key=lambda row: row[:2])]

    @property
    def _holder(self) -> Holder:
        return self._upkeep.holder()

    def wake(self) -> None:
        self._woken = True
        self._database.bells.wake_own()

    def begin(self, delivery: Delivery) -> Permit:
        self._holder.begin(rows.claimed(delivery))
        return Permit.RUN

    def workers(self) -> int:
        return holders.living(self._database.prepared())

    def last_words(self) -> int | None:
        with self._database.reading():
            return self._holder.last_words()

    def together(self) -> AbstractContextManager[object]:
        return self._database.writing(safe=False)

    def ack(self, settled: Sequence[Settlement]) -> int:
        kept = [s for s in settled if s.report and s.report.keep and s.report.error is None]
        failed = [s for s in settled if s.report and s.report.keep and s.report.error]
        gone = [s for s in settled if not (s.report and s.report.keep)]
        large = [rows.held(s.delivery)[1] for s in settled if len(s.delivery.body) > payloads.INLINE]
        with self._database.writing(safe=bool(large)):  # a file may go once its row cannot come back
            self._forget_payloads(large)
            return self._settle(
                settled,
                (statements.KEEP, [rows.finished(s) for s in kept]),
                (statements.FAIL, [rows.failed(s) for s in failed]),
                (statements.DELETE, [rows.held(s.delivery) for s in gone]),
            )

    def retry(self, settled: Sequence[Settlement]) -> int:
        failed = [s for s in settled if s.spent]
        unspent = [s for s in settled if not s.spent]
        at = {id(s): self._visible_at(self._now() + s.wait if s.wait > 0 else None) for s in settled}
        with self.together():
            for settlement in settled:
                self._database.ring(settlement.delivery.queue)
            return self._settle(
                settled,
                (statements.AGAIN, [(*at[id(s)], rows.error(s), *rows.held(s.delivery)) for s in failed]),
                (statements.UNSPENT, [(*at[id(s)], *rows.held(s.delivery)) for s in unspent]),
            )

    def bury(self, settled: Sequence[Settlement]) -> int:
        return self._settle(settled, (statements.BURY, [rows.buried(s) for s in settled]))

    def extend(self, deliveries: Sequence[Delivery], seconds: float) -> int:
        lease = time.monotonic() + seconds
        with self._database.writing(safe=False) as connection:
            return _effect(connection, statements.EXTEND, [(lease, *rows.held(d)) for d in deliveries])

    def _settle(self, settled: Sequence[Settlement], *changes: tuple[str, list[tuple[Any, ...]]]) -> int:
        with self._database.writing(safe=False) as connection:
            for settlement in settled if self._limited else ():
                if settlement.delivery.queue in self._limited:
                    self._database.ring(settlement.delivery.queue)
            effect = 0
            for sql, parameters in changes:
                effect += _effect(connection, sql, parameters) if parameters else 0
            figures.add(connection, self._now(), settled, effect)
            self._database.afterwards(partial(self._holder.end, [rows.claimed(s.delivery) for s in settled]))
        return effect

    def depth(self, queue: str) -> list[Depth]:
        with self._database.reading() as connection:
            now = self._now()
            found = connection.execute(statements.DEPTH, (queue, now, now, now, now, queue, queue, queue)).fetchall()
        lanes = {lane: rows.depth(counts, self._now()) for lane, *counts in found}
        return [lanes.get(lane, Depth()) for lane in range(max(lanes, default=0) + 1)]

    def minutes(self, since: float) -> list[Minute]:
        with self._database.reading() as connection:
            return figures.since(connection, since)

    def load(self, ids: Sequence[str]) -> dict[str, Record]:
        with self._database.reading() as connection:
            found = [connection.execute(statements.RECORD, (id,)).fetchone() for id in ids if id.isprintable()]
        records = {row[0]: rows.record(row) for row in found if row}
        if any(abs(self._now() - (record.finished_at or 0.0)) < FRESH for record in records.values()):
            self._database.flush(others=True)  # what was seen as done must never run again, power cut or not
        return records

    def flush(self) -> None:
        self._database.flush()

    def wait(self, id: str, timeout: float | None) -> Record | None:
        end = None if timeout is None else time.monotonic() + timeout
        pause = 0.001
        while True:
            record = self.load([id]).get(id)
            left = pause if end is None else end - time.monotonic()
            if record is None or record.status.finished or left <= 0:
                return record
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, 0.05)

    def purge(self) -> int:
        return self._upkeep.purge()

    def purgeable(self, chosen: Chosen) -> dict[Place, int]:
        with self._database.reading() as connection:
            return purge.count(connection, chosen, self._now())

    def remove(self, chosen: Chosen) -> Iterator[int]:
        for place in chosen.places:
            yield from purge.slices(self._database, place, chosen.before, self._now())

    def dead(self, queue: str | None = None, limit: int = 100, after: str | None = None) -> list[DeadLetter]:
        with self._database.reading() as connection:
            found = connection.execute(statements.DEAD_LETTERS, (queue, after, limit)).fetchall()
        return [rows.dead_letter(self._database.folder, row) for row in found]

    def redrive(self, ids: Sequence[str]) -> int:
        with self._database.writing() as connection:
            rows_found = (connection.execute(statements.REDRIVE, (id,)).fetchone() for id in ids if id.isprintable())
            queues = [row[0] for row in rows_found if row]
            for queue in queues:
                self._database.ring(queue)
        return len(queues)

    def drop(self, ids: Sequence[str]) -> int:
        ids = [id for id in ids if id.isprintable()]  # as all are; others SQLite cannot even be asked for
        with self._database.writing() as connection:
            self._forget_payloads(ids)
            return _effect(connection, statements.DROP, [(id,) for id in ids])

    def _forget_payloads(self, ids: Iterable[str]) -> None:
        """Remove the files of messages once their end is stored."""
        for id in ids:
            self._database.afterwards(partial(self._forget_payload, id))

    def _forget_payload(self, id: str) -> None:
        with self._database.reading() as connection:
            wanted = connection.execute(statements.OUTSIDE, (id,)).fetchone()
        if wanted is None:  # else it was a stale holder's word, or no dead letter
            payloads.forget(self._database.folder, id)

    def cursor(self, name: str, now: float) -> Cursor:
        return ticks.cursor(self._database, name, now)

    def cursors(self, names: Iterable[str]) -> dict[str, Cursor]:
        return ticks.cursors(self._database, names)

    def fire(self, name: str, seen: Cursor, tick: float, messages: Sequence[Message]) -> bool:
        return ticks.fire(self._database, name, seen, tick, partial(self.send, messages))

    def close(self) -> None:
        self._upkeep.close()
        self._database.close()


def _effect(connection: sqlite3.Connection, sql: str, parameters: Iterable[tuple[Any, ...]]) -> int:
    return max(0, connection.executemany(sql, parameters).rowcount)
