"""Storing messages: many threads of a process share one transaction and one flush.

Who comes while nobody writes, writes for itself. Who comes while somebody does waits, and the first of those who waited
then writes for all of them. So a lone thread loses nothing, and eight threads wait for the disk together.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from ebbtide.brokers.sqlite import payloads, statements
from ebbtide.brokers.sqlite.database import Database
from ebbtide.brokers.sqlite.schema import DELAYED, READY
from ebbtide.errors import KeyConflict, StorageError
from ebbtide.message import Message


class Sender:
    """Stores messages in one queue file. clock: seconds since 1970."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._now = clock
        self._lock = Lock()
        self._waiting: list[_Rider] = []
        self._led = False

    def send(self, messages: Sequence[Message]) -> list[str]:
        """As `Broker.send` promises."""
        if large := [(message.id, message.encode()) for message in messages if _is_large(message)]:
            folder = self._database.prepared()
            with self._database.explained():
                payloads.put(folder, large)
        if any(message.key for message in messages):  # one by one: a key may be held by an earlier one of the batch
            with self._database.writing() as connection:
                self._ring(messages)
                ids = [self._send_unique(connection, message) for message in messages]
            return ids
        if self._database.nested:  # to wait for another thread here would be to wait for ourselves
            self._store(messages)
        else:
            self._ride(_Rider(messages))
        return [message.id for message in messages]

    def _store(self, messages: Sequence[Message]) -> None:
        rows = [self._row(message) for message in messages]
        with self._database.writing() as connection:
            self._ring(messages)
            connection.executemany(statements.INSERT, rows)

    def _ride(self, mine: _Rider) -> None:
        with self._lock:
            self._waiting.append(mine)
            leads = not self._led
            self._led = True
        if not leads:
            mine.turn.acquire()
        if not mine.stored and not mine.error:
            self._lead(mine)
        if mine.error:
            raise type(mine.error)(*mine.error.args) from mine.error

    def _lead(self, mine: _Rider) -> None:
        """Write for all who wait; then let the first of those who came meanwhile lead."""
        with self._lock:
            riders, self._waiting = self._waiting, []
        try:
            self._store([message for rider in riders for message in rider.messages])
            for rider in riders:
                rider.stored = True
        except StorageError as error:
            for rider in riders:
                rider.error = error
        finally:  # another error, such as KeyboardInterrupt, is the leader's own: the others try again
            done = [rider for rider in riders if rider.stored or rider.error]
            with self._lock:
                self._waiting[:0] = [rider for rider in riders if rider is not mine and rider not in done]
                self._led = bool(self._waiting)
                nexts = self._waiting[:1]
            for rider in [*done, *nexts]:
                if rider is not mine:
                    rider.turn.release()

    def _send_unique(self, connection: sqlite3.Connection, message: Message) -> str:
        id = self._unique(connection, message) if message.key else message.id
        if id == message.id:
            connection.execute(statements.INSERT, self._row(message))
        return id

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

    def _row(self, m: Message) -> tuple[Any, ...]:
        due = m.run_after
        state, due = (READY, None) if due is None or due <= self._now() else (DELAYED, due)
        envelope = m.encode()
        body, outside = (b"", 1) if len(envelope) > payloads.INLINE else (envelope, 0)
        return (m.id, m.task, m.queue, m.lane, state, -m.priority, due, m.group, body, outside, m.enqueued_at)

    def _ring(self, messages: Sequence[Message]) -> None:
        """Wake one sleeper for each message, before there is one: it comes to the gate, and waits there for us."""
        for queue, count in Counter([message.queue for message in messages]).items():
            self._database.bells.ring(queue, count)


class _Rider:
    """What one thread wants stored; `turn` is let go when it is, or when this thread is to lead."""

    __slots__ = ("error", "messages", "stored", "turn")

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self.stored = False
        self.error: StorageError | None = None
        self.turn = Lock()
        self.turn.acquire()


def _is_large(message: Message) -> bool:
    return len(message.encode()) > payloads.INLINE
