"""The schedule expressions of AWS EventBridge Scheduler, `rate(...)`, `cron(...)` and `at(...)`, and when each is due.

The clock change, as AWS documents it for EventBridge Scheduler: a time that does not exist is skipped, one that comes
twice runs once, the first time; a rate counts real time. One rule AWS does not state, and it is ours: a cron whose
hours field leaves out no hour (`*`, `0/1`, `0-23`) follows real time, so that "hourly" is each real hour, also in the
doubled one. What the real service does with those is not verified.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime, time, timedelta, tzinfo

from ebbtide.triggers import guesses
from ebbtide.triggers.cron import YEAR, Cron, read_cron
from ebbtide.triggers.wrong import Wrong
from ebbtide.triggers.zone import first_moment, wall_clock

LONGEST = 256
"""Characters AWS allows an expression."""

_UNITS = {"minute": 60, "hour": 3_600, "day": 86_400}
_END = 7_258_118_400.0  # 2200-01-01, where the years of a cron end


class Timing:
    """An expression that was read. text: as AWS is given it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def next_after(self, moment: float, anchor: float, zone: tzinfo) -> float | None:
        """The first due time later than `moment`; all in seconds since 1970. anchor: where rates count from."""
        raise NotImplementedError


def read(text: str) -> Timing:
    """An expression. Raises Wrong, whose fix is another expression."""
    kind, _, rest = text.strip().partition("(")
    if kind not in _KINDS or not rest.endswith(")"):
        raise Wrong("an expression is rate(...), cron(...) or at(...)", guesses.expression(text))
    if len(text) > LONGEST:
        raise Wrong(f"{len(text)} characters; AWS takes up to {LONGEST}")
    body = rest[:-1].strip()
    try:
        return _KINDS[kind](body)
    except Wrong as wrong:
        raise Wrong(str(wrong), None if wrong.fix is None else f"{kind}({wrong.fix})") from None


class Rate(Timing):
    """Every so many seconds of real time, counted from the anchor; the first time one such span after it."""

    def __init__(self, text: str, seconds: int) -> None:
        super().__init__(text)
        self.seconds = seconds

    def next_after(self, moment: float, anchor: float, zone: tzinfo) -> float | None:
        start = math.floor(anchor)  # whole seconds are exact, so that no due time comes twice by rounding
        due = float(start + self.seconds * max(1, math.floor((moment - start) / self.seconds) + 1))
        return due if due < _END else None


class At(Timing):
    """One time on the wall clock."""

    def __init__(self, text: str, local: datetime) -> None:
        super().__init__(text)
        self.local = local

    def next_after(self, moment: float, anchor: float, zone: tzinfo) -> float | None:
        due = first_moment(self.local, zone)
        return due if due is not None and due > moment else None


class Calendar(Timing):
    """The times of a cron."""

    def __init__(self, text: str, cron: Cron) -> None:
        super().__init__(text)
        self.cron = cron

    def next_after(self, moment: float, anchor: float, zone: tzinfo) -> float | None:
        if moment >= _END:
            return None
        return _real_minutes(self.cron, moment, zone) if self.cron.every_hour else _once(self.cron, moment, zone)


def _once(cron: Cron, moment: float, zone: tzinfo) -> float | None:
    """Each wall-clock time that exists, the first time it comes."""
    for local in cron.local_times(wall_clock(moment, zone)):
        due = first_moment(local, zone)
        if due is not None and due > moment:
            return due
    return None


def _real_minutes(cron: Cron, moment: float, zone: tzinfo) -> float | None:
    """Each real minute at which the wall clock shows an allowed time; for crons that leave out no hour."""
    now = math.floor(moment / 60) * 60.0 + 60
    local = wall_clock(now, zone)
    today = day = None
    while True:
        if local.date() != today:
            today = local.date()
            day = next(cron.dates(today), None)
        if day is None:
            return None
        if day == today and local.minute in cron.minutes:
            return now
        if day != today and (day_before := datetime.combine(day, time(), zone).timestamp() - 86_400) > now:
            now, local = day_before, wall_clock(day_before, zone)
            continue
        later = (minute - local.minute for minute in cron.minutes if minute > local.minute)
        minutes = next(later, 60 - local.minute) if day == today else 60 - local.minute
        ahead = wall_clock(now + 60 * minutes, zone)
        if ahead == local + timedelta(minutes=minutes):
            now, local = now + 60 * minutes, ahead
        else:  # the clock changes on the way: look at each minute
            now, local = now + 60, wall_clock(now + 60, zone)


def _rate(body: str) -> Rate:
    written = re.fullmatch(r"([1-9][0-9]{0,8})\s+(minute|hour|day)(s?)", body, re.ASCII)
    if not written:
        raise Wrong("a rate is a whole number and minutes, hours or days", guesses.rate(body))
    count, unit = int(written[1]), written[2]
    if (count == 1) == bool(written[3]):
        raise Wrong(f"{count} goes with {unit}{'s' if count > 1 else ''}", f"{count} {unit}{'s' if count > 1 else ''}")
    return Rate(f"rate({count} {unit}{written[3]})", count * _UNITS[unit])


def _at(body: str) -> At:
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", body, re.ASCII):
        try:
            when = datetime.fromisoformat(body)
        except ValueError as error:
            raise Wrong(f"{body!r}: {error}", guesses.moment(body)) from None
        if not YEAR.low <= when.year <= YEAR.high:
            raise Wrong(f"the year is {YEAR.low} to {YEAR.high}", guesses.moment(body))
        return At(f"at({body})", when)
    if re.search(r"\d(Z|[+-]\d\d:?\d\d)$", body):
        raise Wrong("the zone goes into timezone=; in timezone='UTC' this is the time below", guesses.moment(body))
    raise Wrong("one time is written yyyy-mm-ddThh:mm:ss", guesses.moment(body))


def _cron(body: str) -> Calendar:
    fields = len(body.split())
    if fields in (5, 7):
        why = "five fields; AWS has a sixth, the year" if fields == 5 else "seven fields; AWS has no seconds"
        raise Wrong(f"{why}, and counts weekdays from SUN, 1 to 7", guesses.cron(body))
    cron = read_cron(body)
    return Calendar(f"cron({' '.join(body.upper().split())})", cron)


_KINDS: dict[str, Callable[[str], Timing]] = {"rate": _rate, "cron": _cron, "at": _at}
