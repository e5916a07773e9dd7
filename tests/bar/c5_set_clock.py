"""C5: the clock is set forward and back by up to an hour; no tick is fired twice, none is lost.

Three schedulers share a clock that is set again and again while they run. What the clock showed at its furthest decides
which ticks there were; each has one message in the queue file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.bar.c1_schedulers import CATCH_UP, SCHEDULERS, START, schedules
from tests.bar.clockwork import Clockwork, amiss
from tests.bar.queuefile import folder
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.workers import until

SPEED = 3_600.0
"""An hour a second: between two steps some ticks come due."""

HOUR = 3_600.0


def run(draw: Draw) -> Iterator[Figure | Miss]:
    with folder() as path:
        work = Clockwork(path, schedules(draw.random, draw.sizes["schedules"]), draw.fault)
        work.set(START, SPEED)
        furthest, back = START, 0
        try:
            for _ in range(SCHEDULERS):
                work.start()
            for _ in range(draw.sizes["steps"]):
                time.sleep(draw.random.uniform(0.05, 0.6))
                furthest = max(furthest, work.now())
                step = draw.random.choice([-HOUR, HOUR, draw.random.uniform(-HOUR, HOUR)])
                back += step < 0
                work.set(work.now() + step, SPEED)
                furthest = max(furthest, work.now())
            work.set(furthest + HOUR, 0)
            end = work.now()
            caught_up = until(lambda: work.caught_up(end), CATCH_UP, pause=0.2)
        finally:
            work.clear()
        stored, expected = work.stored(), work.expected(end)
        doubled = sum(times - 1 for came in stored.values() for times in came.values())
        yield Figure("steps of the clock, of which back", f"{draw.sizes['steps']}, {back}")
        yield Figure("ticks", sum(map(len, expected.values())))
        yield Figure("doubled", doubled)
        if not caught_up:
            yield Miss(f"the schedulers had not caught up {CATCH_UP:g} s after the clock stood still")
        yield from map(Miss, amiss(stored, expected))


ROW = Row(
    "C5",
    "a clock that is set doubles no tick and loses none",
    run,
    quick={"steps": 12, "schedules": 10},
    full={"steps": 200, "schedules": 20},
    faults=("back-with-the-clock",),
)

if __name__ == "__main__":
    ROW.main()
