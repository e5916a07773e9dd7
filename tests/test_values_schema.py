"""Schemas of annotations: what a codec writes keeps its schema, and what keeps the schema is read."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, NewType, NotRequired, TypedDict, TypeVar
from uuid import UUID

import jsonschema_rs
import msgspec
import pydantic
import pytest

from ebbtide.values import codec_for
from ebbtide.values_schema import Schemas, default_of

T = TypeVar("T")
Id = NewType("Id", int)


class Colour(enum.Enum):
    RED = "#ff0000"
    BLUE = 2


class Right(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass
class Node:
    """A node of a tree."""

    name: str
    children: list[Node] = field(default_factory=list)
    note: str | None = None


@dataclass
class Page(Generic[T]):
    items: list[T]


class Size(NamedTuple):
    width: int
    height: int = 1


class Address(TypedDict):
    street: str
    town: NotRequired[str]


class Inner(pydantic.BaseModel):
    paid: Decimal


class Order(pydantic.BaseModel):
    id: int
    inner: Inner | None = None


class Point(msgspec.Struct):
    x: int
    y: int = 0


SAMPLES: list[tuple[Any, list[Any], list[Any]]] = [
    (None, [None], [1]),
    (bool, [True], [1, "true"]),
    (int, [1, -(10**30)], ["1", 1.5, True]),
    (Id, [1], ["1"]),
    (float, [1.5, 2], ["1"]),
    (str, ["", "é\u0000"], [1]),
    (bytes, [b"", b"\xff", b"ab"], ["=", "a"]),
    (Decimal, [Decimal("1.50"), Decimal("-1E+5")], ["x", "NaN"]),
    (datetime, [datetime(2027, 1, 1, 12, tzinfo=UTC)], [1, "x"]),
    (date, [date(2027, 1, 1)], ["2027-13-01"]),
    (time, [time(12, 30), time(1, 2, 3, 4), time(1, tzinfo=UTC)], ["25:00:00"]),
    (timedelta, [timedelta(days=-3, seconds=1.5), timedelta(days=4), timedelta(days=99_999_999)], ["P1Y"]),
    (UUID, [UUID(int=7)], ["7"]),
    (Path, [Path("a/b")], [1]),
    (Colour, [Colour.RED, Colour.BLUE], ["GREEN", 3]),
    (Right, [Right.READ | Right.WRITE, Right(0)], [4, -1]),
    (Literal["a", 1], ["a", 1], ["b", 2]),
    (list[date], [[date(2027, 1, 1)], []], [["x"], {}]),
    (Sequence[int], [[1]], [["x"]]),
    (set[str], [{"b", "a"}], [[1]]),
    (tuple[int, str], [(1, "a")], [[1], [1, "a", 2], ["a", 1]]),
    (tuple[int, ...], [(), (1, 2)], [["x"]]),
    (dict[str, Decimal], [{"a": Decimal(1)}], [{"a": "x"}]),
    (dict[int, str], [{3: "x", -1: "y"}], [{"x": "x"}]),
    (Mapping[date, int], [{date(2027, 1, 1): 1}], [{"x": 1}]),
    (Node, [Node("a", [Node("b", [Node("c")])])], [{}, {"name": 1}, {"name": "a", "more": 1}]),
    (Page[int], [Page([1])], [{"items": ["x"]}]),
    (Size, [Size(1), Size(1, 2)], [{"height": 1}]),
    (Address, [{"street": "a"}, {"street": "a", "town": "b"}], [{"town": "b"}]),
    (Order, [Order(id=1), Order(id=1, inner=Inner(paid=Decimal("1.5")))], [{"id": "x"}]),
    (Point, [Point(1), Point(1, 2)], [{"x": "x"}]),
    (datetime | None, [None, datetime(2027, 1, 1, tzinfo=UTC)], [1]),
    (int | str, [1, "a"], [1.5]),
    (date | str, [date(2027, 1, 1), "2027-01-01", "x"], [1]),
    (list[Node] | Node | None, [None, [Node("a")], Node("b")], [1]),
]


def schema_of(annotation: Any) -> dict[str, Any]:
    """A schema that stands alone."""
    schemas = Schemas("#/$defs/")
    return {**schemas.of(annotation), "$defs": schemas.named}


@pytest.mark.parametrize(
    ("annotation", "values", "wrong"),
    SAMPLES,
    ids=[f"{number} {str(sample[0])[:40]}" for number, sample in enumerate(SAMPLES)],
)
def test_what_is_written_keeps_the_schema_and_what_does_not_keep_it_is_refused(
    annotation: Any, values: list[Any], wrong: list[Any]
) -> None:
    codec = codec_for(annotation)
    validator = jsonschema_rs.Draft202012Validator(schema_of(annotation), validate_formats=True)
    for value in values:
        wire = json.loads(json.dumps(codec.encode(value)))
        assert validator.is_valid(wire), (wire, schema_of(annotation))
        assert codec.decode(wire) == value
    for value in wrong:
        assert not validator.is_valid(value), (value, schema_of(annotation))


@pytest.mark.parametrize("annotation", [Any, object, list, dict, tuple])
def test_what_says_little_has_a_schema_that_says_little(annotation: Any) -> None:
    validator = jsonschema_rs.Draft202012Validator(schema_of(annotation))
    sample = {list: [1, "a"], tuple: [1, "a"], dict: {"a": [1]}}.get(annotation, "anything")
    assert validator.is_valid(sample)


def test_a_class_stands_once_under_its_name_and_carries_its_docstring() -> None:
    schemas = Schemas()
    assert schemas.of(Node) == schemas.of(Node) == {"$ref": "#/components/schemas/Node"}
    assert list(schemas.named) == ["Node"]
    assert schemas.named["Node"]["description"] == "A node of a tree."
    assert schemas.named["Node"]["required"] == ["name"]
    assert schemas.of(Size) == {"$ref": "#/components/schemas/Size"}
    assert "description" not in schemas.named["Size"]


def test_two_classes_of_one_name_have_two_schemas() -> None:
    def made(kind: Any) -> Any:
        @dataclass
        class Local:
            x: kind

        return Local

    schemas = Schemas()
    assert schemas.of(made(int)) != schemas.of(made(str))
    assert list(schemas.named) == ["Local", "Local2"]


def test_a_default_is_written_as_it_travels_or_left_out() -> None:
    assert default_of(codec_for(date), date(2027, 1, 1)) == {"default": "2027-01-01"}
    assert default_of(codec_for(date), object()) == {}
