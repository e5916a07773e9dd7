"""Codecs of dates and times, in ISO 8601 with the bracketed zone of RFC 9557.

    2026-03-29T12:00:00                          naive stays naive
    2026-03-29T12:00:00+02:00                    a fixed offset
    2026-03-29T12:00:00+02:00[Europe/Berlin]     a ZoneInfo; in the doubled hour of autumn the offset tells the fold
    2026-03-29T12:00:00[_fold=1]                 a fold the offset cannot tell; RFC 9557 leaves keys with `_` to us

If the reader's time-zone data give another offset than the text, the reader refuses: wall clock and instant cannot
both be kept. Zones that are not ZoneInfo travel as their fixed offset if that still equals the original, else they
are refused.

zoneinfo is imported here, with the module. Importing it when a zone first arrives would be an import in the middle of
reading a foreign message, which the security tests forbid. Loading a zone by key still opens its tzdata file, hence
the strict key.
"""

import re
from datetime import date, datetime, time, timedelta
from os.path import isdir, isfile
from typing import Any
from zoneinfo import TZPATH, ZoneInfo

from ebbtide.values_codec import Codec, ValueRefused, mismatch
from ebbtide.values_scalars import text_codec

_KEY = r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,3}"
_STAMP = re.compile(rf"(?P<iso>[^\[\]]+)(?:\[(?P<zone>{_KEY})\])?(?P<fold>\[_fold=1\])?")
_LASTING = re.compile(
    r"(?P<sign>[+-]?)P(?=[0-9T])(?:(?P<weeks>[0-9]{1,9})W)?(?:(?P<days>[0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]{1,12})H)?(?:(?P<minutes>[0-9]{1,12})M)?"
    r"(?:(?P<seconds>[0-9]{1,15})(?:\.(?P<fraction>[0-9]{1,6}))?S)?)?"
)
# Bound now: libraries that freeze the clock swap the class in this module for a stand-in.
_read_datetime = datetime.fromisoformat
_read_date = date.fromisoformat
_read_time = time.fromisoformat


def _zone_key(zone: object) -> str | None:
    """The key of a ZoneInfo that can be found again by it."""
    if type(zone) is ZoneInfo and zone.key is not None and re.fullmatch(_KEY, zone.key):
        return zone.key
    return None


def _zone(key: str) -> ZoneInfo:
    try:
        # Where a system with zones lacks this one, ZoneInfo would go on to import a package for it: not while reading.
        if not any(isfile(f"{folder}/{key}") for folder in TZPATH) and any(map(isdir, TZPATH)):
            raise LookupError(key)
        return ZoneInfo(key)
    except Exception:
        raise ValueRefused(f"no time zone {key!r} here; is the package tzdata installed?") from None


def _write_datetime(value: datetime) -> str:
    text, told = value.isoformat(), 0
    key = _zone_key(value.tzinfo)
    if key is not None:
        text += f"[{key}]"
        told = int(value.replace(fold=0).utcoffset() != value.utcoffset())
    if value.fold != told:
        text += "[_fold=1]"
    if value.tzinfo is None:
        return text
    copy = _datetime(text)
    if copy.tzinfo is None or copy != value:
        kind = f"{type(value.tzinfo).__module__}.{type(value.tzinfo).__name__}"
        raise ValueRefused(f"this datetime's time zone, a {kind}, cannot be kept; use zoneinfo.ZoneInfo or an offset")
    return text


def _datetime(text: str) -> datetime:
    stamp = _STAMP.fullmatch(text)
    if stamp is None:
        raise ValueError(text)
    moment = _read_datetime(stamp["iso"]).replace(fold=int(stamp["fold"] is not None))
    if stamp["zone"] is None:
        return moment
    zone = _zone(stamp["zone"])
    if stamp["iso"][-1] in "Zz":
        return moment.astimezone(zone)
    local = moment.replace(tzinfo=zone)
    if moment.tzinfo is None or local.utcoffset() == moment.utcoffset():
        return local
    other = local.replace(fold=1)
    if other.utcoffset() == moment.utcoffset():
        return other
    raise ValueRefused(f"{text[:80]!r}: {zone.key} has another offset then; the time-zone data of the two ends differ")


def _write_time(value: time) -> str:
    key = _zone_key(value.tzinfo)
    text = value.isoformat() if key is None else f"{value.replace(tzinfo=None).isoformat()}[{key}]"
    if value.fold:
        text += "[_fold=1]"
    if value.tzinfo is not None and (_time(text).tzinfo is None or _time(text) != value):
        raise ValueRefused("this time's zone cannot be kept; use zoneinfo.ZoneInfo or a fixed offset")
    return text


def _time(text: str) -> time:
    stamp = _STAMP.fullmatch(text)
    if stamp is None:
        raise ValueError(text)
    clock = _read_time(stamp["iso"]).replace(fold=int(stamp["fold"] is not None))
    if stamp["zone"] is None:
        return clock
    if clock.tzinfo is not None:
        raise ValueError(text)
    return clock.replace(tzinfo=_zone(stamp["zone"]))


def _write_timedelta(value: timedelta) -> str:
    total = value // timedelta(microseconds=1)
    seconds, micros = divmod(abs(total), 1_000_000)
    days, seconds = divmod(seconds, 86_400)
    clock = f"{seconds}.{micros:06d}".rstrip("0").rstrip(".") if micros else str(seconds)
    text = ("-P" if total < 0 else "P") + (f"{days}D" if days else "")
    return text if days and clock == "0" else f"{text}T{clock}S"


def _timedelta(value: Any) -> timedelta:
    """From the text, or from a plain number of seconds."""
    if not isinstance(value, str):
        return timedelta(seconds=value)
    lasting = _LASTING.fullmatch(value)
    if lasting is None:
        raise ValueError(value)
    part = {name: int(lasting[name] or 0) for name in ("weeks", "days", "hours", "minutes", "seconds")}
    micros = int((lasting["fraction"] or "0").ljust(6, "0"))
    length = timedelta(microseconds=micros, **part)
    return -length if lasting["sign"] == "-" else length


def _unfrozen(codec: Codec, kind: type) -> Codec:
    """Also take freezegun's stand-in for the class: under a frozen clock now() makes nothing else."""
    stand_in = f"Fake{kind.__name__.capitalize()}"

    def encode(value: Any) -> Any:
        if type(value) is kind:
            return codec.encode(value)
        if type(value).__name__ == stand_in and isinstance(value, kind):
            fields = ("year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold")
            return codec.encode(kind(**{name: getattr(value, name) for name in fields if hasattr(value, name)}))
        if isinstance(value, kind):
            hint = (
                "pass its .date()" if hasattr(value, "date") and kind is date else f"it is a subclass of {codec.name}"
            )
            raise mismatch(codec.name, value, hint)
        raise mismatch(codec.name, value)

    return Codec(codec.name, encode, codec.decode, codec.shapes, codec.types)


TIMES: dict[type, Codec] = {
    datetime: _unfrozen(text_codec(datetime, _write_datetime, _datetime), datetime),
    date: _unfrozen(text_codec(date, lambda day: str(day.isoformat()), _read_date), date),
    time: text_codec(time, _write_time, _time),
    timedelta: text_codec(timedelta, _write_timedelta, _timedelta, also=(int, float)),
}
