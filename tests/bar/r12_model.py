"""R12: every broker does what one model says, whatever is done to it in whatever order.

The model is tests/brokers/model.py; the histories are made and shortened by tests/brokers/histories.py. A broker is
added by one line in SUBJECTS. A difference is shown as the shortest history that was found to have it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp

from tests.bar.queuefile import damage, query
from tests.bar.row import Draw, Figure, Miss, Row
from tests.brokers.histories import HOLDERS, NOTHING, Embedded, Make, Step, Subject, played, shortest, steps
from tests.fakes import Clock

from ebbtide.broker import Settlement
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.brokers.sqlite import SqliteBroker, payloads
from ebbtide.brokers.sqlite.schema import DELAYED, READY

LENGTH = 200
"""Steps of one history: enough for a message to go through much, few enough to be shortened."""

IN_MEMORY = Path("/dev/shm")
TO_THE_BACK = "update tasks set seq = (select max(seq) + 1 from tasks) where id = ? and state in (?, ?)"


class MemorySubject(Subject):
    """One broker in memory, which all holders share; nobody dies in it."""

    broker: Embedded

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.broker = MemoryBroker(clock)  # type: ignore[assignment]

    def holder(self, number: int) -> Embedded:
        return self.broker

    def close(self) -> None:
        self.broker.close()


class SqliteSubject(Subject):
    """Three brokers on one file, as three workers have them; a fourth does the upkeep of every second."""

    make: Callable[..., SqliteBroker] = SqliteBroker

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        quick = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
        self.folder = Path(mkdtemp(prefix="bar-", dir=quick))
        self.path = self.folder / "queue.db"
        self.holders = [self._new() for _ in range(HOLDERS)]

    def _new(self) -> SqliteBroker:
        return self.make(self.path, durable=False, clock=self.clock)

    def holder(self, number: int) -> Embedded:
        return self.holders[number]  # type: ignore[return-value]

    def die(self, number: int) -> bool:
        self.holders[number].close()
        self.holders[number] = self._new()
        self.recover()
        return True

    def recover(self) -> None:
        janitor = self._new()
        janitor.receive([NOTHING], 1)
        janitor.close()

    def amiss(self) -> list[str]:
        there = {path.name for path in (self.folder / "queue.db-run").glob("payload-*")}
        wanted = {payloads.name(id) for (id,) in query(self.path, "select id from tasks where outside")}
        return damage(self.path) + [f"the payload {name} is gone" for name in wanted - there]

    def close(self) -> None:
        for broker in self.holders:
            broker.close()
        shutil.rmtree(self.folder)


class MemoryToTheBack(MemoryBroker):
    """Plants the fault: what is retried goes to the end of its queue."""

    def retry(self, settled: Sequence[Settlement]) -> int:
        effect = super().retry(settled)
        for settlement in settled:
            id = settlement.delivery.message.id
            if id in self._entries:
                self._entries[id] = self._entries.pop(id)
        return effect


class SqliteToTheBack(SqliteBroker):
    """Plants the fault: what is retried goes to the end of its queue."""

    def retry(self, settled: Sequence[Settlement]) -> int:
        effect = super().retry(settled)
        with self._database.writing() as connection:
            for settlement in settled:
                connection.execute(TO_THE_BACK, (settlement.delivery.message.id, READY, DELAYED))
        return effect


class FaultyMemory(MemorySubject):
    """A memory broker with the fault."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.broker = MemoryToTheBack(clock)  # type: ignore[assignment]


class FaultySqlite(SqliteSubject):
    """A SQLite broker with the fault."""

    make = SqliteToTheBack


SUBJECTS: dict[str, Make] = {"memory": MemorySubject, "sqlite": SqliteSubject}
FAULTY: dict[str, Make] = {"memory": FaultyMemory, "sqlite": FaultySqlite}


def run(draw: Draw) -> Iterator[Figure | Miss]:
    for name, make in (FAULTY if draw.fault else SUBJECTS).items():
        differences = done = 0
        while done < draw.sizes["steps"] and not differences:
            seed, length = draw.random.getrandbits(32), min(LENGTH, draw.sizes["steps"] - done)
            history = steps(draw.random, length)
            done += length
            wrong, _ = played(make, seed, history)
            if wrong:
                differences += 1
                yield Miss(f"{name}: {explained(make, seed, history)}")
        yield Figure(f"steps on {name}", done)
        yield Figure(f"differences between {name} and the model", differences)


def explained(make: Make, seed: int, history: list[Step]) -> str:
    """The difference and the shortest history that was found to show it."""
    short = shortest(make, seed, history)
    wrong, told = played(make, seed, short)
    return "\n    ".join([f"{wrong}, after {len(short)} steps:", *told])


ROW = Row(
    "R12",
    "every broker does what the model says",
    run,
    quick={"steps": 5_000},
    full={"steps": 100_000},
    faults=("retry-order",),
)

if __name__ == "__main__":
    ROW.main()
