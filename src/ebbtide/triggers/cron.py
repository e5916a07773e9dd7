"""AWS's cron: six fields, and the calendar of the days and times they allow. It knows no time zone.

    minutes  hours  day-of-month  month  day-of-week  year        0 9 ? * MON-FRI *

One of the two day fields is `?`: the other one decides. Weekdays count from Sunday, which is 1. What is accepted is
what AWS documents for EventBridge Scheduler, no more: https://docs.aws.amazon.com/scheduler/latest/UserGuide
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from functools import lru_cache, partial
from typing import TypeVar

from ebbtide.triggers.wrong import Wrong

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class Field:
    """What may stand in one field: numbers from low to high, or words for them; with or without `/`."""

    def __init__(self, name: str, low: int, high: int, words: tuple[str, ...] = (), *, steps: bool = True) -> None:
        self.name, self.low, self.high, self.words, self.steps = name, low, high, words, steps


MINUTES = Field("minutes", 0, 59)
HOURS = Field("hours", 0, 23)
DAY = Field("day-of-month", 1, 31)
MONTH = Field("month", 1, 12, MONTHS)
WEEKDAY = Field("day-of-week", 1, 7, WEEKDAYS, steps=False)
YEAR = Field("year", 1970, 2199)
FIELDS = (MINUTES, HOURS, DAY, MONTH, WEEKDAY, YEAR)
_NUMBERS = (MINUTES, HOURS, MONTH, YEAR)
_FIRST_TO_FIFTH = ("1", "2", "3", "4", "5")

T = TypeVar("T")
DaysOf = Callable[[int, int], tuple[int, ...]]
"""Year and month to the days that are allowed, in order."""


class Cron:
    """What the fields allow, in rising order. every_hour: no hour of the day is left out."""

    def __init__(
        self,
        minutes: tuple[int, ...],
        hours: tuple[int, ...],
        days: DaysOf,
        months: tuple[int, ...],
        years: tuple[int, ...],
    ) -> None:
        self.times = tuple(time(hour, minute) for hour in hours for minute in minutes)
        self.minutes, self.months, self.years = minutes, months, years
        self.every_hour = len(hours) == 24
        self._days = lru_cache(24)(days)

    def dates(self, start: date) -> Iterator[date]:
        """The days allowed, from this one on."""
        for place in range(bisect_left(self.years, start.year), len(self.years)):
            year = self.years[place]
            for month in self.months:
                if year > start.year or month >= start.month:
                    days = self._days(year, month)
                    within = year == start.year and month == start.month
                    for day in days[bisect_left(days, start.day) if within else 0 :]:
                        yield date(year, month, day)

    def local_times(self, start: datetime) -> Iterator[datetime]:
        """The wall-clock times allowed, from this minute on."""
        first = start.replace(second=0, microsecond=0)
        for day in self.dates(first.date()):
            earliest = bisect_left(self.times, first.time()) if day == first.date() else 0
            for at in self.times[earliest:]:
                yield datetime.combine(day, at)


def read_cron(body: str) -> Cron:
    """What stands between the parentheses of `cron(...)`. Raises Wrong, whose fix is another body."""
    fields = body.split()
    if len(fields) != len(FIELDS):
        raise Wrong(f"six fields expected ({' '.join(field.name for field in FIELDS)}), got {len(fields)}")
    _one_day_field(fields)
    minutes, hours, months, years = (_part(fields, field, partial(numbers, field)) for field in _NUMBERS)
    days = _part(fields, DAY, day_rule) or _part(fields, WEEKDAY, weekday_rule)
    assert days  # noqa: S101 - one of the two is no `?`
    cron = Cron(minutes, hours, days, months, years)
    if next(cron.dates(date(YEAR.low, 1, 1)), None) is None:
        weekday, counted, _ = fields[4].partition("#")
        never = [*fields[:2], *(["?", fields[3], weekday + "L"] if counted else ["L", fields[3], "?"]), fields[5]]
        raise Wrong("there never is such a day", " ".join(never))
    return cron


def _part(fields: list[str], field: Field, read: Callable[[str], T]) -> T:
    """One field, read; what is wrong with it as what is wrong with the whole."""
    place = FIELDS.index(field)
    try:
        return read(fields[place])
    except Wrong as wrong:
        fix = None if wrong.fix is None else " ".join([*fields[:place], wrong.fix, *fields[place + 1 :]])
        raise Wrong(f"{field.name}: {wrong}", fix) from None


def _one_day_field(fields: list[str]) -> None:
    day, weekday = fields[2], fields[4]
    if (day == "?") != (weekday == "?"):
        return
    by_day = " ".join([*fields[:2], "*" if day == "?" else day, fields[3], "?", fields[5]])
    by_weekday = " ".join([*fields[:2], "?", fields[3], weekday, fields[5]])
    if day == "?":
        raise Wrong("day-of-month and day-of-week cannot both be '?'", by_day)
    if "*" in (day, weekday):
        raise Wrong("either day-of-month or day-of-week must be '?'", by_weekday if day == "*" != weekday else by_day)
    raise Wrong(
        "day-of-month and day-of-week cannot both be set, one must be '?'; to run on either, declare two schedules: "
        f"cron({by_day}) and cron({by_weekday})",
        by_day,
    )


def day_rule(text: str) -> DaysOf | None:
    """The days a day-of-month field allows; None for `?`."""
    if text == "?":
        return None
    if text.upper() == "L":
        return lambda year, month: (length(year, month),)
    if text.upper().endswith("W") and text[:-1].isdigit():
        wanted = _number(DAY, text[:-1], lambda day: f"{day}W")
        return lambda year, month: _nearest_workday(year, month, wanted)
    if "L" in text.upper() or "W" in text.upper():
        raise Wrong(f"{text!r}: 'L' stands alone and 'W' follows one day, as in 15W", _nearest_letter(text))
    days = numbers(DAY, text)
    return lambda year, month: days[: bisect_left(days, length(year, month) + 1)]


def weekday_rule(text: str) -> DaysOf | None:
    """The days a day-of-week field allows; None for `?`."""
    upper = text.upper()
    if upper == "?":
        return None
    if upper == "L":
        return lambda year, month: _weekdays(year, month, (7,))
    if upper.endswith("L") and "," not in upper and "-" not in upper:
        last = _number(WEEKDAY, upper[:-1], lambda day: f"{day}L")
        return lambda year, month: _weekdays(year, month, (last,))[-1:]
    if "#" in upper:
        name, _, count = upper.partition("#")
        if "," in upper or "-" in name or count not in _FIRST_TO_FIFTH:
            first = f"{name.partition('-')[0]}#{count if count in _FIRST_TO_FIFTH else 5}"
            fix = upper.split(",")[0] if "," in upper else first
            raise Wrong(f"{text!r}: '#' takes one weekday and its number in the month, 1 to 5, as in MON#2", fix)
        day = _number(WEEKDAY, name, lambda day: f"{day}#{count}")
        return lambda year, month: _weekdays(year, month, (day,))[int(count) - 1 : int(count)]
    if "L" in upper and "," in upper and not upper.startswith("L"):
        raise Wrong(f"{text!r}: 'L' follows one weekday, as in FRIL", upper.split(",")[0])
    days = numbers(WEEKDAY, text)
    return lambda year, month: _weekdays(year, month, days)


def numbers(field: Field, text: str) -> tuple[int, ...]:
    """The numbers a field of `* , - /` allows. Raises Wrong, whose fix is another field."""
    items = text.split(",")
    found: set[int] = set()
    for place, item in enumerate(items):
        try:
            if item == "*" and len(items) > 1:
                raise Wrong("'*' stands alone", "*")
            found.update(_item(field, item))
        except Wrong as wrong:
            fixed = [*items[:place], *([wrong.fix] if wrong.fix else []), *items[place + 1 :]]
            fixable = wrong.fix is not None or (not item and len(items) > 1)
            raise Wrong(str(wrong), "*" if wrong.fix == "*" else ",".join(fixed) if fixable else None) from None
    return tuple(sorted(found))


def _item(field: Field, item: str) -> range:
    base, slash, step = item.partition("/")
    start, dash, end = base.partition("-")
    if base == "?":
        raise Wrong("'?' is for the day fields only", item.replace("?", "*"))
    if slash and not base:
        raise Wrong(f"{item!r} has no start", f"{field.low}/{step}")
    if base == "*":
        low, high = field.low, field.high
    else:
        low = _number(field, start, lambda fix: item.replace(start, fix, 1))
        high = _number(field, end, lambda fix: f"{start}-{fix}{slash}{step}") if dash else field.high if slash else low
    if low > high:
        first, last = (field.words[0], field.words[-1]) if field.words else (field.low, field.high)
        turned = f"{end}-{start}{slash}{step}"
        fix = turned if slash or field is YEAR else f"{start}-{last},{first}-{end}"
        raise Wrong(f"the range {base!r} ends before it begins", fix)
    if not slash:
        return range(low, high + 1)
    if not step.isascii() or not step.isdigit() or not 1 <= int(step[:5]) <= field.high - field.low:
        stepless = base if dash else str(low)
        raise Wrong(f"{item!r}: a step is a number from 1 to {field.high - field.low}", stepless)
    every = range(low, high + 1, int(step))
    if not field.steps:
        raise Wrong("'/' is not for this field", ",".join(field.words[number - field.low] for number in every))
    return every


def _number(field: Field, text: str, within: Callable[[str], str]) -> int:
    if text.upper() in field.words:
        return field.words.index(text.upper()) + field.low
    allowed = f"{field.low} to {field.high}{f' or {field.words[0]} to {field.words[-1]}' if field.words else ''}"
    if not text.isascii() or not text.isdigit():
        word = text[:3].upper()
        raise Wrong(f"{text!r} is not {allowed}", within(word) if word in field.words and text.isalpha() else None)
    if not field.low <= (number := int(text[:6])) <= field.high:
        raise Wrong(f"{text} is not {allowed}", within(_nearest(field, number)))
    return number


def _nearest(field: Field, number: int) -> str:
    """The hour 24 is 0 of the next day, the year 27 is 2027, the weekday 0 is Sunday; else the nearer end."""
    if field in (MINUTES, HOURS) and number == field.high + 1:
        return str(field.low)
    if field is YEAR and number < 100:
        return str(2000 + number)
    near = field.low if number < field.low else field.high
    return field.words[near - field.low] if field.words else str(near)


def _nearest_letter(text: str) -> str | None:
    """The nearest day-of-month with a letter that may be written."""
    digits = "".join(c if c.isdigit() else " " for c in text).split()
    if text.upper() in ("LW", "WL") or text.upper().startswith("L"):
        return "L"
    return f"{digits[0]}W" if digits and "W" in text.upper() else "L"


@lru_cache(256)
def length(year: int, month: int) -> int:
    """How many days a month has."""
    return (date(year + month // 12, month % 12 + 1, 1) - date(year, month, 1)).days


def _weekdays(year: int, month: int, wanted: tuple[int, ...]) -> tuple[int, ...]:
    first = date(year, month, 1).isoweekday() % 7  # Sunday is 0
    return tuple(day for day in range(1, length(year, month) + 1) if (first + day - 1) % 7 + 1 in wanted)


def _nearest_workday(year: int, month: int, wanted: int) -> tuple[int, ...]:
    """Monday to Friday, and within the month; a month without that day has none."""
    last = length(year, month)
    if wanted > last:
        return ()
    weekday = date(year, month, wanted).isoweekday()
    if weekday == 6:
        return (wanted - 1 if wanted > 1 else wanted + 2,)
    if weekday == 7:
        return (wanted + 1 if wanted < last else wanted - 2,)
    return (wanted,)
