"""The face of the value codecs: every value arrives as what it was or is refused, whatever the annotation says."""

import json
import sys
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from pathlib import Path, PurePosixPath
from types import GenericAlias
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebbtide.values import ValueRefused, codec_for, resolved_hints


def sent(annotation: Any, value: Any) -> Any:
    """The value after its way over the wire."""
    codec = codec_for(annotation)
    return codec.decode(json.loads(json.dumps(codec.encode(value), ensure_ascii=True, allow_nan=False)))


def refusal(annotation: Any, value: Any) -> str:
    with pytest.raises(ValueRefused) as caught:
        codec_for(annotation).encode(value)
    return str(caught.value)


class Colour(Enum):
    RED = "r"
    BLUE = "RED"  # a value that is another member's name


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


class Access(Flag):
    READ = 1
    WRITE = 2


@dataclass
class Leg:
    at: datetime | None
    price: Decimal | str
    tags: frozenset[str]
    next: "Leg | None" = None


class Point(NamedTuple):
    x: float
    label: bytes | str = ""


class Movie(TypedDict, total=False):
    title: typing.Required[str]
    released: date


ZONES = [UTC, timezone(timedelta(hours=-3, minutes=-30)), *map(ZoneInfo, ("Europe/Berlin", "Asia/Kathmandu"))]
TEXT = st.text(st.characters(), max_size=6) | st.sampled_from(["\ud800", "\udfff x", "2026-01-01", "RED", "1", "null"])
NUMBER = st.integers() | st.integers(0, 4300).map(lambda digits: 1 - 10**digits)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
MOMENT = st.datetimes(timezones=st.none() | st.sampled_from(ZONES), allow_imaginary=True) | st.builds(
    # The doubled hour and the missing hour of Berlin.
    lambda month, minute, fold: datetime(
        2026, month[0], month[1], 2, minute, tzinfo=ZoneInfo("Europe/Berlin"), fold=fold
    ),
    st.sampled_from([(3, 29), (10, 25)]),
    st.integers(0, 59),
    st.integers(0, 1),
)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBER | FLOAT | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
SCALARS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (None, st.none()),
    (bool, st.booleans()),
    (int, NUMBER | st.booleans()),
    (float, FLOAT | NUMBER),
    (str, TEXT),
    (datetime, MOMENT),
    (date, st.dates()),
    (time, st.times(timezones=st.none() | st.sampled_from(ZONES))),
    (timedelta, st.timedeltas()),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False) | st.just(Decimal("-0E+77"))),
    (UUID, st.uuids()),
    (bytes, st.binary(max_size=8)),
    (Path, st.sampled_from([Path("a/b"), Path("/"), Path("c:\\d"), Path("ä\ud800")])),
    (PurePosixPath, st.sampled_from([PurePosixPath("a/../b")])),
    (Colour, st.sampled_from(Colour)),
    (Size, st.sampled_from(Size)),
    (Access, st.sampled_from([Access.READ, Access.READ | Access.WRITE, Access(0)])),
    (Literal["RED", 1, True, None], st.sampled_from(["RED", 1, True, None])),
    (Literal[Colour.RED, "RED", b"RED"], st.sampled_from([Colour.RED, "RED", b"RED"])),
    (Leg, st.builds(Leg, st.none() | MOMENT, st.just("1") | st.just(Decimal(1)), st.just(frozenset("ab")))),
    (Point, st.builds(Point, FLOAT, st.binary(max_size=2) | TEXT)),
    (Movie, st.fixed_dictionaries({"title": TEXT}, optional={"released": st.dates()})),
]
Pair = tuple[Any, st.SearchStrategy[Any]]


