"""C1: several schedulers on one file, killed at random, fire each tick exactly once.

Three processes share a clock that runs through days in a minute or two. At random moments one of them, or all, are
killed with SIGKILL and started again. In the end the queue file must hold one message for each tick since its schedule
was first seen, as an enumeration of its own has them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from tests.bar.clockwork import Clockwork, Given, amiss
from tests.bar.queuefile import damage, folder
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.workers import until

SCHEDULERS = 3
START = 1_803_600_000.0
"""25 February 2027: clocks change within the days that follow in some zones, and in UTC nothing does."""

CATCH_UP = 30.0
LEEWAY = 3_600.0
"""Seconds by which the clock is set forward at last: nobody has ever read a later time from it."""

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")


def schedules(draw: random.Random, count: int) -> list[Given]:
    """Every tick is made up, however late: by this clock all are."""
    found: list[Given] = []
    for number in range(count):
        hour, step, minute = draw.randrange(24), draw.randint(2, 6), draw.randrange(60)
        cron = draw.choice([f"{minute} * * * ? *", f"{minute} 0/{step} * * ? *", f"{minute}/20 {hour} ? * * *"])
        expression = f"rate({draw.randint(20, 90)} minutes)" if number % 2 else f"cron({cron})"
        found.append((expression, draw.choice(ZONES), "all"))
    return found


def run(draw: Draw) -> Iterator[Figure | Miss]:
    sizes = draw.sizes
    with folder() as path:
        work = Clockwork(path, schedules(draw.random, sizes["schedules"]), draw.fault)
        work.set(START, sizes["days"] * 86_400 / sizes["seconds"])
        began = time.monotonic()
        try:
            for _ in range(SCHEDULERS):
                work.start()
            at = sorted(draw.random.uniform(0, sizes["seconds"]) for _ in range(sizes["kills"]))
            for moment in at:
                time.sleep(max(0.0, began + moment - time.monotonic()))
                work.kill(draw.random.randrange(SCHEDULERS))
                work.start()
            time.sleep(max(0.0, began + sizes["seconds"] - time.monotonic()))
            work.set(work.now() + LEEWAY, 0)
            end = work.now()
            caught_up = until(lambda: work.caught_up(end), CATCH_UP, pause=0.2)
        finally:
            work.clear()
        stored, expected = work.stored(), work.expected(end)
        yield Figure("schedulers, of which killed", f"{SCHEDULERS + sizes['kills']}, {sizes['kills']}")
        yield Figure("days that passed", (end - START) / 86_400)
        yield Figure("schedules", len(expected))
        yield Figure("ticks", sum(map(len, expected.values())))
        yield Figure("messages", sum(sum(came.values()) for came in stored.values()))
        if not caught_up:
            yield Miss(f"the schedulers had not caught up {CATCH_UP:g} s after the clock stood still")
        yield from map(Miss, amiss(stored, expected))
        yield from map(Miss, damage(work.path))


ROW = Row(
    "C1",
    "several schedulers, killed at random, fire each tick exactly once",
    run,
    quick={"kills": 6, "days": 1, "schedules": 10, "seconds": 6},
    full={"kills": 100, "days": 10, "schedules": 20, "seconds": 120},
    faults=("no-fence", "cursor-first"),
)

if __name__ == "__main__":
    ROW.main()
