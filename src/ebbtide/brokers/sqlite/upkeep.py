"""Once a second: take back what dead holders left, and now and then forget what is past its retention."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from threading import Lock

from ebbtide.brokers.sqlite import figures, holders, payloads, statements
from ebbtide.brokers.sqlite.database import Database
from ebbtide.brokers.sqlite.holders import Holder, Remains
from ebbtide.errors import TaskTimeout, WorkerDied, dotted

EVERY = 1.0
PURGE_EVERY = 60.0
"""Seconds between two looks at dead holders, and between two purges by one process."""

SLICE = 500
"""Rows a purge deletes in one transaction, so that others wait some milliseconds at most."""


class Upkeep:
    """What keeps one queue file healthy, done by whoever receives from it."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._now = clock
        self._making = Lock()
        self._holder: Holder | None = None
        self._process: int | None = None
        self._looked = self._purged = float("-inf")

    def holder(self) -> Holder:
        """This process as a holder, made when it first receives, and anew after a fork."""
        with self._making:
            if self._holder is None or self._process != self._database.process:
                self._holder, self._process = Holder(self._database.folder), self._database.process
            return self._holder

    def when_due(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        with self._database.explained():
            if now - self._looked >= EVERY:
                self._looked = now
                self.reclaim()
            if now - self._purged >= PURGE_EVERY:
                self._purged = now
                self.purge()

    def reclaim(self) -> int:
        """Make ready again what dead holders had, and what is held past its loan; how many messages.

        What a dead holder had not started gets its attempt back. What it had started is marked suspect, with the
        holder's last words as the error of that attempt.
        """
        dead = self._dead_holders()
        count = 0
        if dead or self._overdue():
            with self._database.writing(safe=False) as connection:
                for token, left in dead.items():
                    count += self._take_back(connection, token, left)
                for (seq,) in connection.execute(statements.OVERDUE, (time.monotonic(),)).fetchall():
                    count += self._started(connection, seq, *_LOAN_RAN_OUT)
        for token in dead:
            holders.forget(self._database.folder, token)
        if count:
            self._database.bells.ring("*", count)
        return count

    def _take_back(self, connection: sqlite3.Connection, token: str, left: Remains) -> int:
        held = connection.execute(statements.HELD_BY, (token,)).fetchall()
        for seq, claim in held:
            if (seq, claim) in left.started:
                self._started(connection, seq, *_reason(left.last_words))
            else:
                connection.execute(statements.RECLAIM_UNSTARTED, (seq,))
        return len(held)

    def _started(self, connection: sqlite3.Connection, seq: int, kind: str, message: str, trace: str) -> int:
        figures.died(connection, self._now(), seq)
        return connection.execute(statements.RECLAIM_STARTED, (kind, message, trace, seq)).rowcount

    def _dead_holders(self) -> dict[str, Remains]:
        with self._database.reading() as connection:
            holding = {token for (token,) in connection.execute(statements.HOLDERS)}
        known = holding.union(holders.tokens(self._database.folder))
        left = {token: holders.remains(self._database.folder, token) for token in known}
        return {token: found for token, found in left.items() if found is not None}

    def _overdue(self) -> bool:
        with self._database.reading() as connection:
            return connection.execute(statements.OVERDUE, (time.monotonic(),)).fetchone() is not None

    def purge(self) -> int:
        """Delete records past their retention, in slices; how many."""
        gone = 0
        while True:
            with self._database.writing(safe=False) as connection:
                records = connection.execute(statements.PURGE, (self._now(), SLICE)).rowcount
                keys = connection.execute(statements.PURGE_KEYS, (self._now(), SLICE)).rowcount
                counted = figures.purge(connection, self._now(), SLICE)
            gone += records
            if max(records, keys, counted) < SLICE:
                self._sweep_payloads()
                return gone

    def _sweep_payloads(self) -> None:
        with self._database.reading() as connection:
            wanted = [id for (id,) in connection.execute(statements.ALL_OUTSIDE)]
        payloads.sweep(self._database.folder, wanted)

    def close(self) -> None:
        """Stop being a holder."""
        with self._making:
            if self._holder is not None and self._process == self._database.process:
                self._holder.close()
            self._holder = None


_LOAN_RAN_OUT = (
    dotted(WorkerDied),
    "its holder neither settled it nor extended the loan before the visibility timeout",
    "",
)


def _reason(words: str) -> tuple[str, str, str]:
    """Exception class, message and traceback out of a dead worker's last words.

    Python's faulthandler writes them: a "Fatal Python error" heads a crash; a bare stack is a time limit's.
    """
    first = words.strip().partition("\n")[0]
    if not first:
        return (
            dotted(WorkerDied),
            "worker died without a word: killed (SIGKILL, out of memory) or ended by the task itself (os._exit)",
            "",
        )
    if first.startswith("Fatal Python error"):
        return (dotted(WorkerDied), f"worker died: {first}", words)
    return (dotted(TaskTimeout), "ran longer than its queue's timeout and was killed; see the stack", words)
