"""Containers: items and keys travel by their own annotations, and what JSON has not comes back all the same."""

import collections
import collections.abc as abc
import json
import typing
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest

from ebbtide.values import ValueRefused, codec_for


class Colour(Enum):
    RED = 1


@pytest.mark.parametrize(
    ("annotation", "value", "on_the_wire"),
    [
        (list[date], [date(2026, 1, 1)], ["2026-01-01"]),
        (typing.List[int], [1], [1]),  # noqa: UP006
        (abc.Sequence[bytes], [b"a"], ["YQ=="]),
        (abc.Iterable[Any], [1, "a"], [1, "a"]),
        (list, [1, None], [1, None]),
        (set[int], {10, 9, 100}, [9, 10, 100]),
        (set, {"b", "a"}, ["a", "b"]),
        (abc.Set[str], {"b", "a"}, ["a", "b"]),
        (frozenset[Decimal], frozenset({Decimal(2), Decimal("1.0")}), ["1.0", "2"]),
        (frozenset[str | int], frozenset({"2", 1}), ["2", 1]),
        (set[tuple[int, str]], {(2, "a"), (1, "b")}, [[1, "b"], [2, "a"]]),
        (tuple[int, date], (1, date(2026, 1, 1)), [1, "2026-01-01"]),
        (tuple[Decimal, ...], (Decimal(1), Decimal(2)), ["1", "2"]),
        (tuple[()], (), []),
        (tuple, (1, "a"), [1, "a"]),
        (dict, {"a": [1]}, {"a": [1]}),
        (dict[str, Decimal], {"a": Decimal(1)}, {"a": "1"}),
        (abc.Mapping[int, str], {3: "x", True: "y"}, {"3": "x", "true": "y"}),
        (dict[float, int], {1.5: 1, 2: 2}, {"1.5": 1, "2": 2}),
        (dict[UUID, None], {UUID(int=1): None}, {"00000000-0000-0000-0000-000000000001": None}),
        (dict[Colour, date], {Colour.RED: date(2026, 1, 1)}, {"RED": "2026-01-01"}),
        (dict[tuple[int, str], int], {(1, "a"): 2}, {'[1,"a"]': 2}),
        (dict[str | None, int], {"null": 1, None: 2}, {'"null"': 1, "null": 2}),
        (dict[Any, int], {"a": 1}, {"a": 1}),
    ],
)
def test_containers_come_back_with_their_own_class(annotation: Any, value: Any, on_the_wire: Any) -> None:
    codec = codec_for(annotation)
    encoded = codec.encode(value)
    assert encoded == on_the_wire
    back = codec.decode(json.loads(json.dumps(encoded)))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("annotation", "value", "reason"),
    [
        (list[int], (1, 2), "expected list[int], got tuple; convert it first: list(...)"),
        (abc.Sequence[str], "abc", "expected list[str], got str 'abc'"),
        (list[date], [date(2026, 1, 1), None], "[1]: expected date, got None"),
        (set[int], frozenset({1}), "expected set[int], got frozenset"),
        (set[Any], {(1, 2)}, "tuple is not plain JSON"),
        (tuple[int, int], (1,), "expected tuple[int, int], got 1 items"),
        (tuple[int, str], (1, 2), "[1]: expected str, got int 2"),
        (tuple[int, ...], [1], "expected tuple[int, ...], got list"),
        (dict[str, date], {"a": {"b": 1}}, "['a']: expected date, got dict"),
        (dict[str, list[int]], {"a": [1, "x"]}, "['a'][1]: expected int, got str 'x'"),
        (dict[int, int], {"1": 1}, "['1']: expected int, got str '1'"),
        (dict[Any, int], {1: 1}, "expected str key, got int 1; annotate the parameter"),
        (
            dict[str, int],
            collections.OrderedDict(a=1),
            "expected dict[str, int], got OrderedDict; convert it first: dict",
        ),
        (tuple[int, *tuple[str, ...]], (1,), "partly of fixed length"),
        (tuple[int, typing.Unpack[tuple[str, ...]]], (1,), "partly of fixed length"),  # noqa: UP044
        (collections.deque[int], collections.deque([1]), "deque is not plain JSON"),
    ],
)
def test_what_would_change_its_class_or_does_not_fit_is_refused(annotation: Any, value: Any, reason: str) -> None:
    with pytest.raises(ValueRefused) as caught:
        codec_for(annotation).encode(value)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "hostile"),
    [
        (set[Any], [[1]]),
        (dict[int, int], {"1": 1, " 1": 2}),
        (dict[int, int], {"1.0": 1}),
        (dict[int, int], {"[" * 5000: 1}),
        (dict[float, int], {"NaN": 1}),
        (dict[float, int], {"1e999": 1}),
        (dict[int, int], {"1" * 5000: 1}),
        (dict[frozenset[list[int]], int], {"[[1]]": 1}),
        (tuple[int], [1, 2]),
        (list[int], {"0": 1}),
        (dict[str, int], [["a", 1]]),
    ],
)
def test_json_that_is_no_such_container_is_refused(annotation: Any, hostile: Any) -> None:
    with pytest.raises(ValueRefused):
        codec_for(annotation).decode(hostile)


def test_equal_sets_make_equal_text_in_whatever_order_they_grew() -> None:
    words = [f"w{number}" for number in range(50)]
    forward, backward = set(words), set[str]()
    for word in reversed(words):
        backward.add(word)
    assert codec_for(set[str]).encode(forward) == codec_for(set[str]).encode(backward) == sorted(words)
