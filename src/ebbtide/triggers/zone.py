"""A time zone by its IANA name, and the way from its wall clock to real time and back.

Wall-clock times are naive datetimes, real ones seconds since 1970. Where the clock is set forward, some wall-clock
times do not exist; where it is set back, some come twice.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

_NAME = r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}"
_NO_PLACE = {"localtime", "posixrules", "Factory"}
"""Files beside the zones that mean another thing on each machine, or nothing."""


class UnknownZone(LookupError):
    """No time zone of that name; `near` are the names that come close, the nearest first."""

    def __init__(self, name: object, near: list[str]) -> None:
        super().__init__(name)
        self.near = near


def zone_named(name: str) -> tzinfo:
    """The zone. Raises UnknownZone."""
    if name == "UTC":
        return UTC  # needs no data files
    if isinstance(name, str) and re.fullmatch(_NAME, name) and name not in _NO_PLACE and name[:5] not in _COPIES:
        try:
            return ZoneInfo(name)
        except Exception:
            raise UnknownZone(name, _near(name)) from None
    raise UnknownZone(name, _near(str(name)))


_COPIES = {"posix", "right"}


def _near(name: str) -> list[str]:
    """Names like this one: the same place, a city with its continent left out, a misspelling."""
    plain = {known.lower(): known for known in available_timezones()}
    wanted = name.strip().lower().replace(" ", "_")
    same = [plain[wanted]] if wanted in plain else [plain[low] for low in sorted(plain) if low.endswith("/" + wanted)]
    near = [plain[low] for low in get_close_matches(wanted, sorted(plain), n=3)]
    return same or near or (["UTC"] if wanted in ("", "z", "none", "utc+0", "gmt+0") else [])


def wall_clock(moment: float, zone: tzinfo) -> datetime:
    """What the clocks of the zone show then, naive."""
    return datetime.fromtimestamp(moment, zone).replace(tzinfo=None, fold=0)


def first_moment(local: datetime, zone: tzinfo) -> float | None:
    """When the clocks of the zone show this for the first time; None if they never do."""
    moment = local.replace(tzinfo=zone).timestamp()
    return moment if wall_clock(moment, zone) == local else None
