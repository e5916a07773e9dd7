"""Single values: what each class takes, what it refuses, and how it looks as JSON."""

import json
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID

import pytest

from ebbtide.values import ValueRefused, codec_for


class Colour(Enum):
    RED = "r"
    GREEN = 2


class Level(IntEnum):
    LOW = 1


class Access(Flag):
    READ = 1
    WRITE = 2


@pytest.mark.parametrize(
    ("annotation", "value", "on_the_wire"),
    [
        (Decimal, Decimal("1.50"), "1.50"),
        (UUID, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (bytes, b"\x00\xff", "AP8="),
        (bytearray, bytearray(b"ab"), "YWI="),
        (Path, Path("a/b"), "a/b"),
        (PureWindowsPath, PureWindowsPath("c:\\a"), "c:/a"),
        (Colour, Colour.GREEN, "GREEN"),
        (Level, Level.LOW, "LOW"),
        (Access, Access.READ | Access.WRITE, 3),
        (float, 2, 2),
    ],
)
def test_values_are_written_in_the_usual_way(annotation: Any, value: Any, on_the_wire: Any) -> None:
    codec = codec_for(annotation)
    assert codec.encode(value) == on_the_wire
    back = codec.decode(on_the_wire)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("annotation", "value", "reason"),
    [
        (int, "5", "expected int, got str '5'"),
        (int, 5.0, "expected int, got float 5.0"),
        (int, Level.LOW, "expected int, got Level; annotate the parameter as Level"),
        (bool, 1, "expected bool, got int 1"),
        (str, None, "expected str, got None"),
        (str, b"x", "expected str, got bytes"),
        (float, "1", "expected float, got str '1'"),
        (float, float("-inf"), "-inf is not in JSON"),
        (Decimal, 1.5, "expected Decimal, got float 1.5"),
        (Decimal, Decimal("NaN"), "Decimal NaN is refused"),
        (Decimal, Decimal("-Infinity"), "Decimal -Infinity is refused"),
        (bytes, bytearray(b""), "expected bytes, got bytearray"),
        (UUID, "x", "expected UUID, got str 'x'"),
        (Path, "x", "expected Path, got str 'x'"),
        (PurePosixPath, PureWindowsPath("x"), "expected PurePosixPath, got PureWindowsPath"),
        (PurePath, Path("x"), "expected PurePath, got "),
        (Colour, "RED", "expected Colour, got str 'RED'"),
        (Enum, Colour.RED, "expected Enum, got Colour"),
        (None, 0, "expected None, got int 0"),
    ],
)
def test_a_value_of_another_class_is_refused_by_name(annotation: Any, value: Any, reason: str) -> None:
    with pytest.raises(ValueRefused) as caught:
        codec_for(annotation).encode(value)
    assert reason in str(caught.value)


def test_a_str_that_only_says_more_about_itself_arrives_as_str() -> None:
    class SafeString(str):
        __slots__ = ()

        def __str__(self) -> str:
            return self

    encoded = codec_for(str).encode(SafeString("<b>"))
    assert encoded == "<b>"
    assert type(encoded) is str


@pytest.mark.parametrize(
    ("annotation", "typed", "value"),
    [
        (Colour, "r", Colour.RED),
        (Colour, 2, Colour.GREEN),
        (Level, 1, Level.LOW),
        (Access, "READ", Access.READ),
        (Decimal, 5, Decimal(5)),
        (Decimal, 0.1, Decimal("0.1")),
        (UUID, "{00000000000000000000000000000001}", UUID(int=1)),
    ],
)
def test_values_typed_by_hand_are_understood(annotation: Any, typed: Any, value: Any) -> None:
    assert codec_for(annotation).decode(typed) == value


@pytest.mark.parametrize(
    ("annotation", "hostile"),
    [
        (Decimal, "1e"),
        (Decimal, "nan"),
        (Decimal, "1E+99999999999999999999"),
        (Decimal, True),
        (bytes, "a"),
        (bytes, "ä"),
        (bytes, "YQ==YQ=="),
        (UUID, "1" * 10_000),
        (Colour, "BLACK"),
        (Colour, ["RED"]),
        (Access, 64),
        (Access, True),
        (Path, 5),
        (int, float("nan")),
        (float, float("nan")),
        (str, 1),
    ],
)
def test_json_that_is_no_such_value_is_refused(annotation: Any, hostile: Any) -> None:
    with pytest.raises(ValueRefused):
        codec_for(annotation).decode(hostile)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueRefused, match="expected Colour, got str 'BLACK'; its members are RED, GREEN"):
        codec_for(Colour).decode("BLACK")


@pytest.mark.parametrize("annotation", [int, float, Any, list[int], dict[str, Any]])
def test_ints_python_cannot_write_in_decimal_are_refused_both_ways(annotation: Any) -> None:
    codec = codec_for(annotation)
    for number in (10**4300, -(10**4300)):
        for value in (number, [number], {"a": number}):
            with pytest.raises(ValueRefused):
                codec.encode(value)
            with pytest.raises(ValueRefused):
                codec.decode(value)


def test_lone_surrogates_survive() -> None:
    assert codec_for(str).decode(json.loads(json.dumps(codec_for(str).encode("\ud83d")))) == "\ud83d"
