"""The cold start benchmark: what it starts, and what it makes of the times."""

import pytest
from benchmarks.coldstart import Contender, Start, contenders, shown

from ebbtide.message import Message

ALL = [pytest.param(one, store, id=f"{one.name}-{store}") for one in contenders() for store in one.source]


@pytest.mark.parametrize(("contender", "store"), ALL)
def test_each_way_to_write_the_function_is_python_and_stores_if_it_is_to(contender: Contender, store: bool) -> None:
    source = contender.source[store]
    compile(source, contender.name, "exec")
    assert ("put_item" in source or "results=3600" in source) == store
    assert "STORE" not in source


def test_our_message_is_one() -> None:
    ours = contenders()[0]
    assert Message.decode(ours.body.encode()).task == "double"


def test_medians_are_shown_beside_the_one_that_is_named() -> None:
    found = {"a": [Start(10, 5), Start(30, 9), Start(20, 7)], "b": [Start(40, 14), Start(60, 14)]}
    *_, a, b = shown(found, "b").splitlines()
    assert a == "| a | 20 (10 to 30) | 7 (5 to 9) | 0.50 |"
    assert b == "| b | 50 (40 to 60) | 14 (14 to 14) | 1.00 |"
