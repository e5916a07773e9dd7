"""R12: every broker does what one model says, whatever is done to it in whatever order.

The model is tests/brokers/model.py; the histories are made and shortened by tests/brokers/histories.py. A broker is
added by one line in SUBJECTS. A difference is shown as the shortest history that was found to have it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from tests.aws.simulator.account import Account
from tests.aws.simulator.clock import Timeline
from tests.aws.simulator.stage import Simulated, Stage
from tests.bar.queuefile import damage, query
from tests.bar.row import Draw, Figure, Miss, Row
from tests.brokers.histories import HOLDERS, NOTHING, VERBS, Embedded, Make, Step, Subject, played, shortest, steps
from tests.brokers.model import Promises
from tests.fakes import Clock

from ebbtide.app import App
from ebbtide.broker import Settlement
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.brokers.sqlite import SqliteBroker, payloads
from ebbtide.brokers.sqlite.schema import DELAYED, READY
from ebbtide.message import Message
from ebbtide.queue import Queue

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


class SqsSubject(Subject):
    """Three brokers on one stage of the simulated SQS. What is not SQS's own promise has its own tests.

    Left out by name: keys, and sending twice under one id (S3: a table keeps keys, and a standard queue stores what it
    is sent); records (tests/results: they stand in the table); a delay on a FIFO queue (it goes by a schedule, and
    loses its place); the death of a holder (SQS does not know of holders, only of loans); purging; what a holder whose
    loan is another's by now says of its attempt (the ledger is written first, so that the next holder reads it; SQS
    says only then that the loan is over).
    """

    promises = Promises(
        complete=True,  # as long as no short poll misses a server, which is no fault here
        ordered=False,
        tells=False,
        limits=False,
        counts=False,
        alone=False,
        grouped=False,
        across=False,
        exact=False,
    )
    verbs = frozenset(VERBS) - {"die", "load", "purge", "remove"}
    settles_once = False
    resends = False
    make: type[Simulated] = Simulated

    def __init__(self, clock: Clock) -> None:
        super().__init__(Timeline(clock()))
        self.account = Account(seed=1, timeline=self.clock)  # type: ignore[arg-type]

    def prepare(self, queues: Sequence[Queue]) -> None:
        """Have the stage with these queues, as its template makes it; nobody polls them."""
        self.queues = {queue.name: queue for queue in queues}
        undeployed = [replace(queue, concurrency=None, runner="fargate") for queue in queues]
        self.stage = Stage(self.account, lambda wiring: App("t", queues=undeployed, **wiring))
        place = self.stage.place
        self.holders = [self.make(self.account, place, self.queues, self.stage.clients) for _ in range(HOLDERS)]

    def fitting(self, message: Message) -> Message:
        queue = self.queues[message.queue]
        late = None if queue.fifo else message.run_after
        return replace(message, key=None, key_window=0.0, lane=message.lane % queue.lanes, run_after=late)

    def holder(self, number: int) -> Embedded:
        return self.holders[number]  # type: ignore[return-value]

    def recover(self) -> None:
        pass

    def close(self) -> None:
        self.account.timeline.close()


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


class FifoToTheBack(Simulated):
    """Plants the fault: what is retried goes to the end of its group."""

    def retry(self, settled: Sequence[Settlement]) -> int:
        effect = super().retry(settled)
        for queue in self.account.queues.values():
            for settlement in settled:
                for stored in queue.stored.values():
                    if settlement.delivery.message.id in stored.body:
                        stored.sequence = 1_000_000 + self.account.random.randrange(1_000_000)
        return effect


class FaultyMemory(MemorySubject):
    """A memory broker with the fault."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.broker = MemoryToTheBack(clock)  # type: ignore[assignment]


class FaultySqlite(SqliteSubject):
    """A SQLite broker with the fault."""

    make = SqliteToTheBack


class FaultySqs(SqsSubject):
    """A broker on SQS with the fault."""

    make = FifoToTheBack


SUBJECTS: dict[str, Make] = {"memory": MemorySubject, "sqlite": SqliteSubject, "sqs": SqsSubject}
FAULTY: dict[str, Make] = {"memory": FaultyMemory, "sqlite": FaultySqlite, "sqs": FaultySqs}


def run(draw: Draw) -> Iterator[Figure | Miss]:
    for name, make in (FAULTY if draw.fault else SUBJECTS).items():
        differences = done = 0
        wanted = draw.sizes["sqs" if name == "sqs" else "steps"]
        while done < wanted and not differences:
            seed, length = draw.random.getrandbits(32), min(LENGTH, wanted - done)
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
    quick={"steps": 5_000, "sqs": 1_600},
    full={"steps": 100_000, "sqs": 100_000},
    faults=("retry-order",),
)

if __name__ == "__main__":
    ROW.main()
