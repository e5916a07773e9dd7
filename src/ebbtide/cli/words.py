"""The words of the command line's answers: times, durations and foreign text in the form a person can read.

What stands on a queue may have been written by anyone, so no control character of it reaches a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def printable(text: str) -> str:
    """The text with everything that is not printable escaped, line breaks and tabs excepted."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def one_line(text: str, limit: int = 200) -> str:
    """The text on one line, cut to a length."""
    line = " ".join(printable(text).split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def iso(seconds: float | None) -> str | None:
    """A time since 1970 in ISO 8601, UTC, as in `Result`'s JSON."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def moment(seconds: float | None) -> str:
    """A time since 1970 for people: ISO 8601 in UTC, to the second."""
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def span(seconds: float | None) -> str:
    """A duration for people, its two largest units: `4 d 3 h`, `12 s`, `0.25 s`; `7 ms` below a tenth."""
    if seconds is None:
        return ""
    if 0 < seconds < 0.1:
        return f"{round(seconds * 1_000, 1):g} ms"
    if seconds < 10:
        return f"{round(seconds, 2):g} s"
    parts: list[str] = []
    left = int(seconds)
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part)


def counted(number: int, thing: str) -> str:
    """`1 dead letter`, `1,234 dead letters`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def listed(names: Iterable[str], limit: int = 5) -> str:
    """The first few names, and how many more there are."""
    every = list(names)
    more = len(every) - limit
    return ", ".join(map(repr, every[:limit])) + (f" and {more:,} more" if more > 0 else "")
