"""Classes with fields: rebuilt as they were, or refused by the name of what would be lost."""

import dataclasses
import json
import typing
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum
from functools import cached_property
from typing import Any, Generic, NamedTuple, NotRequired, TypedDict, TypeVar

import pytest

from ebbtide.values import ValueRefused, codec_for

T = TypeVar("T")


class Level(IntEnum):
    LOW = 1


@dataclass(frozen=True, slots=True)
class Item:
    price: Decimal
    bought: date | None = None


@dataclass
class Order:
    items: list[Item]
    parent: "Order | None" = None
    note: str = field(default="", compare=False)

    @cached_property
    def total(self) -> Decimal:
        return sum((item.price for item in self.items), Decimal(0))


@dataclass
class Express(Order):
    fee: int = 0


class Undecorated(Order):
    pass


@dataclass(eq=False)
class WithoutEquality:
    x: int


@dataclass
class Page(Generic[T]):
    rows: list[T]


@dataclass
class Doubling:
    x: int

    def __post_init__(self) -> None:
        self.x *= 2


@dataclass
class Stripping:
    x: str

    def __post_init__(self) -> None:
        self.x = self.x.strip()


@dataclass
class Derived:
    x: int
    y: int = field(init=False)
    cache: dict[str, int] = field(init=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.y = self.x + 1


@dataclass
class Seeded:
    seed: InitVar[int]
    x: int = 0

    def __post_init__(self, seed: int) -> None:
        self.x += seed


class Point(NamedTuple):
    x: Decimal
    y: Decimal = Decimal(0)


class Movie(TypedDict):
    title: str
    released: NotRequired[date]


def sent(annotation: Any, value: Any) -> Any:
    codec = codec_for(annotation)
    return codec.decode(json.loads(json.dumps(codec.encode(value))))


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Item, Item(Decimal("1.5"), date(2026, 1, 1))),
        (Order, Order([Item(Decimal(1))], Order([]))),
        (Express, Express([], fee=3)),
        (Undecorated, Undecorated([])),
        (Page[date], Page([date(2026, 1, 1)])),
        (Page[Page[Decimal]], Page([Page([Decimal(1)])])),
        (Stripping, Stripping(" a ")),
        (Derived, Derived(1)),
        (Point, Point(Decimal(1))),
        (Movie, {"title": "M"}),
        (Movie, {"title": "M", "released": date(1931, 5, 11)}),
        (set[Item], {Item(Decimal(1))}),
    ],
)
def test_objects_come_back_equal_and_of_their_class(annotation: Any, value: Any) -> None:
    back = sent(annotation, value)
    assert back == value
    assert type(back) is type(value)


def test_fields_that_are_not_compared_travel_too() -> None:
    assert sent(Order, Order([], note="mind the step")).note == "mind the step"


def test_objects_without_equality_are_compared_by_field() -> None:
    assert sent(WithoutEquality, WithoutEquality(3)).x == 3


def test_a_cached_property_does_not_keep_an_object_from_travelling() -> None:
    order = Order([Item(Decimal(2))])
    assert order.total == 2
    assert sent(Order, order) == order


def changed(value: Any, **attributes: Any) -> Any:
    for name, attribute in attributes.items():
        setattr(value, name, attribute)
    return value


@pytest.mark.parametrize(
    ("annotation", "value", "reason"),
    [
        (Order, Express([]), "expected Order, got Express; annotate with Express, or its own fields would be lost"),
        (Order, {"items": []}, "expected Order, got dict"),
        (Order, Order([Item(1.5)]), ".items[0].price: expected Decimal, got float 1.5"),  # type: ignore[arg-type]
        (Doubling, Doubling(1), "this Doubling rebuilt from its fields would differ in x"),
        (Derived, changed(Derived(1), y=9), "this Derived rebuilt from its fields would differ in y"),
        (Seeded, Seeded(1), "this Seeded cannot be rebuilt from its fields: Seeded refuses these fields: TypeError:"),
        (Undecorated, changed(Undecorated([]), more=1), "would differ in __dict__"),
        (Point, (Decimal(1), Decimal(2)), "expected Point, got tuple"),
        (Point, Point(1), ".x: expected Decimal, got int 1"),  # type: ignore[arg-type]
        (Movie, {"title": "M", "year": 1931}, "Movie has no field 'year'; its fields are title, released"),
        (Movie, {}, "Movie is missing title"),
    ],
)
def test_what_would_be_lost_is_refused_by_name(annotation: Any, value: Any, reason: str) -> None:
    with pytest.raises(ValueRefused) as caught:
        codec_for(annotation).encode(value)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "hostile", "reason"),
    [
        (Item, {"price": "1", "__class__": "os"}, "Item has no field '__class__'; its fields are price, bought"),
        (Item, {}, "Item is missing price"),
        (Item, ["1"], "expected Item, got list"),
        (Order, {"items": [{"price": "x"}]}, ".items[0].price: expected Decimal, got str 'x'"),
        (Derived, {"x": 1, "y": 2}, "Derived has no field 'y'"),
        (Stripping, {"x": None}, ".x: expected str, got None"),
        (Point, {"y": "1"}, "Point is missing x"),
    ],
)
def test_foreign_fields_are_refused_by_name(annotation: Any, hostile: Any, reason: str) -> None:
    with pytest.raises(ValueRefused) as caught:
        codec_for(annotation).decode(hostile)
    assert reason in str(caught.value)


