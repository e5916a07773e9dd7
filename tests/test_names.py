"""The rule for names, and the nearest known name to a typo."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbtide.errors import DeclarationError
from ebbtide.names import app_name, nearest, queue_name, task_name


@pytest.mark.parametrize("name", ["a", "_private", "9lives", "shop.orders.receipt", "a-b_c.9", "x" * 128])
def test_a_task_may_be_called_so(name: str) -> None:
    assert task_name(name) == name


@pytest.mark.parametrize("name", ["", ".a", "-a", "a b", "a/b", "é", "a\n", "a\0", "x" * 129, "<lambda>", None, 1])
def test_a_task_may_not_be_called_so(name: Any) -> None:
    with pytest.raises(DeclarationError, match="is no task name"):
        task_name(name)


@pytest.mark.parametrize("name", ["a", "big-images", "Q_1", "1a", "x" * 40])
def test_a_queue_may_be_called_so(name: str) -> None:
    assert queue_name(name) == name


@pytest.mark.parametrize("name", ["", "_a", "-a", "a.b", "a+b", "a*", "é", "a\n", "x" * 41, None, b"a"])
def test_a_queue_may_not_be_called_so(name: Any) -> None:
    with pytest.raises(DeclarationError, match="is no name for a queue"):
        queue_name(name)


@pytest.mark.parametrize("name", ["", "_a", "1a", "a.b", "x" * 41, None])
def test_an_app_may_not_be_called_so(name: Any) -> None:
    with pytest.raises(DeclarationError, match="is no name for an app"):
        app_name(name)


@given(st.text())
def test_a_name_is_itself_or_refused(name: str) -> None:
    try:
        assert task_name(name) == name
    except DeclarationError:
        return
    assert name.isascii()
    assert not set(name) & set("/\\'\"<>|*?;$`& \n\t\r\0")


def test_the_nearest_name_is_offered() -> None:
    assert nearest("recipt", ["receipt", "refund"]) == " Did you mean 'receipt'?"


def test_where_none_is_near_all_are_named() -> None:
    assert nearest("x", ["refund", "receipt"]) == " Known: receipt, refund."


def test_of_many_names_ten_are_named() -> None:
    clause = nearest("?", [f"task{number:02}" for number in range(20)])
    assert clause.endswith("task09, ....")
    assert clause.count("task") == 10


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert nearest("x", []) == ""
