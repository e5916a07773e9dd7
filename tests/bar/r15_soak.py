"""R15: for as long as one likes, all faults at random on one file, and every half minute a look whether all holds.

Two workers share a queue file. To one of them, and to the file, everything happens that the other rows do one by one:
kills, stops, clocks set, poisons, crashes, locks. The other one is left alone, so that its memory can be watched. Then
all is let come to rest: each task that was acknowledged has been done, each poison is dead with a reason, nothing ran
again that had ended, and the file is sound.

    python -m tests.bar.r15_soak --minutes 60
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random

from tests.bar.queuefile import call, damage, folder, query
from tests.bar.r6_poison import corpus, put
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.workers import Line, Place, Worker, until

from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.brokers.sqlite.schema import DEAD, DONE
from ebbtide.message import Message

A_ROUND = 30.0
REST_WITHIN = 120.0
STARTED_WITHIN = 60.0
"""Seconds of faults before each look, and how long it may take until all has come to rest, or a worker is there."""

MOST_GROWTH = 10.0
"""MB the workers that are left alone may grow, from the first look to the last."""

A_DAY = 86_400

CRASHES = ("kill", "segfault", "exit", "abort")
FAILURES = ("exit", "interrupt", "generator", "unspeakable", "recursion", "object")
SMALL_POISONS = [body for body in corpus().values() if not isinstance(body, bytes) or len(body) < 100_000]


class Soak:
    """The file, the two workers, and what should come of everything that was sent."""

    def __init__(self, place: Place, random: Random) -> None:
        self.place, self.random = place, random
        self.broker = SqliteBroker(place.path)
        self.tried, self.spared = self._worker(2), self._worker(1, "--queues", "default")
        self.number = 0
        self.good: set[str] = set()
        self.bad: set[str] = set()
        self.hit: set[int] = set()
        self.events: Counter[str] = Counter()
        self._read = 0  # bytes of the log that were judged
        self._ended: set[int] = set()

    def _worker(self, processes: int, *options: str) -> Worker:
        return self.place.start("--processes", str(processes), "--grace", "2", *options)

    # What is sent

    def send(self) -> None:
        """Some good tasks of many kinds. What was acknowledged must be done in the end."""
        batch = [self._message() for _ in range(self.random.randint(1, 60))]
        ids = self.broker.send(batch)
        self.good |= set(ids)
        self.events["tasks"] += len(ids)

    def _message(self) -> Message:
        self.number += 1
        chance, now = self.random.random, time.time()
        return call(
            str(self.number),
            task="flaky" if chance() < 0.1 else "work",
            args=[self.number],
            run_after=now + self.random.uniform(0, 5) if chance() < 0.1 else None,
            priority=self.random.choice((0, 0, 0, 10, -10)),
            group=self.random.choice("ab") if chance() < 0.2 else None,
            headers={"traceparent": "x" * 300_000} if chance() < 0.002 else {},
        )

    def _bad(self, send: Callable[[str, int], object]) -> None:
        self.number += 1
        id = f"bad-{self.number}"
        send(id, self.number)
        self.bad.add(id)

    # What happens

    def poison(self) -> None:
        body = self.random.choice(SMALL_POISONS)
        self._bad(lambda id, _: put(self.place.path, id, body))

    def fail(self) -> None:
        self._bad(lambda id, _: self.broker.send([call(id, task="fail", args=[self.random.choice(FAILURES)])]))

    def crash(self) -> None:
        how = self.random.choice(CRASHES)
        self._bad(lambda id, number: self.broker.send([call(id, "short", task="crash", args=[number, how])]))

    def kill_all(self) -> None:
        self.hit |= {self.tried.process.pid, *children(self.tried.process.pid)}
        self.tried.kill()
        self.tried = self._worker(2)

    def kill_one(self) -> None:
        if pids := children(self.tried.process.pid):
            pid = self.random.choice(pids)
            self.hit.add(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_supervisor(self) -> None:
        self.hit |= set(children(self.tried.process.pid))
        self.tried.process.kill()
        self.tried.process.wait()
        self.tried = self._worker(2)

    def terminate(self) -> None:
        self.hit |= set(children(self.tried.process.pid))
        self.tried.terminate()
        self.tried.process.wait()
        self.tried = self._worker(2)

    def stop(self) -> None:
        for pid in self.random.sample(pids := children(self.tried.process.pid), min(1, len(pids))):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                time.sleep(self.random.uniform(0.1, 2.0))
                os.kill(pid, signal.SIGCONT)

    def set_clock(self) -> None:
        self._set_clock(self.random.choice((-A_DAY, -3_600, 3_600, A_DAY)))

    def _set_clock(self, ahead: int) -> None:
        clock = self.place.log.with_name("clock")
        clock.with_name("clock.new").write_text(str(ahead))
        clock.with_name("clock.new").rename(clock)

    def lock(self) -> None:
        """Someone else writes, and takes his time."""
        with closing(sqlite3.connect(self.place.path, timeout=30, isolation_level=None)) as connection:
            connection.execute("begin immediate")
            time.sleep(self.random.uniform(0.1, 1.5))
            connection.execute("rollback")

    def read_long(self) -> None:
        """Someone else reads, and keeps the log from being folded into the file."""
        with closing(sqlite3.connect(self.place.path, isolation_level=None)) as connection:
            connection.execute("begin")
            connection.execute("select count(*) from tasks").fetchone()
            self.send()
            time.sleep(self.random.uniform(0.1, 1.5))

    def redrive(self) -> None:
        if letters := self.broker.dead(limit=5):
            self.broker.redrive([letter.id for letter in letters])

    def purge(self) -> None:
        self.broker.purge()

    def happen(self) -> None:
        """One thing at random."""
        event = self.random.choice(EVENTS)
        self.events[event.__name__] += 1
        event(self)

    # What must hold

    def rest(self) -> Iterator[str]:
        """Let all come to rest, and look."""
        self._set_clock(2 * A_DAY)  # delays go by the clock: what is retried while it is ahead is due when it says so
        began = time.monotonic()
        if not until(self._at_rest, REST_WITHIN, pause=0.1):
            left = [depth for queue in ("default", "short") for depth in self.broker.depth(queue)]
            yield f"after {REST_WITHIN:.0f} s there are still {left}"
        self.events["seconds to rest, at most"] = max(
            self.events["seconds to rest, at most"], round(time.monotonic() - began)
        )
        found = query(self.place.path, "select id, state, errors from tasks")
        done = {id for id, state, _ in found if state == DONE}
        dead = {id: errors for id, state, errors in found if state == DEAD}
        lines = self._new_lines()
        self._ended |= {line.number for line in lines if line.word == "end"}
        for what, which in {
            "good tasks are not recorded as done": self.good - done,
            "good tasks are recorded as done, and did not end": {id for id in self.good if int(id) not in self._ended},
            "poisons are not dead": self.bad - dead.keys(),
            "others are dead": dead.keys() - self.bad,
            "are dead without a reason": {id for id, errors in dead.items() if errors in (None, "[]")},
        }.items():
            if which:
                yield f"{len(which)} {what}, as {min(which)}"
        yield from self._repeated(lines)
        yield from damage(self.place.path)
        self._set_clock(0)
        if self.spared.process.poll() is not None:
            yield "the worker that was left alone has ended"

    def _at_rest(self) -> bool:
        return not any(depth.pending for queue in ("default", "short") for depth in self.broker.depth(queue))

    def _new_lines(self) -> list[Line]:
        with self.place.log.open("rb") as log:
            log.seek(self._read)
            text = log.read()
        self._read += len(text)
        parts = (line.split() for line in text.decode().splitlines())
        return [Line(word, int(number), int(pid)) for word, number, pid in parts]

    def _repeated(self, lines: list[Line]) -> Iterator[str]:
        """Good tasks that ended twice, and no kill explains it."""
        ends: dict[int, list[int]] = {}
        for line in lines:
            if line.word == "end":
                ends.setdefault(line.number, []).append(line.pid)
        for number, pids in ends.items():
            if survivors := [pid for pid in pids[:-1] if pid not in self.hit]:
                yield f"task {number} ran again after it had ended in process {survivors[0]}, which was not killed"
        self.events["repeated"] += sum(len(pids) - 1 for pids in ends.values())

    def memory(self) -> float | None:
        """MB resident of the worker that is left alone; None where the system does not say."""
        pids = [self.spared.process.pid, *children(self.spared.process.pid)]
        sizes = [_resident(pid) for pid in pids]
        return sum(size for size in sizes if size) if all(sizes) else None


EVENTS: tuple[Callable[[Soak], None], ...] = (
    *(Soak.poison, Soak.fail, Soak.crash, Soak.kill_all, Soak.kill_one, Soak.kill_one, Soak.kill_supervisor),
    *(Soak.terminate, Soak.stop, Soak.set_clock, Soak.lock, Soak.read_long, Soak.redrive, Soak.purge),
)


def children(pid: int) -> list[int]:
    """The processes this one started, where there is a /proc."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _resident(pid: int) -> float | None:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return None


