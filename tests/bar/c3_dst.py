"""C3: the clock change, by 24 named cases and by an oracle that shares no code with the calendar.

The oracle has a table of the wall-clock minutes that an expression allows, made field by field with no cron parser,
and walks through real time minute by minute, from one offset of the zone to the next. It counts a minute that the wall
clock shows for the second time only where every hour is allowed. Zones whose clocks show the same all through the
years in question are walked through once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.triggers.cron import read_cron
from ebbtide.triggers.expression import Calendar
from ebbtide.triggers.schedule import Schedule
from ebbtide.triggers.zone import wall_clock


class Case(NamedTuple):
    """What an expression in a zone comes to within two days, as times in UTC."""

    name: str
    expression: str
    zone: str
    since: str
    until: str
    due: list[str]


BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
SPRING = ("2027-03-28T00:00", "2027-03-28T03:30")
"""Berlin, 28 March 2027: 02:00 to 03:00 is left out at 01:00 UTC."""
AUTUMN = ("2027-10-30T21:30", "2027-10-31T03:30")
"""Berlin, 31 October 2027: 02:00 to 03:00 comes twice, until 02:00 UTC."""

CASES = [
    Case("in the gap", "cron(30 2 * * ? *)", BERLIN, *SPRING, []),
    Case("the day after the gap", "cron(30 2 * * ? *)", BERLIN, "2027-03-28T00:00", "2027-03-29T12:00", ["29T00:30"]),
    Case("at the start of the gap", "cron(0 2 * * ? *)", BERLIN, *SPRING, []),
    Case("at the end of the gap", "cron(0 3 * * ? *)", BERLIN, *SPRING, ["28T01:00"]),
    Case("a minute before the gap", "cron(59 1 * * ? *)", BERLIN, *SPRING, ["28T00:59"]),
    Case("twice in the gap", "cron(0/30 2 * * ? *)", BERLIN, *SPRING, []),
    Case("hourly over the gap", "cron(0 * * * ? *)", BERLIN, *SPRING, ["28T01:00", "28T02:00", "28T03:00"]),
    Case(
        "half-hourly over the gap",
        "cron(*/30 0-23 * * ? *)",
        BERLIN,
        "2027-03-28T00:00",
        "2027-03-28T01:59",
        ["28T00:30", "28T01:00", "28T01:30"],
    ),
    Case("in the overlap", "cron(30 2 * * ? *)", BERLIN, *AUTUMN, ["31T00:30"]),
    Case("at the start of the overlap", "cron(0 2 * * ? *)", BERLIN, *AUTUMN, ["31T00:00"]),
    Case("at the end of the overlap", "cron(0 3 * * ? *)", BERLIN, *AUTUMN, ["31T02:00"]),
    Case("twice in the overlap", "cron(0/30 2 * * ? *)", BERLIN, *AUTUMN, ["31T00:00", "31T00:30"]),
    Case(
        "hourly over the overlap",
        "cron(0 * * * ? *)",
        BERLIN,
        *AUTUMN,
        ["30T22:00", "30T23:00", "31T00:00", "31T01:00", "31T02:00", "31T03:00"],
    ),
    Case(
        "every hour on one weekday, over the overlap",
        "cron(15 0/1 ? * SUN *)",
        BERLIN,
        *AUTUMN,
        ["30T22:15", "30T23:15", "31T00:15", "31T01:15", "31T02:15", "31T03:15"],
    ),
    Case("every second hour", "cron(0 0/2 * * ? *)", BERLIN, *AUTUMN, ["30T22:00", "31T00:00", "31T03:00"]),
    Case("New York, in the gap", "cron(30 2 * * ? *)", NEW_YORK, "2027-03-14T00:00", "2027-03-15T00:00", []),
    Case(
        "New York, in the overlap", "cron(30 1 * * ? *)", NEW_YORK, "2027-11-07T00:00", "2027-11-08T00:00", ["07T05:30"]
    ),
    Case("half an hour left out", "cron(15 2 * * ? *)", LORD_HOWE, "2027-10-02T12:00", "2027-10-03T12:00", []),
    Case("half an hour twice", "cron(45 1 * * ? *)", LORD_HOWE, "2027-04-03T12:00", "2027-04-04T12:00", ["03T14:45"]),
    Case("no midnight", "cron(0 0 * * ? *)", "Africa/Cairo", "2027-04-29T12:00", "2027-04-30T12:00", []),
    Case("two midnights", "cron(0 0 * * ? *)", "America/Havana", "2027-11-07T00:00", "2027-11-08T00:00", ["07T04:00"]),
    Case("once, in the gap", "at(2027-03-28T02:30:00)", BERLIN, "2027-03-01T00:00", "2027-04-01T00:00", []),
    Case("once, in the overlap", "at(2027-10-31T02:30:00)", BERLIN, *AUTUMN, ["31T00:30"]),
    Case(
        "a rate over the gap",
        "rate(1 day)",
        BERLIN,
        "2027-03-27T01:30",
        "2027-03-29T12:00",
        ["28T01:30", "29T01:30"],
    ),
]

Next = Callable[[float], float | None]


def times(next_after: Next, since: float, until: float) -> Iterator[float]:
    """Every due time later than `since`, up to `until`."""

    def chain() -> Iterator[float]:
        tick = next_after(since)
        while tick is not None:
            yield tick
            tick = next_after(tick)

    return takewhile(lambda tick: tick <= until, chain())


class Planted(Calendar):
    """Plants a fault: a time left out is run an hour off, or of one that comes twice the second is run."""

    def __init__(self, text: str, fold: int) -> None:
        super().__init__(text, read_cron(text[5:-1]))
        self._fold = fold

    def next_after(self, moment: float, anchor: float, zone: tzinfo) -> float | None:
        moments = (
            local.replace(tzinfo=zone, fold=self._fold).timestamp()
            for local in self.cron.local_times(wall_clock(moment, zone) - timedelta(hours=3))
        )
        return next((due for due in moments if due > moment), None)


FAULTS = {"gap-shifted": 0, "second-of-two": 1}


def calendar(expression: str, zone: str, anchor: float, fault: str | None) -> Next:
    if fault and expression.startswith("cron"):
        planted, info = Planted(expression, FAULTS[fault]), ZoneInfo(zone)
        return lambda moment: planted.next_after(moment, anchor, info)
    schedule = Schedule(expression, timezone=zone)
    return lambda moment: schedule.next_after(moment, anchor)


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def judged(case: Case, fault: str | None) -> str | None:
    """What is amiss with a case."""
    since, until = seconds(case.since), seconds(case.until)
    ticks = times(calendar(case.expression, case.zone, since, fault), since, until)
    came = [f"{datetime.fromtimestamp(tick, UTC):%dT%H:%M}" for tick in ticks]
    return None if came == case.due else f"{case.name}: {case.expression} in {case.zone} comes to {came}"


# The oracle

FIRST, LAST = date(2027, 1, 1), date(2028, 12, 31)
MARGIN = timedelta(days=3)
START = (datetime.combine(FIRST, datetime.min.time()) - datetime(1970, 1, 1)) // timedelta(minutes=1)
END = START + ((LAST - FIRST).days + 1) * 1440
"""The minutes since 1970 that are walked through."""


class Allowed(NamedTuple):
    """One expression, and its meaning in plain words of Python."""

    expression: str
    days: Callable[[date], bool]
    times: Callable[[int, int], bool]
    """Hour and minute."""
    real: bool = False
    """Whether it follows real time."""


EXPRESSIONS = [
    Allowed("cron(30 2 * * ? *)", lambda day: True, lambda hour, minute: (hour, minute) == (2, 30)),
    Allowed("cron(0/30 1-3 ? * * *)", lambda day: True, lambda hour, minute: hour in (1, 2, 3) and minute in (0, 30)),
    Allowed("cron(0 * * * ? *)", lambda day: True, lambda hour, minute: minute == 0, real=True),
    Allowed(
        "cron(15,45 * ? * 1 *)", lambda day: day.weekday() == 6, lambda hour, minute: minute in (15, 45), real=True
    ),
    Allowed("cron(0 0 L * ? *)", lambda day: (day + timedelta(1)).day == 1, lambda hour, minute: hour + minute == 0),
    Allowed(
        "cron(5/20 0/2 ? 3,4,9-11 SUN,SAT *)",
        lambda day: day.month in (3, 4, 9, 10, 11) and day.weekday() > 4,
        lambda hour, minute: hour % 2 == 0 and minute in (5, 25, 45),
    ),
]


def table(allowed: Allowed) -> bytes:
    """A byte for each wall-clock minute from three days before to three after: 1 where it is allowed."""
    of_day = bytes(allowed.times(minute // 60, minute % 60) for minute in range(1440))
    count = (LAST - FIRST + 2 * MARGIN).days + 1
    days = (FIRST - MARGIN + timedelta(days=number) for number in range(count))
    return b"".join(of_day if allowed.days(day) else bytes(1440) for day in days)


Offsets = tuple[tuple[int, int], ...]
"""From which minute on how many minutes the wall clock is ahead of UTC."""


def offsets(zone: tzinfo) -> Offsets:
    """Asked each hour, and around a change each minute."""

    def ahead(minute: int) -> int:
        offset = datetime.fromtimestamp(minute * 60, zone).utcoffset()
        assert offset is not None
        return round(offset.total_seconds() / 60)

    found = [(START - 1440, ahead(START - 1440))]
    for hour in range(START - 1440 + 60, END + 60, 60):
        if ahead(hour) != found[-1][1]:
            change = next(minute for minute in range(hour - 59, hour + 1) if ahead(minute) != found[-1][1])
            found.append((change, ahead(change)))
    return tuple(found)


def expected(shown: Offsets, allowed: bytes, *, real: bool) -> list[float]:
    """The real minutes due, one after another."""
    first_local = START - MARGIN // timedelta(minutes=1)
    due: list[float] = []
    furthest = 0  # the latest wall-clock minute shown so far
    ends = [start for start, _ in shown[1:]] + [END]
    for (start, offset), end in zip(shown, ends, strict=True):
        place = allowed.find(1, start + offset - first_local)
        while 0 <= place < end + offset - first_local:
            local = place + first_local
            if (real or local > furthest) and local - offset > START:
                due.append((local - offset) * 60.0)
            place = allowed.find(1, place + 1)
        furthest = max(furthest, end - 1 + offset)
    return due


def zones(draw: Draw) -> dict[Offsets, list[str]]:
    """The zones to look at, by what their clocks show; at the sizes of each commit only those that change."""
    found: dict[Offsets, list[str]] = {}
    names = sorted(available_timezones() - {"localtime", "Factory"})
    wanted = draw.sizes["zones"] or len(names)
    for name in draw.random.sample(names, len(names)) if wanted < len(names) else names:
        shown = offsets(ZoneInfo(name))
        if wanted == len(names) or (len(shown) > 1 and shown not in found):
            found.setdefault(shown, []).append(name)
        if sum(map(len, found.values())) >= wanted:
            break
    return found


def run(draw: Draw) -> Iterator[Figure | Miss]:
    wrong = [found for case in CASES if (found := judged(case, draw.fault))]
    yield Figure("named cases, of which wrong", f"{len(CASES)}, {len(wrong)}")
    yield from map(Miss, wrong)
    tables = [table(allowed) for allowed in EXPRESSIONS]
    groups = zones(draw)
    compared = differing = 0
    for shown, names in groups.items():
        for allowed, minutes in zip(EXPRESSIONS, tables, strict=True):
            right = expected(shown, minutes, real=allowed.real)
            next_after = calendar(allowed.expression, names[0], START * 60.0, draw.fault)
            came = list(times(next_after, START * 60.0, END * 60.0 - 1))
            compared += len(right)
            if came != right:
                differing += len(set(came) ^ set(right))
                first = min(set(came) ^ set(right))
                when = datetime.fromtimestamp(first, UTC)
                yield Miss(f"{allowed.expression} in {names[0]}: {'too much' if first in came else 'missing'}: {when}")
    yield Figure("time zones", sum(map(len, groups.values())))
    yield Figure("of which differ from each other in 2027 and 2028", len(groups))
    yield Figure("due times compared, of which differing", f"{compared:,}, {differing}")


ROW = Row(
    "C3",
    "the clock change comes as documented, in every zone",
    run,
    quick={"zones": 3},
    full={"zones": 0},
    faults=tuple(FAULTS),
)

if __name__ == "__main__":
    ROW.main()
