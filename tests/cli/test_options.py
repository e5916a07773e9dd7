"""How durations and moments are written."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from ebbtide.cli.options import address, duration, duration_or_moment, moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("0.5", 0.5), ("250ms", 0.25), ("15m", 900), ("15 min", 900), ("2h", 7_200), ("1d", 86_400)],
)
def test_a_duration_is_seconds_or_has_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds
    assert duration_or_moment(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "-1", "1y", "1h30m", "nan", "inf", "1e3", "٣"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter):
        duration(text)


def test_a_moment_has_a_zone() -> None:
    noon = datetime(2027, 1, 1, 12, tzinfo=UTC)
    assert moment("2027-01-01T12:00:00Z") == duration_or_moment("2027-01-01T14:00+02:00") == noon
    with pytest.raises(click.BadParameter, match="add Z for UTC"):
        moment("2027-01-01T12:00:00")
    with pytest.raises(click.BadParameter, match="no ISO 8601 time"):
        moment("noon")


@pytest.mark.parametrize("text", ["", "nonsense", "localhost:4566", "http://", "ftp://here"])
def test_an_address_is_a_url_of_http(text: str) -> None:
    assert address("http://127.0.0.1:4566") == "http://127.0.0.1:4566"
    with pytest.raises(click.BadParameter, match="is no address, as http"):
        address(text)
