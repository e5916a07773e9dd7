"""Dates and times: zones keep their key, doubled hours their fold, and nothing is read that cannot be meant."""

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ebbtide.values import ValueRefused, codec_for

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "on_the_wire"),
    [
        (datetime(2026, 3, 1, 12), "2026-03-01T12:00:00"),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00+00:00"),
        (datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN), "2026-10-25T02:30:00+02:00[Europe/Berlin]"),
        (datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1), "2026-10-25T02:30:00+01:00[Europe/Berlin]"),
        (datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN), "2026-03-29T02:30:00+01:00[Europe/Berlin]"),
        (datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN, fold=1), "2026-03-29T02:30:00+02:00[Europe/Berlin]"),
        (datetime(2026, 3, 1, fold=1), "2026-03-01T00:00:00[_fold=1]"),
        (time(9, 30), "09:30:00"),
        (time(9, 30, tzinfo=BERLIN), "09:30:00[Europe/Berlin]"),
        (time(9, 30, tzinfo=timezone(timedelta(hours=2))), "09:30:00+02:00"),
        (date(2026, 3, 1), "2026-03-01"),
        (timedelta(days=1, seconds=2, microseconds=3), "P1DT2.000003S"),
        (timedelta(microseconds=-1), "-PT0.000001S"),
        (timedelta(days=-3), "-P3D"),
        (timedelta(0), "PT0S"),
        (timedelta.max, "P999999999DT86399.999999S"),
        (timedelta.min, "-P999999999D"),
    ],
)
def test_times_are_written_in_iso_with_the_zone_in_brackets(value: Any, on_the_wire: str) -> None:
    codec = codec_for(type(value))
    assert codec.encode(value) == on_the_wire
    back = codec.decode(on_the_wire)
    assert back == value
    assert repr(back) == repr(value)


def test_a_naive_datetime_comes_back_naive() -> None:
    codec = codec_for(datetime)
    assert codec.decode(codec.encode(datetime(2026, 3, 1))).tzinfo is None


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [
        (datetime, "2026-03-01", datetime(2026, 3, 1)),
        (datetime, "2026-03-01T12:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        (datetime, "2026-03-01T12:00Z[Europe/Berlin]", datetime(2026, 3, 1, 13, tzinfo=BERLIN)),
        (datetime, "2026-03-01T12:00[Europe/Berlin]", datetime(2026, 3, 1, 12, tzinfo=BERLIN)),
        (timedelta, 90, timedelta(seconds=90)),
        (timedelta, 0.5, timedelta(milliseconds=500)),
        (timedelta, "P1W2DT3H4M5.5S", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5.5)),
    ],
)
def test_times_typed_by_hand_are_understood(kind: Any, typed: Any, value: Any) -> None:
    assert codec_for(kind).decode(typed) == value


@pytest.mark.parametrize(
    ("kind", "hostile"),
    [
        (datetime, "2026-01-01T00:00[../../etc/passwd]"),
        (datetime, "2026-01-01T00:00[/etc/localtime]"),
        (datetime, "2026-01-01T00:00[Europe/../Europe/Berlin]"),
        (datetime, "2026-01-01T00:00[Europe/Berlin\n]"),
        (datetime, "2026-01-01T00:00[Europe]"),
        (datetime, "2026-01-01T00:00[Mars/Olympus]"),
        (datetime, f"2026-01-01T00:00[{'A' * 5000}]"),
        (datetime, "0001-01-01T00:00Z[America/New_York]"),
        (datetime, "yesterday"),
        (datetime, 1767225600),
        (time, "09:30+02:00[Europe/Berlin]"),
        (date, "2026-02-30"),
        (timedelta, "P"),
        (timedelta, "PT"),
        (timedelta, "P1DT"),
        (timedelta, "P9999999999D"),
        (timedelta, 1e300),
        (timedelta, float("nan")),
        (timedelta, 10**400),
        (timedelta, True),
    ],
)
def test_text_that_is_no_time_is_refused(kind: Any, hostile: Any) -> None:
    with pytest.raises(ValueRefused):
        codec_for(kind).decode(hostile)


def test_an_offset_the_zone_does_not_have_is_refused() -> None:
    with pytest.raises(ValueRefused, match="time-zone data of the two ends differ"):
        codec_for(datetime).decode("2026-01-01T00:00:00+05:00[Europe/Berlin]")


class Pytz(tzinfo):
    """A zone of another library, with a fixed offset."""

    def utcoffset(self, when: datetime | None) -> timedelta:
        return timedelta(hours=5)

    def dst(self, when: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, when: datetime | None) -> str:
        return "five"


class Dateutil(Pytz):
    """A zone of another library, whose offset depends on the fold."""

    def utcoffset(self, when: datetime | None) -> timedelta:
        return timedelta(hours=5 + (when.fold if when else 0))


class Unknown(Pytz):
    def utcoffset(self, when: datetime | None) -> None:  # type: ignore[override]
        return None


def test_zones_of_other_libraries_travel_as_their_offset_while_that_equals() -> None:
    value = datetime(2026, 1, 1, tzinfo=Pytz())
    assert codec_for(datetime).encode(value) == "2026-01-01T00:00:00+05:00"
    assert codec_for(datetime).decode("2026-01-01T00:00:00+05:00") == value


@pytest.mark.parametrize("zone", [Dateutil(), Unknown()])
def test_zones_that_an_offset_cannot_stand_for_are_refused(zone: tzinfo) -> None:
    with pytest.raises(ValueRefused, match=r"cannot be kept; use zoneinfo\.ZoneInfo"):
        codec_for(datetime).encode(datetime(2026, 1, 1, tzinfo=zone))


def test_a_datetime_is_no_date_and_a_date_no_datetime() -> None:
    with pytest.raises(ValueRefused, match=r"expected date, got datetime; pass its \.date\(\)"):
        codec_for(date).encode(datetime(2026, 1, 1))
    with pytest.raises(ValueRefused, match="expected datetime, got date"):
        codec_for(datetime).encode(date(2026, 1, 1))


def test_the_stand_ins_of_a_frozen_clock_travel_as_the_real_thing() -> None:
    class FakeDatetime(datetime):
        pass

    class FakeDate(date):
        pass

    class Other(datetime):
        pass

    moment = codec_for(datetime).decode(
        codec_for(datetime).encode(FakeDatetime(2026, 10, 25, 2, tzinfo=BERLIN, fold=1))
    )
    assert repr(moment) == repr(datetime(2026, 10, 25, 2, tzinfo=BERLIN, fold=1))
    assert codec_for(date).encode(FakeDate(2026, 1, 1)) == "2026-01-01"
    with pytest.raises(ValueRefused, match="expected datetime, got Other; it is a subclass of datetime"):
        codec_for(datetime).encode(Other(2026, 1, 1))
