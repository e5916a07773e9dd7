"""The processes of R3: each stores or finishes tasks in one queue file and notes what it was told, when it was told.

`python -m tests.bar.r3_crowd KIND NAME PATH SEED COUNT DURABLE` appends lines to the file "told" beside the queue:
"stored ID...", "done ID...". The journal of that file says what was known before which power cut.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from threading import Thread

from tests.bar.queuefile import call, report

from ebbtide.broker import Settlement
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.queue import Queue
from ebbtide.result import Status

BATCH = 50
IDLE = 1.0  # seconds without a task, after which the consumer goes home
QUEUE = Queue("default", visibility=3600.0)


class Producer:
    """One process of the crowd."""

    def __init__(self, name: str, path: Path, random: Random, durable: bool) -> None:
        self.name, self.random = name, random
        self.told = os.open(path.with_name("told"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.broker = SqliteBroker(path, durable=durable)

    def note(self, word: str, ids: list[str]) -> None:
        os.write(self.told, f"{word} {' '.join(ids)}\n".encode())

    def single(self, count: int) -> None:
        """One by one; the file is closed and opened again now and then, which may end and begin its log."""
        for number in range(count):
            more = self.random.choice(({}, {"key": f"{self.name}-{number}"}, {"run_after": time.time() + 1e6}))
            self.note("stored", self.broker.send([call(f"{self.name}-{number}", **more)]))
            if self.random.random() < 0.05:
                self.broker.close()
                time.sleep(self.random.random() / 50)

    def threads(self, count: int) -> None:
        """Eight threads, whose commits share flushes."""

        def send(thread: int) -> None:
            for number in range(count // 8):
                self.note("stored", self.broker.send([call(f"{self.name}-{thread}-{number}")]))

        crowd = [Thread(target=send, args=(number,)) for number in range(8)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()

    def bulk(self, count: int) -> None:
        """Batches so big that the log is checkpointed and begun anew."""
        for batch in range(count // BATCH):
            args = ["x" * self.random.randint(0, 5000)]
            messages = [call(f"{self.name}-{batch}-{number}", args=args) for number in range(BATCH)]
            self.note("stored", self.broker.send(messages))

    def large(self, count: int) -> None:
        """Bodies too large for their rows."""
        for number in range(count):
            args = ["x" * self.random.randint(300_000, 600_000)]
            self.note("stored", self.broker.send([call(f"{self.name}-{number}", args=args)]))

    def consumer(self, count: int) -> None:
        """Takes what there is and finishes it."""
        last = time.monotonic()
        while time.monotonic() - last < IDLE:
            deliveries = self.broker.receive([QUEUE], 10, wait=0.2)
            if not deliveries:
                continue
            last = time.monotonic()
            self.broker.ack([Settlement(d, report(d.message.id)) for d in deliveries])
            ids = [d.message.id for d in deliveries]
            if self.random.random() < 0.5:  # done is for good once a worker has flushed, or once anybody has seen it
                self.broker.flush()
            elif any(record.status is not Status.SUCCESSFUL for record in self.broker.load(ids).values()):
                raise AssertionError("acknowledged and not done")
            self.note("done", ids)

    def forked(self, count: int) -> None:
        """A process that has used its broker forks and ends; the child goes on with the same broker."""
        self.single(2)
        heard, said = os.pipe()
        if os.fork():
            os.read(heard, 1)
            return
        self.name += "-child"
        self.note("stored", self.broker.send([call(self.name)]))
        os.write(said, b"!")
        while os.getppid() == self._parent:
            time.sleep(0.005)
        for number in range(20):  # without letting go of the file
            self.note("stored", self.broker.send([call(f"{self.name}-first-{number}")]))
        self.single(count)

    _parent = os.getpid()


KINDS: dict[str, Callable[[Producer, int], None]] = {
    "single": Producer.single,
    "threads": Producer.threads,
    "bulk": Producer.bulk,
    "large": Producer.large,
    "consumer": Producer.consumer,
    "forked": Producer.forked,
}

if __name__ == "__main__":
    kind, name, path, seed, count, durable = sys.argv[1:]
    producer = Producer(name, Path(path), Random(seed), durable == "True")
    KINDS[kind](producer, int(count))
    producer.broker.close()
