"""Unions and literals: plain where JSON tells the members apart, tagged where it does not."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Optional, TypedDict, Union

import pytest

from ebbtide.values import ValueRefused, codec_for


class Colour(Enum):
    RED = "red"


@dataclass
class Circle:
    radius: Decimal


@dataclass
class Square:
    side: Decimal


class Folder(TypedDict):
    inner: "Folder | Shelf | None"
    kind: Literal["folder"]


class Shelf(TypedDict):
    inner: "Folder | Shelf | None"
    kind: Literal["shelf"]


def tag(name: str, value: Any) -> dict[str, Any]:
    return {"$type": name, "value": value}


@pytest.mark.parametrize(
    ("annotation", "value", "on_the_wire"),
    [
        (datetime | None, datetime(2026, 1, 1), "2026-01-01T00:00:00"),
        (Optional[datetime], None, None),  # noqa: UP045
        (Union[int, str], "5", "5"),  # noqa: UP007
        (int | date, date(2026, 1, 1), "2026-01-01"),
        (int | timedelta, 5, 5),
        (list[int] | list[str], ["a"], ["a"]),
        (list[date] | date, [date(2026, 1, 1)], ["2026-01-01"]),
        (datetime | str, "2026-01-01", tag("str", "2026-01-01")),
        (datetime | str, datetime(2026, 1, 1), tag("datetime", "2026-01-01T00:00:00")),
        (str | datetime, datetime(2026, 1, 1), tag("datetime", "2026-01-01T00:00:00")),
        (datetime | str | None, None, None),
        (Decimal | str, Decimal(1), tag("Decimal", "1")),
        (list[date] | list[str], ["2026-01-01"], tag("list[str]", ["2026-01-01"])),
        (date | str | dict[str, str], tag("date", "2026-01-01"), tag("dict[str, str]", tag("date", "2026-01-01"))),
        (Circle | Square, Square(Decimal(2)), tag("Square", {"side": "2"})),
        (Any | date, date(2026, 1, 1), tag("date", "2026-01-01")),
        (tuple[int, int] | list[int], (1, 2), tag("tuple[int, int]", [1, 2])),
        (Literal["a", 1], 1, 1),
        (Literal[Colour.RED, "RED"], Colour.RED, tag("Literal[Colour.RED]", "RED")),
    ],
)
def test_the_right_member_comes_back(annotation: Any, value: Any, on_the_wire: Any) -> None:
    codec = codec_for(annotation)
    encoded = codec.encode(value)
    assert encoded == on_the_wire
    back = codec.decode(json.loads(json.dumps(encoded)))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("annotation", "typed", "value"),
    [
        (datetime | str, "2026-01-01", datetime(2026, 1, 1)),
        (datetime | str, "tomorrow", "tomorrow"),
        (Circle | Square, {"side": "2"}, Square(Decimal(2))),
        (timedelta | None, 90, timedelta(seconds=90)),
        (Literal[Colour.RED, "x"], "red", Colour.RED),
    ],
)
def test_a_value_typed_without_a_tag_goes_to_the_first_member_that_takes_it(
    annotation: Any, typed: Any, value: Any
) -> None:
    assert codec_for(annotation).decode(typed) == value


@pytest.mark.parametrize(
    ("annotation", "value", "reason"),
    [
        (datetime | None, "x", "expected datetime | None, got str 'x'"),
        (int | str, 1.5, "expected int | str, got float 1.5"),
        (list[date] | None, [1], "[0]: expected date, got int 1"),
        (float | None, float("nan"), "nan is not in JSON"),
        (Circle | None, Circle(1.5), ".radius: expected Decimal, got float 1.5"),  # type: ignore[arg-type]
        (Circle | Square, Circle(1.5), ".radius: expected Decimal, got float 1.5"),  # type: ignore[arg-type]
        (Literal[1, "a"], True, "expected Literal[1] | Literal['a'], got bool True"),
        (Literal["a", "b"], "c", "expected Literal['a', 'b'], got str 'c'"),
    ],
)
def test_the_reason_is_that_of_the_member_that_was_meant(annotation: Any, value: Any, reason: str) -> None:
    with pytest.raises(ValueRefused) as caught:
        codec_for(annotation).encode(value)
    assert reason == str(caught.value)[: len(reason)]


@pytest.mark.parametrize(
    "hostile", [tag("os", 1), tag("Circle", 1), {"$type": ["x"], "value": 1}, {"$type": "Circle"}, 5]
)
def test_tags_of_strangers_are_refused(hostile: Any) -> None:
    with pytest.raises(ValueRefused):
        codec_for(Circle | Square).decode(hostile)


def test_members_of_one_name_are_told_apart() -> None:
    def made(kind: type) -> Any:
        return dataclass(type("Same", (), {"__annotations__": {"x": kind}}))

    one, two = made(int), made(str)
    codec = codec_for(one | two)
    assert codec.encode(two("a")) == tag("Same#2", {"x": "a"})
    assert codec.decode(codec.encode(two("a"))) == two("a")


def test_alternatives_within_alternatives_cannot_be_made_to_take_forever() -> None:
    hostile: dict[str, Any] = {"inner": 5, "kind": "shelf"}
    for _ in range(90):
        hostile = {"inner": hostile, "kind": "shelf"}
    with pytest.raises(ValueRefused, match="no combination of union members"):
        codec_for(Folder | Shelf).decode(hostile)
