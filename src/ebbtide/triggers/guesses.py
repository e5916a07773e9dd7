"""What somebody may have meant by an expression that is none of AWS's: the words of crontab, of Go, of people.

A guess need not be right in all: whoever asks reads it again, and puts right what is still wrong.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta
from difflib import get_close_matches

_NICKNAMES = {
    "yearly": "cron(0 0 1 1 ? *)",
    "annually": "cron(0 0 1 1 ? *)",
    "monthly": "cron(0 0 1 * ? *)",
    "weekly": "cron(0 0 ? * SUN *)",
    "daily": "cron(0 0 * * ? *)",
    "midnight": "cron(0 0 * * ? *)",
    "hourly": "cron(0 * * * ? *)",
    "minutely": "rate(1 minute)",
}
_SECONDS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3_600, "hr": 3_600, "hour": 3_600}
_SECONDS |= {"d": 86_400, "day": 86_400, "w": 604_800, "wk": 604_800, "week": 604_800}
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def expression(text: str) -> str | None:
    """What may be meant by a text that is not even `kind(...)`."""
    plain = " ".join(text.strip().split())
    lower = plain.lower().lstrip("@")
    if lower in _NICKNAMES:
        return _NICKNAMES[lower]
    kind, _, rest = re.sub(r"[({\[ ]+", "(", plain, count=1).rstrip(")}] ").partition("(")
    near = get_close_matches(kind.lower(), ("rate", "cron", "at"), n=1)
    if near and rest:
        return f"{near[0]}({rest})"
    if (span := re.sub(r"^(@?every|each)\s*", "", lower)) and rate(span):
        return f"rate({rate(span)})"
    if len(plain.split()) in (5, 6, 7) and re.search(r"[*?\d]", plain):
        return f"cron({plain})"
    return f"at({plain})" if moment(plain) else None


def rate(body: str) -> str | None:
    """A rate in words: `90s`, `0.5 hours`, `2 weeks`, `minute`. In whole minutes, at least one."""
    written = re.fullmatch(r"-?\+?(\d{1,9}(?:\.\d{1,9})?)?\s*([a-z]+?)s?", body.strip().lower(), re.ASCII)
    if not written or written[2] not in _SECONDS:
        return None
    minutes = math.ceil((float(written[1] or 1) or 1) * _SECONDS[written[2]] / 60)
    for unit, size in (("day", 1440), ("hour", 60), ("minute", 1)):
        if minutes % size == 0 and (size == 1 or _SECONDS[written[2]] >= size * 60):
            return f"{minutes // size} {unit}{'s' if minutes // size > 1 else ''}"
    return None


def moment(body: str) -> str | None:
    """A time, as AWS writes it: parts filled in, what is no date brought to the nearest, a zone turned into UTC."""
    clock_form = (
        r"(?:[Tt ]+(\d{1,2})(?::(\d{1,2}))?(?::(\d{1,2}))?(?:[.,]\d+)?)?\s*(Z|z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?"
    )
    form = rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}){clock_form}"
    written = re.fullmatch(form, body.strip(), re.ASCII)
    if not written:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in written.groups()[:6])
    year, month = min(max(year, 1970), 2199), min(max(month, 1), 12)
    most = 28 if month == 2 and not _is_leap(year) else _LENGTHS[month - 1]
    clock = (min(hour, 23), min(minute, 59), min(second, 59))
    when = datetime(year, month, min(max(day, 1), most), *clock)
    if written[7] and written[7] not in "Zz":
        offset = datetime.strptime(written[7], "%z").utcoffset()
        when -= offset or timedelta()
    return when.isoformat()


def cron(body: str) -> str | None:
    """Five fields of crontab, or seven of Quartz, as AWS's six."""
    fields = body.split()
    if len(fields) == 7:
        return " ".join(fields[1:])
    minutes, hours, day, month, weekday = fields
    if weekday not in ("*", "?"):
        weekday = _aws_weekdays(weekday)
    if day == "?" or (day == "*" and weekday not in ("*", "?")):
        day, weekday = ("*", "?") if weekday in ("*", "?") else ("?", weekday)
    elif weekday == "*":
        weekday = "?"
    return " ".join((minutes, hours, day, month, weekday, "*"))


def _aws_weekdays(field: str) -> str:
    """Crontab's 0 to 7 from Sunday, 7 being Sunday again, by name; what cannot be read stays."""
    found: set[int] = set()
    for item in field.upper().split(","):
        base, _, step = item.partition("/")
        start, dash, end = base.partition("-")
        low, high = (0, 6) if base == "*" else (_crontab_weekday(start), _crontab_weekday(end if dash else start))
        if low is None or high is None or not re.fullmatch("[1-9]?", step):
            return field
        high += 7 if high < low else 0
        found.update(number % 7 for number in range(low, high + 1, int(step or 1)))
    return ",".join(
        _WEEKDAYS[low] if low == high else f"{_WEEKDAYS[low]}-{_WEEKDAYS[high]}" for low, high in _runs(found)
    )


def _crontab_weekday(text: str) -> int | None:
    if text[:3] in _WEEKDAYS:
        return _WEEKDAYS.index(text[:3])
    return int(text) if text in tuple("01234567") else None


def _runs(numbers: set[int]) -> list[tuple[int, int]]:
    """First and last of each run of three or more neighbours; the others each for itself."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return [part for low, high in runs for part in ([(low, high)] if high - low != 1 else [(low, low), (high, high)])]


def _is_leap(year: int) -> bool:
    return date(year, 12, 31).timetuple().tm_yday == 366
