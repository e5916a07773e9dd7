"""What ended in the last hour, counted: by the minute, the queue and the task.

A broker that can counts in the write that settles, so that the figures are neither lost nor a cost of their own. An
attempt counts in the minute in which it was settled. How long a message waited is asked of its first attempt only: how
long it waits for another is the retry policy's choice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ebbtide.broker import Settlement
from ebbtide.result import Status

SPAN = 60
"""Minutes that are kept: the last hour, the running minute included."""


class Count(NamedTuple):
    """Attempts that ended, and how long they took, in seconds.

    retried: they failed and were to be run again, or their worker died. failed: they ended as dead letters.
    ran: summed; longest: of them all. first: how many were a message's first; waited: the sum of what these waited,
    from when they were due to their start.
    """

    succeeded: int = 0
    retried: int = 0
    failed: int = 0
    ran: float = 0.0
    longest: float = 0.0
    first: int = 0
    waited: float = 0.0

    def plus(self, other: Count) -> Count:
        """Both together."""
        return Count(
            self.succeeded + other.succeeded,
            self.retried + other.retried,
            self.failed + other.failed,
            self.ran + other.ran,
            max(self.longest, other.longest),
            self.first + other.first,
            self.waited + other.waited,
        )

    @property
    def attempts(self) -> int:
        """How many attempts ended, one way or another."""
        return self.succeeded + self.retried + self.failed

    @property
    def ended(self) -> int:
        """How many messages came to their end."""
        return self.succeeded + self.failed

    @property
    def mean_run(self) -> float | None:
        """Seconds an attempt took; None where there was none."""
        return self.ran / self.attempts if self.attempts else None

    @property
    def mean_wait(self) -> float | None:
        """Seconds a message waited for its first start; None where none was started."""
        return self.waited / self.first if self.first else None


class Minute(NamedTuple):
    """What ended in one minute (counted since 1970) for one task of one queue; task is empty for what was none of
    ours."""

    minute: int
    queue: str
    task: str
    counted: Count


class TaskHour(NamedTuple):
    """One task of one queue over the last hour. by_minute: attempts that ended in each of its minutes, oldest first."""

    queue: str
    task: str
    total: Count
    by_minute: tuple[int, ...]


class Figures(ABC):
    """Port: what a broker counted of the last hour."""

    @abstractmethod
    def minutes(self, since: float) -> list[Minute]:
        """What ended since the beginning of the minute in which `since` (seconds since 1970) lies, oldest first.

        Nothing is promised about what is longer ago than an hour.
        """


def minute_of(now: float) -> int:
    """The minute of a time, counted since 1970."""
    return int(now // 60)


def count(settled: Iterable[Settlement], most: int) -> dict[tuple[str, str], Count]:
    """What these settlements add, by queue and task; at most so many of them, as many as had an effect.

    What was handed back unstarted, or is settled without a report, adds nothing.
    """
    sums: dict[tuple[str, str], list[float]] = {}
    for delivery, report, _, spent in settled:
        if report is None or not spent or most <= 0:
            continue
        most -= 1
        place = (delivery.queue, report.task)
        found = sums.get(place)
        if found is None:
            found = sums[place] = [0, 0, 0, 0.0, 0.0, 0, 0.0]
        status = report.status
        found[0 if status is Status.SUCCESSFUL else 2 if status is Status.FAILED else 1] += 1
        ran = report.ran
        found[3] += ran
        if ran > found[4]:
            found[4] = ran
        if report.waited is not None:
            found[5] += 1
            found[6] += report.waited
    return {place: _counted(found) for place, found in sums.items()}


def _counted(sums: Sequence[float]) -> Count:
    succeeded, retried, failed, ran, longest, first, waited = sums
    return Count(int(succeeded), int(retried), int(failed), ran, longest, int(first), waited)


def by_task(minutes: Iterable[Minute], now: float) -> list[TaskHour]:
    """The last hour up to `now`, the running minute being the last of its 60; by queue and task, in that order."""
    oldest = minute_of(now) - SPAN + 1
    totals: dict[tuple[str, str], Count] = {}
    lines: dict[tuple[str, str], list[int]] = {}
    for minute, queue, task, counted in minutes:
        if not 0 <= minute - oldest < SPAN:
            continue
        place = (queue, task)
        totals[place] = totals.get(place, Count()).plus(counted)
        lines.setdefault(place, [0] * SPAN)[minute - oldest] += counted.attempts
    return [TaskHour(*place, totals[place], tuple(lines[place])) for place in sorted(totals)]


def since_an_hour(now: float) -> float:
    """What to ask `Figures.minutes` for, to have the last hour."""
    return (minute_of(now) - SPAN + 1) * 60.0
