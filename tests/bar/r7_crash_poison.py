"""R7: a task that takes its worker with it is started a few times and then set aside, and holds nobody up for long.

Poisons that kill, crash or end their process, or use up all its memory, stand on a queue where good tasks keep coming.
Each poison may start five times, as often as any task that fails, and must then be a dead letter that says how its
worker died; and no good task may wait longer than two seconds for each crash that came before it.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

from tests.bar.crashes import CRASHES
from tests.bar.queuefile import call, damage, folder, rows
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.workers import Place, until

from ebbtide.brokers.sqlite import SqliteBroker

STARTS = 5
FOR_A_CRASH = 2.0
SLACK = 4.0
"""Seconds a good task may wait for each crash before it, and what we allow on top on a busy machine."""

STARTED_WITHIN = 60.0
SETTLED_WITHIN = 240.0
GOOD = 1_000_000
"""Numbers of good tasks begin here."""

NEEDS_LINUX = ("memory", "recurse")  # for its limits

SAYS = {"memory": ("WorkerDied", "MemoryError")}
"""What may be the reason of which poison; of the others, that the worker died."""


def run(draw: Draw) -> Iterator[Figure | Miss]:
    ways = [how for how in CRASHES if sys.platform == "linux" or how not in NEEDS_LINUX]
    poisons = draw.random.sample(ways, min(draw.sizes["ways"], len(ways))) * draw.sizes["each"]
    draw.random.shuffle(poisons)
    with folder() as path:
        place = Place(path, draw.fault, "tests.bar.crash_app:app")
        with closing(SqliteBroker(place.path)) as broker:
            worker = place.start("--processes", str(draw.sizes["processes"]))
            try:
                broker.send([call("first", args=[GOOD])])
                if not until(lambda: ran(place, GOOD), STARTED_WITHIN):
                    yield Miss("the worker did not come up")
                    return
                ids = [f"{number}-{how}" for number, how in enumerate(poisons)]
                broker.send([call(id, task="crash", args=[n, poisons[n]]) for n, id in enumerate(ids)])
                yield from waited(place, broker, ids)
                if worker.process.poll() is not None:
                    yield Miss("the worker has ended")
            finally:
                worker.kill()
            yield from judged(place, broker, poisons)
        yield from map(Miss, damage(place.path))


def waited(place: Place, broker: SqliteBroker, poisons: list[str]) -> Iterator[Figure | Miss]:
    """Send one good task after another until all poisons are settled; what each had to wait."""
    began, number, slowest, slowest_each = time.monotonic(), GOOD, 0.0, 0.0
    while not all(rows(place.path)[id].state == "dead" for id in poisons):
        if time.monotonic() - began > SETTLED_WITHIN or too_often(place):
            break
        number += 1
        sent, before = time.monotonic(), starts(place).total()
        broker.send([call(str(number), args=[number])])
        patience = len(poisons) * STARTS * FOR_A_CRASH
        came = until(lambda number=number: ran(place, number) or too_often(place), patience)  # type: ignore[misc]
        took, crashes = time.monotonic() - sent, starts(place).total() - before
        slowest, slowest_each = max(slowest, took), max(slowest_each, took / (crashes + 1))
        if not came or took > (crashes + 1) * FOR_A_CRASH + SLACK:
            yield Miss(f"a good task waited {took:.1f} s, for {crashes} crashes")
    yield Figure("good tasks meanwhile", number - GOOD)
    yield Figure("the slowest of them took", f"{slowest:.2f} s; {slowest_each:.2f} s for each crash at most")
    yield Figure("until all poisons were settled", time.monotonic() - began, "s")


def ran(place: Place, number: int) -> bool:
    return any(line.number == number for line in place.lines())


def too_often(place: Place) -> bool:
    return max(starts(place).values(), default=0) > STARTS


def starts(place: Place) -> Counter[int]:
    """How often each poison was started."""
    return Counter(line.number for line in place.lines() if line.word == "start" and line.number < GOOD)


def judged(place: Place, broker: SqliteBroker, poisons: list[str]) -> Iterator[Figure | Miss]:
    letters = {letter.id: letter for letter in broker.dead(limit=10_000)}
    started = starts(place)
    yield Figure("poisons, starts, dead letters", f"{len(poisons)}, {started.total()}, {len(letters)}")
    for number, how in enumerate(poisons):
        letter = letters.pop(f"{number}-{how}", None)
        if started[number] > STARTS:
            yield Miss(f"{how} was started {started[number]} times, {STARTS} are allowed")
        elif letter is None:
            yield Miss(f"{how} is no dead letter after {started[number]} starts")
        elif not any(word in f"{letter.error}" for word in SAYS.get(how, ("worker died",))):
            yield Miss(f"{how} was set aside with another reason: {letter.error}")
    for id, letter in letters.items():
        yield Miss(f"the good task {id} is a dead letter: {letter.error}")
    good = Counter(line.number for line in place.lines() if line.word == "end")
    if again := [number for number, count in good.items() if count > 1]:
        yield Figure("good tasks that ran again, having ended just before a crash", len(again))


ROW = Row(
    "R7",
    "a task that takes its worker with it is set aside after five starts, and holds nobody up",
    run,
    quick={"ways": 3, "each": 1, "processes": 3},
    full={"ways": 6, "each": 3, "processes": 4},
    faults=("no-crash-count",),
)

if __name__ == "__main__":
    ROW.main()
