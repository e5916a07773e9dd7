"""C2: nothing ran for three hours, over five ticks: each policy makes up exactly what it says, and the log says why.

The real worker sees the schedules for the first time and is stopped; the clock goes on by three hours; the worker is
started again. A schedule with "skip" must have run nothing, one with "one" the last of the five, one with "all" each.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bar.c1_schedulers import START
from tests.bar.clockwork import ROOT, Clockwork, Given, ticks, utc
from tests.bar.queuefile import folder
from tests.bar.row import Draw, Figure, Miss, Row
from tests.bar.workers import until

TICKS = 5
DOWN = 3 * 3_600.0
GRACE = 60.0
"""Seconds a tick may be late and not count as missed; see the scheduler."""

PATIENCE = 30.0
PATIENCE_WITH_A_FAULT = 4.0
"""Seconds for what must happen."""

ENDINGS = {"skip": "skipped", "one": "made up once", "all": "all made up"}


class Worker:
    """`ebbtide worker` on the clock's app, and what it says."""

    def __init__(self, work: Clockwork) -> None:
        self._said = work.folder / "said"
        argv = [sys.executable, "-m", "ebbtide.cli", "worker", "tests.bar.clock_app:app", "-p", "2", "--verbose"]
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(argv, cwd=ROOT, env=work.environment, stdout=said, stderr=said)

    @property
    def said(self) -> str:
        return self._said.read_text()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(PATIENCE)


def run(draw: Draw) -> Iterator[Figure | Miss]:
    missed = 0
    for number in range(draw.sizes["rounds"]):
        minutes = draw.random.randint(31, 35)  # five of them are within three hours, the last more than a minute ago
        every = "cron(0/30 * * * ? *)" if draw.random.random() < 0.3 else f"rate({minutes} minutes)"
        start = START + draw.random.randint(0, 500) * 3_600 + draw.random.randint(1_500, 1_700)
        given: list[Given] = [(every, "Europe/Berlin", policy) for policy in ENDINGS]
        with folder() as path:
            found = list(one(path, given, start, draw.fault))
        missed += len(found)
        yield from (Miss(f"round {number}, {every}: {what}") for what in found)
    yield Figure("rounds of three hours down, three policies each", draw.sizes["rounds"])
    yield Figure("promises broken", missed)


def one(path: Path, given: list[Given], start: float, fault: str | None) -> Iterator[str]:
    """What is amiss with one time down."""
    work = Clockwork(path, given, fault)
    work.set(start, 0)
    worker = Worker(work)
    seen = until(lambda: work.path.exists() and len(_cursors(work)) == len(given), PATIENCE, pause=0.05)
    worker.stop()
    if not seen:
        yield f"the schedules were not seen: {worker.said[-500:]}"
        return
    now = start + DOWN
    work.set(now, 0)
    wanted = {name: _missed(name, given, anchor, now) for name, (anchor, _) in _cursors(work).items()}
    for name, due in wanted.items():
        if len(due) < TICKS:
            yield f"{name} was to miss {TICKS} ticks, and has missed {len(due)}"
    worker = Worker(work)
    expected = sum(_runs(name, given, len(due)) for name, due in wanted.items())
    patience = PATIENCE_WITH_A_FAULT if fault else PATIENCE
    caught_up = until(lambda: work.caught_up(now) and len(_ran(path)) >= expected, patience, pause=0.05)
    worker.stop()
    ran = _ran(path)
    if not caught_up:
        yield f"{len(ran)} of {expected} runs came within {patience:g} s"
    for name, due in wanted.items():
        policy = _policy(name, given)
        right = {"skip": [], "one": due[-1:], "all": due}[policy]
        came = [tick for schedule, tick in ran if schedule == name]
        if sorted(came) != [utc(tick) for tick in right]:
            yield f"missed={policy!r} ran {came}, not {[utc(tick) for tick in right]}"
        if worker.said.count(f"{len(due)} ticks of {name} missed while nothing ran; {ENDINGS[policy]}\n") != 1:
            yield f"missed={policy!r}: the log does not say once that {len(due)} were missed: {worker.said[-800:]}"


def _cursors(work: Clockwork) -> dict[str, tuple[float, float | None]]:
    try:
        return work.cursors()
    except Exception:  # the table is only being made
        return {}


def _policy(name: str, given: list[Given]) -> str:
    return given[int(name.partition("@")[0].removeprefix("task"))][2]


def _runs(name: str, given: list[Given], missed: int) -> int:
    return {"skip": 0, "one": 1, "all": missed}[_policy(name, given)]


def _missed(name: str, given: list[Given], anchor: float, now: float) -> list[float]:
    expression, zone, _ = given[int(name.partition("@")[0].removeprefix("task"))]
    return list(ticks(expression, zone, anchor, anchor, now - GRACE))


def _ran(path: Path) -> list[tuple[str, str]]:
    log = path / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [(line.partition("\t")[0], line.partition("\t")[2]) for line in lines]


ROW = Row(
    "C2",
    "after three hours down each policy makes up what it says",
    run,
    quick={"rounds": 1},
    full={"rounds": 20},
    faults=("only-one",),
)

if __name__ == "__main__":
    ROW.main()
