"""A payload as JSON text: what goes as it is, what goes as text, and what is refused, with the way to it."""

import json
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebbtide.contrib.async_lambda.payload import PayloadRefused, decode, encode
from ebbtide.errors import ArgumentError, EnvelopeError
from ebbtide.values_codec import MAX_DEPTH


class Colour(Enum):
    RED = "red"
    BOTH = ("red", UUID(int=1))


class Level(IntEnum):
    HIGH = 3


class Word(StrEnum):
    YES = "yes"


class Point(NamedTuple):
    x: int
    y: int


class Thing:
    pass


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
some = settings(max_examples=25)
EARLY = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def nested(levels: int, innermost: Any = None) -> Any:
    value = [] if innermost is None else [innermost]
    for _ in range(levels - 1):
        value = [value]
    return value


def refusal(payload: object) -> str:
    with pytest.raises(PayloadRefused) as caught:
        encode(payload)
    assert isinstance(caught.value, ArgumentError)
    return str(caught.value)


@some
@given(plain)
def test_what_json_has_comes_back_as_it_was(value: Any) -> None:
    assert decode(encode(value)) == value


@some
@given(st.dictionaries(st.integers() | st.none() | st.booleans(), plain, max_size=1))
def test_keys_are_what_json_dumps_makes_of_them(value: Any) -> None:
    assert decode(encode(value)) == json.loads(json.dumps(value))


@some
@given(plain)
def test_a_value_that_must_be_converted_changes_nothing_around_it(value: Any) -> None:
    assert decode(encode([value, UUID(int=1)])) == [value, str(UUID(int=1))]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (EARLY, "2026-01-02T03:04:05+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(3, 4, 5), "03:04:05"),
        (Decimal("1.10"), "1.10"),
        (PurePosixPath("/a/b"), "/a/b"),
        (Colour.RED, "red"),
        (Colour.BOTH, ["red", str(UUID(int=1))]),
        (Level.HIGH, 3),
        (Word.YES, "yes"),
        (Point(1, 2), [1, 2]),
        ((1, (2,)), [1, [2]]),
        (OrderedDict(a=1), {"a": 1}),
        ({Word.YES: 1}, {"yes": 1}),
        ({Level.HIGH: UUID(int=1)}, {"3": str(UUID(int=1))}),
        ({1.5: 1, True: 2, None: 3, 7: 4}, {"1.5": 1, "true": 2, "null": 3, "7": 4}),
    ],
    ids=repr,
)
def test_what_has_one_obvious_text_goes_as_that_wherever_it_stands(value: object, text: object) -> None:
    assert decode(encode(value)) == text
    assert decode(encode({"in": [value]})) == {"in": [text]}


def test_a_class_made_of_one_of_these_goes_as_it_does() -> None:
    class OrderId(UUID):
        pass

    assert decode(encode(OrderId(int=2))) == str(UUID(int=2))


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"user": {"scores": [1, 2, float("nan")]}}, "payload['user']['scores'][2] is nan, which JSON lacks"),
        (float("-inf"), "payload is -inf, which JSON lacks"),
        ({"file": b"x"}, "payload['file'] is bytes, which JSON lacks; send text, base64"),
        ([{1, 2}], "payload[0] is set, which JSON lacks; send a list"),
        ({"wait": timedelta(1)}, "payload['wait'] is timedelta, which JSON lacks; send its total_seconds()"),
        ({1: {None: Thing()}}, "payload[1][NoneType] is Thing, which JSON lacks; send its id"),
        ((UUID(int=1), Thing), "payload[1] is type, which JSON lacks"),
        ({"a": {(1, 2): 3}}, "payload['a'] has the key tuple; JSON's are text"),
        ({float("nan"): 1}, "payload has the key float nan"),
        ([{1: "a", "1": "b"}], "payload[0] has two keys that JSON writes as '1'"),
        ({"n": 10**5000}, "payload['n'] is an int of more than 4300 digits"),
    ],
    ids=lambda value: "" if not isinstance(value, str) else value[:50],
)
def test_what_json_lacks_is_refused_with_the_way_to_it(payload: object, words: str) -> None:
    assert refusal(payload).startswith(words)


def test_a_cycle_is_refused_with_the_way_to_it() -> None:
    cycle: dict[str, Any] = {"a": []}
    cycle["a"].append(cycle)
    assert refusal(cycle) == "payload['a'][0] is what it stands in: JSON has no cycles"


def test_the_same_value_in_two_places_is_no_cycle() -> None:
    same = [UUID(int=1)]
    assert decode(encode({"a": same, "b": same})) == {"a": [str(same[0])], "b": [str(same[0])]}


@pytest.mark.parametrize("innermost", [None, "text", UUID(int=1)], ids=["nothing", "text", "uuid"])
def test_lists_may_stand_a_hundred_deep_in_one_another_and_no_deeper(innermost: object) -> None:
    assert encode(nested(MAX_DEPTH, innermost)).startswith("[" * MAX_DEPTH)
    assert "is nested deeper than 100 levels" in refusal(nested(MAX_DEPTH + 1, innermost))


def test_what_is_hopelessly_deep_is_refused_alike_and_in_few_words() -> None:
    words = refusal(nested(100_000))
    assert words.endswith("is nested deeper than 100 levels")
    assert words.startswith("payload[0][0][0]")
    assert len(words) < 200


def tuples(levels: int) -> object:
    value: object = ()
    for _ in range(levels - 1):
        value = (value,)
    return value


def dicts(levels: int) -> object:
    value: object = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize("build", [tuples, dicts])
def test_depth_is_counted_in_tuples_and_dicts_too(build: Callable[[int], object]) -> None:
    assert encode(build(MAX_DEPTH))
    assert "nested deeper" in refusal(build(MAX_DEPTH + 1))


def test_the_text_of_async_lambda_is_read_even_with_what_json_lacks() -> None:
    value = decode('{"a": NaN, "1": "first", "1": "last"}')
    assert value["a"] != value["a"]
    assert value["1"] == "last"


@pytest.mark.parametrize("text", ["", "{", "nope", "[" * 100_000])
def test_text_that_is_not_json_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(EnvelopeError, match="the payload is not JSON"):
        decode(text)
