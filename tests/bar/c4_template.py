"""C4: the next runs here are the next runs of the EventBridge expression that the template asks for.

Schedules are drawn at random, in every form the grammar has. What each asks of the template is read by a reader of its
own, written from AWS's description alone: it tries day after day and minute after minute whether a field allows it.
"""

from __future__ import annotations

import random
import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from tests.bar.row import Draw, Figure, Miss, Row

from ebbtide.triggers.schedule import Schedule

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
RUNS = 3
HELD_BACK = 3 * 3600.0
"""Seconds: no clock is set back by as much."""

CHANGES = ["2027-03-28T00:55", "2027-10-31T00:05", "2027-03-14T06:30", "2027-11-07T05:10", "2027-10-02T15:00"]
"""Moments around which clocks are set somewhere, UTC."""


# Drawing


class Drawing:
    """Random schedules."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw

    def expression(self) -> str:
        kind = self.draw.random()
        if kind < 0.05:
            count = self.draw.choice([1, 1, 2, 5, 45, 90, 1000])
            unit = self.draw.choice(["minute", "hour", "day"])
            return f"rate({count} {unit}{'s' if count > 1 else ''})"
        if kind < 0.1:
            when = datetime(2027, 1, 1) + timedelta(minutes=self.draw.randrange(6 * 365 * 1440))
            return f"at({when.isoformat()})"
        day, weekday = (self.day(), "?") if self.draw.random() < 0.5 else ("?", self.weekday())
        month = self.field(1, 12, MONTHS)
        if self.draw.random() < 0.5:
            month = "*"
        year = self.draw.choice(["*", "*", "*", "2027", "2027-2029", "2028,2031", "2026/2", "2027-2033/3", "2040-2199"])
        fields = (self.field(0, 59), self.field(0, 23), day, month, weekday, year)
        space = self.draw.choice([" ", " ", " ", "  "])
        text = space.join(fields)
        return f"cron({text.lower() if self.draw.random() < 0.2 else text})"

    def field(self, low: int, high: int, words: Sequence[str] = (), *, steps: bool = True) -> str:
        if self.draw.random() < 0.25:
            return "*"
        items = [self.item(low, high, words, steps) for _ in range(self.draw.choice([1, 1, 1, 2, 3]))]
        return ",".join(items)

    def item(self, low: int, high: int, words: Sequence[str], steps: bool) -> str:
        def name(number: int) -> str:
            return words[number - low] if words and self.draw.random() < 0.5 else str(number)

        first, last = sorted(self.draw.sample(range(low, high + 1), 2))
        step = self.draw.randint(1, high - low)
        form = self.draw.choice(["one", "one", "range", "from", "range by"] if steps else ["one", "range"])
        return {
            "one": name(first),
            "range": f"{name(first)}-{name(last)}",
            "from": f"{name(first)}/{step}",
            "range by": f"{name(first)}-{name(last)}/{step}",
        }[form]

    def day(self) -> str:
        kind = self.draw.random()
        return "L" if kind < 0.1 else f"{self.draw.randint(1, 31)}W" if kind < 0.3 else self.field(1, 31)

    def weekday(self) -> str:
        kind = self.draw.random()
        one = self.draw.choice([*WEEKDAYS, *"1234567"])
        if kind < 0.4:
            return f"{one}L" if kind < 0.15 else f"{one}#{self.draw.randint(1, 5)}" if kind < 0.37 else "L"
        return self.field(1, 7, WEEKDAYS, steps=False)

    def moment(self) -> float:
        if self.draw.random() < 0.3:
            return datetime.fromisoformat(self.draw.choice(CHANGES) + "Z").timestamp() + self.draw.randrange(
                -7200, 7200
            )
        return float(datetime(2027, 1, 1, tzinfo=UTC).timestamp() + self.draw.randrange(3 * 365 * 86_400))


# Reading what the template asks


def allows(field: str, value: int, low: int, high: int, words: Sequence[str] = ()) -> bool:
    """Whether a field of numbers allows this one."""

    def number(text: str) -> int:
        return words.index(text) + low if text in words else int(text)

    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        start = low if span == "*" else number(first)
        end = high if span == "*" or (step and not last) else number(last or first)
        if start <= value <= end and (value - start) % int(step or 1) == 0:
            return True
    return False


def allows_day(field: str, day: date) -> bool:
    last = monthrange(day.year, day.month)[1]
    if field == "L":
        return day.day == last
    if not field.endswith("W"):
        return allows(field, day.day, 1, 31)
    wanted = int(field[:-1])
    if wanted > last or day.weekday() > 4:
        return False
    workdays = [n for n in range(1, last + 1) if date(day.year, day.month, n).weekday() < 5]
    return day.day == min(workdays, key=lambda n: abs(n - wanted))


def allows_weekday(field: str, day: date) -> bool:
    number = day.isoweekday() % 7 + 1
    if field == "L":
        return number == 7
    if field.endswith("L"):
        return allows(field[:-1], number, 1, 7, WEEKDAYS) and (day + timedelta(7)).month != day.month
    if "#" in field:
        name, _, nth = field.partition("#")
        return allows(name, number, 1, 7, WEEKDAYS) and (day.day + 6) // 7 == int(nth)
    return allows(field, number, 1, 7, WEEKDAYS)


def shows(zone: tzinfo, local: datetime) -> list[float]:
    """The real times at which the clocks of a zone show this: none, one or two."""
    both = {local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(when.timestamp() for when in both if when.astimezone(zone).replace(tzinfo=None) == local)


def days_of_cron(fields: Sequence[str], first: date) -> Iterator[date]:
    day = first
    while day.year < 2200:
        if not allows(fields[5], day.year, 1970, 2199):
            day = date(day.year, 12, 31)
        elif allows(fields[3], day.month, 1, 12, MONTHS) and (
            allows_weekday(fields[4], day) if fields[2] == "?" else allows_day(fields[2], day)
        ):
            yield day
        day += timedelta(1)


def runs_of_cron(fields: Sequence[str], zone: tzinfo, moment: float) -> Iterator[float]:
    """Hour after hour; what was found is held back for a while, as a later hour of the wall clock may come earlier."""
    minutes = [n for n in range(60) if allows(fields[0], n, 0, 59)]
    hours = [n for n in range(24) if allows(fields[1], n, 0, 23)]
    found: list[float] = []
    for day in days_of_cron(fields, datetime.fromtimestamp(moment, zone).date() - timedelta(1)):
        for hour in hours:
            now = datetime(day.year, day.month, day.day, hour)
            begins = now.replace(tzinfo=zone).timestamp()
            if begins < moment - HELD_BACK:
                continue
            yield from (when for when in found if when < begins - HELD_BACK)
            found = [when for when in found if when >= begins - HELD_BACK]
            for minute in minutes:
                real = shows(zone, now.replace(minute=minute))
                found += [when for when in (real if len(hours) == 24 else real[:1]) if when > moment]
            found.sort()
    yield from found


def runs(asked: dict[str, str], moment: float, anchor: float) -> Iterator[float]:
    """The runs of what a template asks for."""
    zone = ZoneInfo(asked.get("ScheduleExpressionTimezone", "UTC"))
    read = re.fullmatch(r"(rate|cron|at)\(([A-Z0-9a-z*,/?#: -]+)\)", asked["ScheduleExpression"])
    assert read
    assert len(read[0]) <= 256
    if read[1] == "cron":
        yield from runs_of_cron(read[2].split(" "), zone, moment)
    elif read[1] == "at":
        yield from (when for when in shows(zone, datetime.fromisoformat(read[2]))[:1] if when > moment)
    else:
        count, unit = read[2].split(" ")
        span = int(count) * {"minute": 60, "hour": 3600, "day": 86_400}[unit.removesuffix("s")]
        first = int((moment - anchor) // span) + 1
        yield from (anchor + number * span for number in range(first, first + RUNS))


class Zoneless(Schedule):
    """Plants a fault: the template is not told the zone."""

    def timing(self) -> dict[str, str]:
        return {"ScheduleExpression": self.expression}


class FromMonday(Schedule):
    """Plants a fault: weekdays are written as crontab counts them."""

    def timing(self) -> dict[str, str]:
        asked = super().timing()
        kind, _, body = asked["ScheduleExpression"][:-1].partition("(")
        fields = body.split(" ")
        if kind == "cron" and fields[4] in "234567":
            fields[4] = str(int(fields[4]) - 1)
        return {**asked, "ScheduleExpression": f"{kind}({' '.join(fields)})"}


FAULTS: dict[str, type[Schedule]] = {"no-zone": Zoneless, "weekdays-from-monday": FromMonday}


def run(draw: Draw) -> Iterator[Figure | Miss]:
    names = sorted(available_timezones() - {"localtime", "Factory"})
    drawing = Drawing(draw.random)
    never = compared = 0
    kinds: dict[str, int] = {}
    for number in range(draw.sizes["expressions"]):
        expression = drawing.expression()
        zone, moment = draw.random.choice(names), drawing.moment()
        anchor = float(moment // 1 - draw.random.randrange(10**7))
        try:
            schedule = FAULTS.get(draw.fault or "", Schedule)(expression, timezone=zone)
        except ValueError as error:
            if "there never is such a day" not in str(error):
                yield Miss(f"{expression} is refused: {error}")
            never += 1
            continue
        wanted = list(islice(runs(schedule.timing(), moment, anchor), RUNS))
        came = list(islice(schedule.ticks(moment, anchor), RUNS))
        compared += len(wanted)
        kinds[expression[:4]] = kinds.get(expression[:4], 0) + 1
        if came != wanted:
            pair = [[f"{datetime.fromtimestamp(t, UTC):%Y-%m-%dT%H:%M}" for t in ticks] for ticks in (came, wanted)]
            yield Miss(f"{number}: {expression} in {zone} after {moment}: here {pair[0]}, the template {pair[1]}")
    yield Figure("expressions drawn", f"{draw.sizes['expressions']:,}, {kinds}")
    yield Figure("of which refused, as they can never run", never)
    yield Figure("runs compared", compared)


ROW = Row(
    "C4",
    "here and on AWS a schedule is due at the same times",
    run,
    quick={"expressions": 400},
    full={"expressions": 10_000},
    faults=tuple(FAULTS),
)

if __name__ == "__main__":
    ROW.main()
