"""A simulated clock in a file, scheduler processes that go by it, and what they left in the queue file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.bar.c4_template import runs_of_cron
from tests.bar.queuefile import query

from ebbtide.message import Message

ROOT = Path(__file__).parents[2]
Given = tuple[str, str, str]
"""Expression, zone, and what is made up."""


class Clockwork:
    """A folder with a clock, a queue file and a log, and the processes that were started on it."""

    def __init__(self, folder: Path, given: Sequence[Given], fault: str | None) -> None:
        self.folder, self.path = folder, folder / "queue.db"
        self.given = given
        self.environment = {
            **os.environ,
            "BAR_FOLDER": str(folder),
            "BAR_SCHEDULES": json.dumps(given),
            "BAR_FAULT": fault or "",
            "PYTHONPATH": str(ROOT),
        }
        self.schedulers: list[subprocess.Popen[bytes]] = []

    def set(self, shown: float, speed: float) -> None:
        """From now on the clock shows this, and runs so fast."""
        (self.folder / "clock.new").write_text(f"{shown} {time.monotonic()} {speed}")
        (self.folder / "clock.new").replace(self.folder / "clock")
        self._shown, self._at, self.speed = shown, time.monotonic(), speed

    def now(self) -> float:
        return self._shown + (time.monotonic() - self._at) * self.speed

    def start(self) -> None:
        """One more scheduler; returns when it runs."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bar.clock_process"],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.schedulers.append(process)
        assert process.stdout
        process.stdout.readline()

    def kill(self, which: int) -> None:
        """SIGKILL to one of them."""
        process = self.schedulers.pop(which)
        process.send_signal(signal.SIGKILL)
        process.communicate()

    def clear(self) -> None:
        """Leave nothing running."""
        for process in self.schedulers:
            with suppress(ProcessLookupError):
                process.kill()
            process.communicate()
        self.schedulers.clear()

    def stored(self) -> dict[str, Counter[float]]:
        """How many messages there are of each tick of each schedule."""
        found: dict[str, Counter[float]] = {name: Counter() for name in self.cursors()}
        for (body,) in query(self.path, "select cast(body as blob) from tasks"):
            headers = Message.decode(body).headers
            found[headers["schedule"]][datetime.fromisoformat(headers["tick"]).timestamp()] += 1
        return found

    def cursors(self) -> dict[str, tuple[float, float | None]]:
        """Anchor and last tick of each schedule."""
        return {name: (anchor, fired) for name, anchor, fired in query(self.path, "select * from schedules")}

    def caught_up(self, until: float) -> bool:
        """Whether every tick up to then is fired."""
        cursors = self.cursors()
        return len(cursors) == len(self.given) and all(
            next(ticks(*self._of(name), anchor, anchor if fired is None else fired, until), None) is None
            for name, (anchor, fired) in cursors.items()
        )

    def _of(self, name: str) -> tuple[str, str]:
        expression, zone, _ = self.given[int(name.partition("@")[0].removeprefix("task"))]
        return expression, zone

    def expected(self, until: float) -> dict[str, list[float]]:
        """Every tick since each schedule was first seen."""
        return {
            name: list(ticks(*self._of(name), anchor, anchor, until)) for name, (anchor, _) in self.cursors().items()
        }


def ticks(expression: str, zone: str, anchor: float, after: float, until: float) -> Iterator[float]:
    """The ticks of an expression, by no code of the package."""
    kind, _, body = expression[:-1].partition("(")
    if kind == "cron":
        yield from takewhile(lambda tick: tick <= until, runs_of_cron(body.split(), ZoneInfo(zone), after))
        return
    count, unit = body.split()
    span = int(count) * {"minute": 60, "hour": 3600, "day": 86_400}[unit.removesuffix("s")]
    number = int((after - anchor // 1) // span) + 1
    while (tick := anchor // 1 + number * span) <= until:
        yield tick
        number += 1


def utc(tick: float) -> str:
    return f"{datetime.fromtimestamp(tick, UTC):%Y-%m-%dT%H:%M:%SZ}"


def amiss(stored: dict[str, Counter[float]], expected: dict[str, list[float]]) -> Iterator[str]:
    """What is doubled, lost or too much."""
    for name, wanted in expected.items():
        came = stored[name]
        for tick, times in came.items():
            if times > 1:
                yield f"{name}: {utc(tick)} was fired {times} times"
        if lost := sorted(set(wanted) - set(came)):
            yield f"{name}: {len(lost)} ticks are lost, as {utc(lost[0])}"
        if odd := sorted(set(came) - set(wanted)):
            yield f"{name}: {len(odd)} ticks were fired that are none, as {utc(odd[0])}"