def run(draw: Draw) -> Iterator[Figure | Miss]:
    end = time.monotonic() + 60 * draw.sizes["minutes"]
    with folder() as path:
        place = Place(path, draw.fault, "tests.bar.soak_app:app")
        soak = Soak(place, draw.random)
        memory: list[float | None] = []
        rounds = 0
        try:
            soak.send()
            if not until(place.lines, STARTED_WITHIN):
                yield Miss(f"no worker came up: {place.said.read_text()[-500:]}")
                return
            while time.monotonic() < end:
                rounds += 1
                pause = min(end, time.monotonic() + A_ROUND)
                while time.monotonic() < pause:
                    soak.send()
                    soak.happen()
                    time.sleep(draw.random.uniform(0, 0.5))
                missed = [Miss(f"round {rounds}: {wrong}") for wrong in soak.rest()]
                yield from missed
                memory.append(soak.memory())
                if missed:
                    break
        finally:
            soak.tried.kill()
            soak.spared.kill()
            soak.broker.close()
        yield Figure("rounds", rounds)
        yield from (Figure(what, number) for what, number in sorted(soak.events.items()))
        yield Figure("file", place.path.stat().st_size / 1e6, "MB")
        yield from _grown(memory)


def _grown(memory: list[float | None]) -> Iterator[Figure | Miss]:
    known = [size for size in memory if size is not None]
    if len(known) < 2:
        yield Figure("growth of the worker that was left alone", "left out: too few looks, or no /proc")
        return
    yield Figure("memory of the worker that was left alone", f"{known[0]:.1f} to {known[-1]:.1f}", "MB")
    if known[-1] - known[0] > MOST_GROWTH:
        yield Miss(f"it grew by {known[-1] - known[0]:.1f} MB")


ROW = Row(
    "R15",
    "all faults at random for as long as one likes, and all promises hold",
    run,
    quick={"minutes": 1},
    full={"minutes": 60},
    faults=("ack-first",),
)

if __name__ == "__main__":
    ROW.main()
