"""Strict JSON: what RFC 8259 leaves open is refused, and any text survives."""

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbtide.strictjson import dumps, loads

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(plain)
def test_plain_values_come_back(value: Any) -> None:
    assert loads(dumps(value)) == value


@given(st.text(st.characters(codec=None)))
def test_any_text_comes_back_and_travels_as_ascii(text: str) -> None:
    assert dumps(text).isascii()
    assert loads(dumps(text)) == text


def test_a_lone_surrogate_comes_back() -> None:
    assert loads(dumps("\ud800")) == "\ud800"


def test_there_is_no_white_space() -> None:
    assert dumps({"a": [1, 2]}) == '{"a":[1,2]}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_what_is_no_number_is_not_written(value: Any) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        dumps(value)


def test_a_cycle_is_not_written() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match="Circular"):
        dumps(cycle)


@pytest.mark.parametrize("value", [object(), b"bytes", {1}, {(1, 2): 3}])
def test_what_is_not_plain_is_not_written(value: Any) -> None:
    with pytest.raises(TypeError):
        dumps(value)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a":-Infinity}'])
def test_constants_that_are_not_json_are_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not JSON"):
        loads(text)


@pytest.mark.parametrize("text", ["1e999", "[-1e400]", "1" + "0" * 400 + ".0"])
def test_a_number_past_a_double_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not fit a double"):
        loads(text)


def test_a_name_that_stands_twice_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'a' stands twice"):
        loads('{"b":1,"a":1,"c":{},"a":2}')


def test_a_name_may_stand_once_in_each_object() -> None:
    assert loads('{"a":{"a":{"a":1}}}') == {"a": {"a": {"a": 1}}}


@pytest.mark.timeout(20)  # looking through all names for each of them would take minutes
def test_among_very_many_names_the_double_one_is_found_at_once() -> None:
    names = [str(number) for number in range(100_000)]
    with pytest.raises(ValueError, match="'99999' stands twice"):
        loads("{" + ",".join(f'"{name}":0' for name in [*names, names[-1]]) + "}")


@pytest.mark.parametrize("opening", ["[", '{"a":', '[[{"a":['])
def test_nesting_of_any_depth_ends_in_a_value_error(opening: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        loads(opening * 100_000)


def test_an_integer_of_too_many_digits_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="digits"):
        loads("9" * (sys.int_info.default_max_str_digits + 1))


@given(st.text())
def test_any_other_text_is_a_value_error_and_nothing_else(text: str) -> None:
    try:
        value = loads(text)
    except ValueError:
        return
    assert value == json.loads(text)
