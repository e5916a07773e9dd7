"""Headers are found however they are capitalised."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebbtide.contrib.async_lambda.headers import CaseInsensitiveDict

names = st.text("abcABC-", min_size=1)


def test_a_key_is_found_in_any_capitals_and_shown_as_it_was_written() -> None:
    headers = CaseInsensitiveDict({"Content-Type": "text/plain", "x": "1"})
    assert headers["content-type"] == headers["CONTENT-TYPE"] == "text/plain"
    assert "X" in headers
    assert list(headers) == ["Content-Type", "x"]
    assert json.dumps(dict(headers)) == '{"Content-Type": "text/plain", "x": "1"}'
    assert repr(headers) == "{'Content-Type': 'text/plain', 'x': '1'}"


def test_the_last_spelling_counts() -> None:
    headers = CaseInsensitiveDict({"A": 1}, b=2)
    headers["a"] = 3
    headers.update({"B": 4})
    assert list(headers.items()) == [("a", 3), ("B", 4)]
    assert list(headers.lower_items()) == [("a", 3), ("b", 4)]


def test_a_key_is_deleted_in_any_capitals() -> None:
    headers = CaseInsensitiveDict([("A", 1), ("b", 2)])
    del headers["a"]
    assert headers.pop("B") == 2
    assert len(headers) == 0
    assert not headers


@pytest.mark.parametrize("other", [{"a": 1, "B": 2}, {"A": 1, "b": 2}, CaseInsensitiveDict({"a": 1, "b": 2})])
def test_it_equals_a_mapping_with_the_same_values_in_whatever_capitals(other: Any) -> None:
    assert CaseInsensitiveDict({"A": 1, "B": 2}) == other


@pytest.mark.parametrize("other", [{"a": 1}, {"a": 1, "b": 3}, [("a", 1), ("b", 2)], 5, None])
def test_it_equals_nothing_else(other: Any) -> None:
    assert CaseInsensitiveDict({"A": 1, "B": 2}) != other


@pytest.mark.parametrize("absent", ["zz", 1, None])
def test_what_is_not_there_is_a_key_error_even_if_it_is_no_text(absent: Any) -> None:
    headers = CaseInsensitiveDict({"A": 1})
    assert absent not in headers
    assert headers.get(absent) is None
    with pytest.raises(KeyError):
        headers[absent]
    with pytest.raises(KeyError):
        del headers[absent]


def test_a_copy_is_another_one() -> None:
    headers = CaseInsensitiveDict({"A": 1})
    other = headers.copy()
    other["a"] = 2
    assert headers["A"] == 1
    assert type(other) is CaseInsensitiveDict


def test_nothing_at_all_makes_an_empty_one() -> None:
    assert CaseInsensitiveDict[str](None) == CaseInsensitiveDict[str]() == {}


def test_it_cannot_be_a_key_itself() -> None:
    with pytest.raises(TypeError):
        hash(CaseInsensitiveDict[str]())


@settings(max_examples=25)
@given(st.lists(st.tuples(names, st.integers())))
def test_it_holds_what_a_dict_of_small_letters_would(pairs: list[tuple[str, int]]) -> None:
    assert dict(CaseInsensitiveDict(pairs).lower_items()) == {name.lower(): value for name, value in pairs}
