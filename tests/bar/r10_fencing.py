"""R10: a holder that was given up for dead changes nothing when it comes back.

Two workers take turns at random with the same few messages: they claim, lose what they hold to the reclaimer, and
settle or extend with any receipt they ever had. A model says which one is current. A late verb must say 0 and leave
every column of every row as it was; a timely one must say 1.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from tests.bar.queuefile import call, damage, folder, query, report
from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.broker import Delivery, Settlement
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.queue import Queue

NOTHING = Queue("nothing")
STEPS = 14
A_FILE = 50  # interleavings in one file, each on a queue of its own
Verb = Callable[[SqliteBroker, Delivery], int]


class WithoutClaim(sqlite3.Connection):
    """Plants the fault: whoever knows the row may write it."""

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        return super().executemany(sql.replace("and claim = ?", "and ? > 0"), parameters)


class WithoutState(sqlite3.Connection):
    """Plants the fault: the last receipt is good for ever."""

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        return super().executemany(sql.replace("and claim = ? and state = 2", "and claim = ?"), parameters)


FAULTS: dict[str | None, type[sqlite3.Connection]] = {
    None: sqlite3.Connection,
    "without-claim": WithoutClaim,
    "without-state": WithoutState,
}


def _settlement(delivery: Delivery, error: str | None = None, **more: Any) -> Sequence[Settlement]:
    return [Settlement(delivery, report(delivery.message.id, error=error), **more)]


VERBS: dict[str, Verb] = {
    "ack": lambda broker, d: broker.ack(_settlement(d)),
    "ack, nothing kept": lambda broker, d: broker.ack([Settlement(d)]),
    "retry": lambda broker, d: broker.retry(_settlement(d, "again")),
    "retry later": lambda broker, d: broker.retry(_settlement(d, "again", wait=0.001)),
    "retry unspent": lambda broker, d: broker.retry([Settlement(d, spent=False)]),
    "bury": lambda broker, d: broker.bury(_settlement(d, "enough")),
    "extend": lambda broker, d: broker.extend([d], 3600.0),
}


class History:
    """One interleaving on one queue, and what should have come of it."""

    def __init__(self, queue: str, path: Path, random: Random, holders: list[SqliteBroker]) -> None:
        self.queue = Queue(queue, visibility=3600.0)
        self.path, self.random, self.holders = path, random, holders
        self.receipts: list[list[Delivery]] = [[], []]
        self.current: dict[str, tuple[int, Delivery]] = {}
        self.late = self.timely = 0
        self.misses: list[str] = []

    def run(self) -> None:
        for number in range(self.random.randint(1, 3)):
            self.holders[0].send([call(f"{self.queue.name}-{number}", self.queue.name)])
        for _ in range(STEPS):
            who = self.random.randrange(2)
            step = self.random.choice([self.claim, self.claim, self.expire, self.verb, self.verb, self.verb])
            step(who)
            if self.misses:
                return

    def claim(self, who: int) -> None:
        for delivery in self.holders[who].receive([self.queue], self.random.randint(1, 2)):
            id = delivery.message.id
            if id in self.current:
                self.misses.append(f"{id} was claimed twice at a time")
            self.current[id] = (who, delivery)
            self.receipts[who].append(delivery)
            if self.random.random() < 0.5:
                self.holders[who].begin(delivery)

    def expire(self, who: int) -> None:
        """Somebody's loans run out, and a third process takes the messages back."""
        lost = [delivery for holder, delivery in self.current.values() if holder == who]
        if not lost:
            return
        if self.holders[who].extend(lost, -1.0) != len(lost):
            self.misses.append("a holder could not change its own loans")
        with_nothing = SqliteBroker(self.path, durable=False)
        with_nothing.receive([NOTHING], 1)
        with_nothing.close()
        for delivery in lost:
            del self.current[delivery.message.id]

    def verb(self, who: int) -> None:
        if not self.receipts[who]:
            return
        delivery = self.random.choice(self.receipts[who])
        name, verb = self.random.choice(list(VERBS.items()))
        timely = (who, delivery) == self.current.get(delivery.message.id)
        before = self._everything()
        effect = verb(self.holders[who], delivery)
        if effect != timely:
            self.misses.append(f"a {'timely' if timely else 'late'} {name} of receipt {delivery.receipt} says {effect}")
        if timely:
            self.timely += 1
            if name != "extend":
                self.current.pop(delivery.message.id, None)
        else:
            self.late += 1
            if self._everything() != before:
                self.misses.append(f"a late {name} of receipt {delivery.receipt} changed a row")

    def _everything(self) -> list[tuple[Any, ...]]:
        return query(self.path, "select * from tasks order by seq")


def run(draw: Draw) -> Iterator[Figure | Miss]:
    late = timely = 0
    wanted = draw.sizes["interleavings"]
    with folder() as place:
        for first in range(0, wanted, A_FILE):
            path = place / f"{first}.db"
            connect = partial(sqlite3.connect, factory=FAULTS[draw.fault])
            holders = [SqliteBroker(path, durable=False, connect=connect) for _ in range(2)]
            for number in range(first, min(first + A_FILE, wanted)):
                history = History(f"q{number}", path, draw.random, holders)
                history.run()
                late, timely = late + history.late, timely + history.timely
                yield from (Miss(f"interleaving {number}: {what}") for what in history.misses)
                if history.misses and draw.fault:
                    return
            for holder in holders:
                holder.close()
            yield from map(Miss, damage(path))
    yield Figure("interleavings", wanted)
    yield Figure("late verbs, each to change nothing", late)
    yield Figure("timely verbs, each to take effect", timely)
    if late < wanted:
        yield Miss(f"only {late} late verbs: this run proves too little")


ROW = Row(
    "R10",
    "a holder that was given up for dead changes nothing when it comes back",
    run,
    quick={"interleavings": 1000},
    full={"interleavings": 5000},
    faults=("without-claim", "without-state"),
)

if __name__ == "__main__":
    ROW.main()