def grown(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    """Containers and unions of the annotations so far."""
    two = st.tuples(inner, inner)
    return st.one_of(
        inner.map(lambda one: (GenericAlias(list, one[0]), st.lists(one[1], max_size=3))),
        inner.map(lambda one: (GenericAlias(tuple, (one[0], ...)), st.lists(one[1], max_size=3).map(tuple))),
        inner.map(lambda one: (GenericAlias(set, one[0]), st.lists(one[1], max_size=3).map(_set_of))),
        two.map(lambda pair: (GenericAlias(tuple, (pair[0][0], pair[1][0])), st.tuples(pair[0][1], pair[1][1]))),
        # Keys that nobody typed are refused unless they are str.
        two.filter(lambda pair: pair[0][0] is not Any).map(
            lambda pair: (GenericAlias(dict, (pair[0][0], pair[1][0])), _items(*pair).map(_dict_of))
        ),
        two.map(lambda pair: (typing.Union[pair[0][0], pair[1][0]], pair[0][1] | pair[1][1])),  # noqa: UP007
    )


def _items(key: Pair, item: Pair) -> st.SearchStrategy[list[tuple[Any, Any]]]:
    return st.lists(st.tuples(key[1], item[1]), max_size=3)


def _set_of(items: list[Any]) -> set[Any]:
    return {item for item in items if _hashable(item)}


def _dict_of(items: list[tuple[Any, Any]]) -> dict[Any, Any]:
    return {key: value for key, value in items if _hashable(key)}


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


PAIRS = st.recursive(
    st.sampled_from([*SCALARS, (Any, PLAIN), (list, st.lists(PLAIN, max_size=2))]), grown, max_leaves=4
)


def identical(one: Any, two: Any) -> bool:
    """Equal, class for class, down to the folds of datetimes."""
    if type(one) is not type(two):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(map(identical, one, two))
    if isinstance(one, dict):
        return len(one) == len(two) and all(map(identical, one.items(), two.items()))
    if isinstance(one, (datetime, time)):
        zones = [None if isinstance(moment.tzinfo, timezone) else moment.tzinfo for moment in (one, two)]
        return one == two and one.fold == two.fold and zones[0] is zones[1] and repr(one) == repr(two)
    if isinstance(one, (set, frozenset)):
        return one == two and sorted(map(repr, one)) == sorted(map(repr, two))
    return bool(one == two) and repr(one) == repr(two)


@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_value_of_every_annotation_arrives_as_what_it_was(data: st.DataObject) -> None:
    annotation, values = data.draw(PAIRS)
    value = data.draw(values)
    back = sent(annotation, value)
    assert identical(value, back), (annotation, value, codec_for(annotation).encode(value), back)


@given(pair=PAIRS, junk=PLAIN)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_json_of_strangers_is_read_or_refused_and_never_breaks(pair: Pair, junk: Any) -> None:
    codec = codec_for(pair[0])
    try:
        value = codec.decode(junk)
    except ValueRefused as refused:
        reason = str(refused)
    else:
        reason = "taken"
        assert identical(sent(pair[0], value), value)
    assert reason
    assert "\n" not in reason


@given(value=PLAIN)
def test_plain_json_passes_where_nothing_is_annotated(value: Any) -> None:
    for annotation in (Any, object, typing.TypeVar("T"), "NotThere"):
        assert identical(sent(annotation, value), value)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ((1, 2), "tuple is not plain JSON; annotate the parameter, e.g. `pair: tuple[int, str]`"),
        ({1}, "e.g. `tags: set[str]`"),
        (b"x", "e.g. `body: bytes`"),
        (datetime(2026, 1, 1), "datetime is not plain JSON; annotate the parameter, e.g. `when: datetime`"),
        (Size.SMALL, "Size is not plain JSON; annotate the parameter with its class, e.g. `value: Size`"),
        (Point(1.0), "e.g. `value: Point`"),
        (type("Name", (str,), {})("x"), "it would arrive as str, so convert it first: str(...)"),
        (object(), "object is not plain JSON; pass an id or a dataclass instead"),
        ({"a": [0, {1: 2}]}, "['a'][1][1]: a JSON key is a str, this one is int 1"),
        (float("nan"), "nan is not in JSON"),
        ([float("inf")], "[0]: inf is not in JSON"),
        ([10**4300], "[0]: an int of more than 4300 digits"),
    ],
)
def test_what_json_would_change_is_refused_with_the_cure(value: Any, hint: str) -> None:
    assert hint in refusal(Any, value)


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_a_hundred_levels_pass_and_one_more_is_refused() -> None:
    assert sent(Any, nested(100)) == nested(100)
    assert "nested deeper than 100 levels" in refusal(Any, nested(101))
    with pytest.raises(ValueRefused, match="nested deeper"):
        codec_for(list[Any]).decode(nested(5000))


