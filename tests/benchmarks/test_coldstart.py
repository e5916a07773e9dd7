"""The cold start benchmark: what it starts, and what it makes of the times."""

import pytest
from benchmarks.coldstart import Contender, Form, Start, contenders, shown

from ebbtide.message import Message

ALL = [pytest.param(one, form, id=f"{one.name}-{form}") for one in contenders() for form in one.source]


@pytest.mark.parametrize(("contender", "form"), ALL)
def test_each_way_to_write_the_function_is_python_and_does_what_it_is_to(contender: Contender, form: Form) -> None:
    source = contender.source[form]
    compile(source, contender.name, "exec")
    assert ("put_item" in source or "results=3600" in source) == (form == "store")
    assert any(word in source for word in ("send_message", "async_invoke", ".enqueue")) == (form == "send")
    assert not any(word in source for word in ("STORE", "SEND", "CLIENT", "IMPORT"))


def test_async_lambdas_source_runs_on_ebbtide_with_nothing_but_its_import_changed() -> None:
    named = {one.name: one.source for one in contenders()}
    theirs, ours = named["async-lambda"], named["async-lambda's source on Ebbtide"]
    for form in theirs:
        assert ours[form] == theirs[form].replace("from async_lambda", "from ebbtide.contrib.async_lambda")


def test_our_message_is_one() -> None:
    ours = contenders()[0]
    assert Message.decode(ours.body.encode()).task == "double"


def test_medians_are_shown_beside_the_one_that_is_named() -> None:
    found = {"a": [Start(10, 5), Start(30, 9), Start(20, 7)], "b": [Start(40, 14), Start(60, 14)]}
    *_, a, b = shown(found, "b").splitlines()
    assert a == "| a | 20 (10 to 30) | 7 (5 to 9) | 0.50 |"
    assert b == "| b | 50 (40 to 60) | 14 (14 to 14) | 1.00 |"
