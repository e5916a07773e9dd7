"""The embedded broker: the port's verbs over one SQLite file, and the records in the same rows.

A claim is one UPDATE ... RETURNING inside BEGIN IMMEDIATE; an acknowledgement updates or deletes the same row. What a
worker settles and claims within `together()` is one transaction and one flush.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from ebbtide.broker import Broker, DeadLetter, DeadLetters, Delivery, Depth, Settlement
from ebbtide.brokers.sqlite import bell, payloads, rows, statements
from ebbtide.brokers.sqlite.database import Connect, Database
from ebbtide.brokers.sqlite.holders import Holder
from ebbtide.brokers.sqlite.schema import DELAYED, READY
from ebbtide.brokers.sqlite.upkeep import Upkeep
from ebbtide.errors import KeyConflict
from ebbtide.message import Message
from ebbtide.queue import Queue
from ebbtide.result import Record, Records

NAP = 1.0
"""Seconds a waiting receiver sleeps at most between looks at what dead holders left and what falls due."""


class SqliteBroker(Broker, DeadLetters, Records):
    """Broker, dead letters and records in one file, for any number of processes of one machine.

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
        self._upkeep = Upkeep(self._database, clock)
        self._turn = 0
        self._limited: set[str] = set()  # queues where the end of one task may let another begin
        self._woken = False

    @property
    def path(self) -> Path:
        """The queue file."""
        return self._database.path

    def send(self, messages: Sequence[Message]) -> list[str]:
        for message in messages:
            if _is_large(message):
                folder = self._database.prepared()
                with self._database.explained():
                    payloads.put(folder, message.id, message.encode())
        with self._database.writing() as connection:
            if not any(m.key for m in messages):
                connection.executemany(statements.INSERT, [self._row(message) for message in messages])
                ids = [m.id for m in messages]
            else:  # one by one: a key may be held by an earlier one of the same batch
                ids = [self._send_unique(connection, m) for m in messages]
            self._ring(m.queue for m in messages)
        return ids

    def _send_unique(self, connection: sqlite3.Connection, message: Message) -> str:
        id = self._unique(connection, message) if message.key else message.id
        if id == message.id:
            connection.execute(statements.INSERT, self._row(message))
        return id

    def _ring(self, queues: Iterable[str]) -> None:
        """Wake one sleeper for each message, named by its queue, once it can be seen."""
        for queue, count in Counter(queues).items():
            self._database.afterwards(partial(bell.ring, self._database.folder, queue, count))

    def _row(self, m: Message) -> tuple[Any, ...]:
        state, due = self._visible_at(m.run_after)
        body, outside = (b"", 1) if _is_large(m) else (m.encode(), 0)
        return (m.id, m.task, m.queue, m.lane, state, -m.priority, due, m.group, body, outside, m.enqueued_at)

    def _visible_at(self, due: float | None) -> tuple[int, float | None]:
        return (READY, None) if due is None or due <= self._now() else (DELAYED, due)

    def _unique(self, connection: sqlite3.Connection, message: Message) -> str:
        """The id under which this keyed message stands: an earlier one's while that holds the key, else its own."""
        call = json.dumps([message.args, message.kwargs], sort_keys=True)
        digest = hashlib.sha256(call.encode()).hexdigest()
        owner = (message.task, message.key)
        held = connection.execute(statements.KEY_HELD, (*owner, self._now())).fetchone()
        if held is None:
            until = message.enqueued_at + message.key_window
            connection.execute(statements.TAKE_KEY, (*owner, message.id, digest, until))
            return message.id
        if held[1] != digest:
            raise KeyConflict(
                f"task {message.task!r}: key {message.key!r} is held by {held[0]} with other arguments; "
                f"put what differs into the key"
            )
        return str(held[0])

    def receive(self, queues: Sequence[Queue], limit: int, wait: float = 0.0) -> list[Delivery]:
        end = time.monotonic() + wait
        self._limited |= {queue.name for queue in queues if queue.fifo or any(map(queue.limit, range(queue.lanes)))}
        found: list[Delivery] = []

        def look() -> bool:
            found.extend(self._claim(queues, limit) if self._anything(queues) else ())
            return bool(found) or self._woken

        while True:
            self._upkeep.when_due()
            left = end - time.monotonic()
            if look() or left <= 0:
                self._woken = False
                return found
            nap = min(left, NAP, self._until_next_due())
            bell.sleep(self._database.folder, [queue.name for queue in queues], nap, look)
            if found:
                return found

    def _anything(self, queues: Sequence[Queue]) -> bool:
        """Whether a claim may find something; asked without the write lock."""
        with self._database.reading() as connection:
            due = connection.execute(statements.DUE, (self._now(),)).fetchone()
            ready = (connection.execute(statements.ANY_READY, (q.name, q.lanes)).fetchone() for q in queues)
            return due is not None or any(ready)

    def _until_next_due(self) -> float:
        with self._database.reading() as connection:
            (due,) = connection.execute(statements.NEXT_DUE).fetchone()
        return NAP if due is None else max(0.0, due - self._now())

    def _claim(self, queues: Sequence[Queue], limit: int) -> list[Delivery]:
        """Take from all lanes of all queues, a different one first each time, so that none starves."""
        sources = [(queue, lane) for queue in queues for lane in range(queue.lanes)]
        self._turn = (self._turn + 1) % max(1, len(sources))
        found: list[Delivery] = []
        with self._database.writing(safe=False) as connection:
            if connection.execute(statements.DUE, (self._now(),)).fetchone():
                connection.execute(statements.PROMOTE, (self._now(),))
            for queue, lane in sources[self._turn :] + sources[: self._turn]:
                if room := self._room(connection, queue, lane, limit - len(found)):
                    found += self._claim_from(connection, queue, lane, room)
            if len(found) == limit:  # there may be more: pass the word on
                self._ring(queue.name for queue in queues)
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
        with suppress(OSError):  # in a signal handler it would be raised into the user's task; a nap is short anyway
            bell.ring(self._database.folder, "*", 1000)

    def begin(self, delivery: Delivery) -> None:
        self._holder.begin(rows.claimed(delivery))

    def last_words(self) -> int | None:
        with self._database.reading():
            return self._holder.last_words()

    def together(self) -> AbstractContextManager[object]:
        return self._database.writing(safe=False)

    def ack(self, settled: Sequence[Settlement]) -> int:
        kept = [s for s in settled if s.report and s.report.keep]
        gone = [s for s in settled if not (s.report and s.report.keep)]
        with self.together():
            self._forget_payloads(rows.held(s.delivery)[1] for s in settled if len(s.delivery.body) > payloads.INLINE)
            return self._settle(
                settled,
                (statements.KEEP, [rows.finished(s) for s in kept]),
                (statements.DELETE, [rows.held(s.delivery) for s in gone]),
            )

    def retry(self, settled: Sequence[Settlement]) -> int:
        failed = [s for s in settled if s.spent]
        unspent = [s for s in settled if not s.spent]
        at = {id(s): self._visible_at(self._now() + s.wait if s.wait > 0 else None) for s in settled}
        with self.together():
            self._ring(s.delivery.queue for s in settled)
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
        with self._database.writing() as connection:
            self._ring(s.delivery.queue for s in settled if s.delivery.queue in self._limited)
            effect = 0
            for sql, parameters in changes:
                effect += _effect(connection, sql, parameters) if parameters else 0
            self._database.afterwards(partial(self._holder.end, [rows.claimed(s.delivery) for s in settled]))
        return effect

    def depth(self, queue: str) -> list[Depth]:
        with self._database.reading() as connection:
            found = connection.execute(statements.DEPTH, (self._now(), queue)).fetchall()
        lanes = {lane: rows.depth(counts, self._now()) for lane, *counts in found}
        return [lanes.get(lane, Depth()) for lane in range(max(lanes, default=0) + 1)]

    def load(self, ids: Sequence[str]) -> dict[str, Record]:
        with self._database.reading() as connection:
            found = [connection.execute(statements.RECORD, (id,)).fetchone() for id in ids]
        return {row[0]: rows.record(row) for row in found if row}

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

    def dead(self, queue: str | None = None, limit: int = 100, after: str | None = None) -> list[DeadLetter]:
        with self._database.reading() as connection:
            found = connection.execute(statements.DEAD_LETTERS, (queue, after, limit)).fetchall()
        return [rows.dead_letter(self._database.folder, row) for row in found]

    def redrive(self, ids: Sequence[str]) -> int:
        with self._database.writing() as connection:
            rows_found = (connection.execute(statements.REDRIVE, (id,)).fetchone() for id in ids)
            queues = [row[0] for row in rows_found if row]
            self._ring(queues)
        return len(queues)

    def drop(self, ids: Sequence[str]) -> int:
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

    def close(self) -> None:
        self._upkeep.close()
        self._database.close()


def _is_large(message: Message) -> bool:
    return len(message.encode()) > payloads.INLINE


def _effect(connection: sqlite3.Connection, sql: str, parameters: Iterable[tuple[Any, ...]]) -> int:
    return max(0, connection.executemany(sql, parameters).rowcount)
