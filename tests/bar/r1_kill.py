"""R1: a SIGKILL loses nothing, sets nothing fast, and repeats only what it hit.

Workers of four processes run short tasks, each noting its start and its end. At random points of the progress the whole
process group is killed and started again, or one process, or the supervisor alone. In the end a draining worker must
leave every task done. A task that ran twice must have been running in a process we killed, and none may start again
that was recorded as done before.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from tests.bar.queuefile import call, damage, folder, query, rows
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.workers import Line, Place, until

from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.brokers.sqlite.schema import DONE, RUNNING

OPTIONS = ("--processes", "4", "--grace", "2")
GONE_WITHIN = 10.0
"""Seconds after the end in which the processes of a supervisor that was killed must be gone, too."""

STARTED_WITHIN = 60.0
STANDSTILL = 20.0
STANDSTILL_OF_A_FAULT = 6.0
"""Seconds without progress after which a worker is given up; a start of five processes on a busy machine takes some."""

MANNERS = ("group", "group", "group", "one", "supervisor")


class Killing:
    """One run: the worker, and what each kill found."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.worker = place.start(*OPTIONS)
        self.hit: set[int] = set()
        self.in_flight = 0
        self.recorded: list[tuple[int, set[int]]] = []
        self.manners: Counter[str] = Counter()

    def kill(self, manner: str, *options: str) -> None:
        """Kill something in mid-work, and see to it that work goes on, with these options of a new worker."""
        self.manners[manner] += 1
        lines = self.place.lines()
        if manner == "group":
            self.worker.kill()
            self.hit |= {line.pid for line in self.place.lines()}
        else:
            pid = lines[-1].pid if manner == "one" else self.worker.process.pid
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self.hit.add(pid)
        self.in_flight += query(self.place.path, "select count(*) from tasks where state = ?", RUNNING)[0][0]
        done = query(self.place.path, "select id from tasks where state = ?", DONE)
        self.recorded.append((len(self.place.lines()), {int(id) for (id,) in done}))
        if manner != "one":
            self.worker = self.place.start(*OPTIONS, *options)


def run(draw: Draw) -> Iterator[Figure | Miss]:
    tasks, kills = draw.sizes["tasks"], draw.sizes["kills"]
    with folder() as path:
        place = Place(path, draw.fault)
        broker = SqliteBroker(place.path)
        broker.send([call(str(number), args=[number]) for number in range(tasks)])
        broker.close()
        killing = Killing(place)
        try:
            for after in sorted(draw.random.sample(range(tasks * 9 // 10), kills)):
                if not until(lambda after=after: _ended(place) > after, STARTED_WITHIN):  # type: ignore[misc]
                    break
                killing.kill(draw.random.choice(MANNERS))
            ended = drained(place, killing, STANDSTILL_OF_A_FAULT if draw.fault else STANDSTILL)
        finally:
            killing.worker.kill()
            until(lambda: not place.alive(), GONE_WITHIN)
            left_behind = place.alive()
            for pid in left_behind:
                os.kill(pid, signal.SIGKILL)
        yield from judged(place, killing, tasks)
        if left_behind:
            yield Miss(f"{len(left_behind)} processes lived on without their supervisor")
        yield Figure("seconds to drain after the last kill", ended)


def _ended(place: Place) -> int:
    """How many ends are noted, counting repeated ones."""
    return place.log.read_bytes().count(b"end ") if place.log.exists() else 0


def drained(place: Place, killing: Killing, standstill: float) -> float:
    """Let a draining worker take over, until it ends or nothing moves any more; the seconds it took."""
    killing.kill("group", "--drain")
    began = time.monotonic()
    moved, seen = began, -1
    while killing.worker.process.poll() is None and time.monotonic() - moved < standstill:
        if (now := len(place.lines())) != seen:
            moved, seen = time.monotonic(), now
        time.sleep(0.05)
    return time.monotonic() - began


def judged(place: Place, killing: Killing, tasks: int) -> Iterator[Figure | Miss]:
    lines = place.lines()
    starts, ends = (Counter(line.number for line in lines if line.word == word) for word in ("start", "end"))
    found = {int(id): task.state for id, task in rows(place.path).items()}
    lost = [number for number in range(tasks) if not ends[number] or number not in found]
    stuck = [number for number, state in found.items() if state not in ("done", "dead")]
    dead = [number for number, state in found.items() if state == "dead"]
    twice = sum(starts.values()) - len(starts)
    yield Figure("kills", f"{sum(killing.manners.values())}: {dict(killing.manners)}")
    yield Figure("tasks", tasks)
    yield Figure("lost", len(lost))
    yield Figure("stuck", len(stuck))
    yield Figure("dead", len(dead))
    yield Figure("started again, of which had ended", f"{twice}, {sum(ends.values()) - len(ends)}")
    yield Figure("on loan at the kills", killing.in_flight)
    if killing.in_flight < twice:
        yield Miss(f"{twice} repeats are more than the {killing.in_flight} on loan at the kills")
    for what, which in (("lost", lost), ("stuck", stuck), ("dead", dead)):
        if which:
            yield Miss(f"{len(which)} tasks are {what}, as {which[0]}")
    yield from map(Miss, damage(place.path))
    yield from map(Miss, unexplained(lines, killing))


def unexplained(lines: list[Line], killing: Killing) -> Iterator[str]:
    """Repeats that no kill explains."""
    runs: dict[int, list[int]] = {}
    for line in lines:
        if line.word == "start":
            runs.setdefault(line.number, []).append(line.pid)
    for number, pids in runs.items():
        if survivors := [pid for pid in pids[:-1] if pid not in killing.hit]:
            yield f"task {number} ran again though process {survivors[0]} was not killed"
    for seen, done in killing.recorded:
        again = {line.number for line in lines[seen:] if line.word == "start"} & done
        if again:
            yield f"{len(again)} tasks ran again that had been recorded as done, as {min(again)}"


ROW = Row(
    "R1",
    "a SIGKILL loses nothing and repeats only what it hit",
    run,
    quick={"kills": 8, "tasks": 800},
    full={"kills": 200, "tasks": 20_000},
    faults=("ack-first", "no-reclaim"),
)

if __name__ == "__main__":
    ROW.main()