def test_a_list_within_itself_is_refused() -> None:
    ring: list[Any] = []
    ring += [ring, ring]
    for annotation in (Any, list, list[Any]):
        assert "within itself" in refusal(annotation, ring)


def test_little_stack_left_is_a_refusal_and_no_recursion_error() -> None:
    def deeper(levels: int) -> None:
        if levels:
            deeper(levels - 1)
        else:
            codec_for(dict[str, Any]).encode({"a": nested(90)})

    levels = 0
    frame = sys._getframe()
    while frame is not None:
        levels, frame = levels + 1, frame.f_back  # type: ignore[assignment]
    with pytest.raises(ValueRefused, match="nested too deeply"):
        deeper(sys.getrecursionlimit() - levels - 60)


def test_a_codec_is_compiled_once_per_annotation() -> None:
    assert codec_for(dict[str, datetime]) is codec_for(dict[str, datetime])
    assert codec_for(Annotated[int, {"unhashable": 1}]).decode(3) == 3


def test_equal_unions_written_in_another_order_keep_their_own_order() -> None:
    assert codec_for(date | str).decode("2026-01-01") == date(2026, 1, 1)
    assert codec_for(str | date).decode("2026-01-01") == "2026-01-01"


def test_annotations_that_say_more_than_a_type_are_unwrapped() -> None:
    user_id = typing.NewType("user_id", UUID)
    value = UUID(int=7)
    for annotation in (user_id, Annotated[UUID, "x"], typing.Final[UUID], Annotated[user_id, "y"]):
        assert sent(annotation, value) == value


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type statements came with Python 3.12")
def test_type_statements_are_followed_also_into_themselves() -> None:
    names: dict[str, Any] = {"date": date}
    exec("type Tree = dict[str, Tree] | list[Tree] | date\ntype Many[T] = list[T]", names)  # noqa: S102
    value = {"a": [date(2026, 1, 1), {"b": []}]}
    assert sent(names["Tree"], value) == value
    assert sent(names["Many"][date], [date(2026, 1, 1)]) == [date(2026, 1, 1)]
    ring: list[Any] = []
    ring.append(ring)
    assert "within itself" in refusal(names["Tree"], ring)


def test_plain_codecs_say_so() -> None:
    assert all(codec_for(a).plain for a in (Any, str, int | None, list[int], dict[str, float], Literal["a", 1]))
    assert not any(codec_for(a).plain for a in (datetime, set[int], dict[int, str], datetime | str, Colour))


@pytest.mark.parametrize("annotation", [typing.Callable[[], int], type[int], Exception, typing.Never, memoryview, "x["])
def test_annotations_that_cannot_travel_refuse_their_values_but_do_not_raise(annotation: Any) -> None:
    assert refusal(annotation, ValueError("x"))


def test_an_abstract_class_takes_the_plain_json_that_is_one() -> None:
    assert sent(typing.SupportsInt, 5) == 5
    assert refusal(typing.SupportsInt, "5").startswith("expected SupportsInt, got str '5'")


@contextmanager
def watched() -> Iterator[list[str]]:
    """The audit events in which a program does something new."""
    seen: list[str] = []
    watching = [True]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in ("import", "exec", "compile", "open", "os.system", "subprocess.Popen"):
            seen.append(f"{event} {arguments[:1]}")

    sys.addaudithook(hook)
    yield seen
    watching.clear()


def test_reading_a_message_imports_opens_and_runs_nothing() -> None:
    annotations = [annotation for annotation, _ in SCALARS]
    codecs = [codec_for(annotation) for annotation in (*annotations, Leg | Point | None, dict[Colour, list[Leg]])]
    codecs[0].encode(None)
    junk: list[Any] = [
        "os",
        "x" * 99,
        1e308,
        -1,
        True,
        None,
        ["a"],
        {"$type": "Leg", "value": {"at": 1}},
        {"RED": [{}]},
    ]
    with watched() as seen:
        for codec in codecs:
            for value in junk:
                try:
                    codec.decode(value)
                except ValueRefused:
                    continue
    assert seen == []


def test_hints_that_cannot_be_resolved_do_not_spoil_the_others() -> None:
    def task(when: "datetime", who: "Nobody") -> "int":  # type: ignore[name-defined]  # noqa: F821
        return 0

    assert resolved_hints(task) == {"when": datetime, "who": "Nobody", "return": int}