def test_a_field_added_since_the_message_was_sent_takes_its_default() -> None:
    assert codec_for(Item).decode({"price": "1"}) == Item(Decimal(1))
    assert codec_for(Point).decode({"x": "1"}) == Point(Decimal(1), Decimal(0))


def test_chains_of_objects_have_the_depth_limit_of_json() -> None:
    def chain(length: int) -> Order:
        order = Order([])
        for _ in range(length - 1):
            order = Order([], order)
        return order

    assert sent(Order, chain(99)) == chain(99)
    for length in (101, 5000):
        with pytest.raises(ValueRefused, match="within itself"):
            codec_for(Order).encode(chain(length))
    ring = Order([])
    ring.parent = ring
    with pytest.raises(ValueRefused, match="within itself"):
        codec_for(Order).encode(ring)


def test_one_name_that_cannot_be_resolved_leaves_that_field_plain() -> None:
    @dataclass
    class Half:
        when: "datetime"
        who: "Nobody"  # type: ignore[name-defined]  # noqa: F821

    value = Half(datetime(2026, 1, 1, tzinfo=UTC), [1])
    assert sent(Half, value) == value


def test_pydantic_models_come_back_or_are_refused() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Row(pydantic.BaseModel):  # type: ignore[misc, name-defined]
        when: datetime
        price: Decimal = Decimal(0)
        extra: Any = None
        node: "Row | None" = None
        _secret: int = 0

    class Aliased(pydantic.BaseModel):  # type: ignore[misc, name-defined]
        camel_case: int = pydantic.Field(alias="camelCase")

    class Wide(Row):
        more: int = 1

    class Worded(pydantic.BaseModel):  # type: ignore[misc, name-defined]
        word: str

        @pydantic.model_serializer  # type: ignore[untyped-decorator]
        def spoken(self) -> str:
            return self.word

        @pydantic.model_validator(mode="before")  # type: ignore[untyped-decorator]
        @classmethod
        def heard(cls, value: Any) -> Any:
            return {"word": value} if isinstance(value, str) else value

    Rows = pydantic.RootModel[list[Row]]
    row = Row(when=datetime(2026, 1, 1, tzinfo=UTC), price=Decimal("1.50"), extra=[1, {"a": None}])
    some: list[tuple[Any, Any]] = [(Row, row), (Rows, Rows([row])), (Aliased, Aliased(camelCase=1)), (Row | None, row)]
    some += [
        (Worded | None, Worded(word="a")),
        (Worded | str, "a"),
        (Worded | str, Worded(word="a")),
        (Rows | None, None),
    ]
    assert codec_for(Row | None).encode(None) is None
    for annotation, value in some:
        back = sent(annotation, value)
        assert back == value
        assert type(back) is type(value)

    for lossy, reason in (
        (Wide(when=row.when), "expected Row, got Wide"),
        (row.model_copy(update={"extra": (1,)}), "would differ in extra"),
        (row.model_copy(update={"extra": Level.LOW}), "would differ in extra"),
        (row.model_copy(update={"extra": "\ud800"}), "cannot be written as JSON"),
        (row.model_copy(update={"node": Wide(when=row.when)}), "would differ in node"),
        (changed(row.model_copy(), _secret=1), "would differ in __pydantic_private__"),
    ):
        with pytest.raises(ValueRefused, match=reason):
            codec_for(Row).encode(lossy)
    with pytest.raises(ValueRefused, match=r"^\.node\.when: Row refuses this: Field required"):
        codec_for(Row).decode({"when": "2026-01-01T00:00:00Z", "node": {}})


def test_msgspec_structs_come_back_or_are_refused() -> None:
    msgspec = pytest.importorskip("msgspec")
    row = msgspec.defstruct("Row", [("when", datetime), ("data", bytes), ("extra", Any, None)], eq=False)
    array = msgspec.defstruct("Array", [("x", int)], array_like=True)
    value = row(datetime(2026, 1, 1, tzinfo=UTC), b"x", [1])
    back = sent(row, value)
    assert type(back) is row
    assert (back.when, back.data, back.extra) == (value.when, value.data, value.extra)
    assert sent(array | None, array(1)) == array(1)
    for extra in ((1,), {1}, Level.LOW, b"x"):
        with pytest.raises(ValueRefused, match="would differ in extra"):
            codec_for(row).encode(row(value.when, b"", extra))
    strangers: list[Any] = [1, {"when": 1}, {"when": "x", "data": ""}, [[[]]]]
    for hostile in strangers:
        with pytest.raises(ValueRefused, match="Row refuses this"):
            codec_for(row).decode(hostile)


def test_typed_dicts_see_not_required_through_postponed_annotations() -> None:
    source = "from __future__ import annotations\nclass Postponed(TypedDict):\n    a: int\n    b: NotRequired[date]\n"
    names = {"TypedDict": TypedDict, "NotRequired": NotRequired, "date": date, "__name__": __name__}
    exec(source, names)  # noqa: S102
    assert sent(names["Postponed"], {"a": 1}) == {"a": 1}


def test_fields_are_read_by_name_whatever_their_order() -> None:
    names = [one.name for one in dataclasses.fields(Item)]
    encoded = typing.cast("dict[str, Any]", codec_for(Item).encode(Item(Decimal(1))))
    assert list(encoded) == names
    assert codec_for(Item).decode(dict(reversed(encoded.items()))) == Item(Decimal(1))
