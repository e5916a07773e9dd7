"""A value that is computed when it is first asked for, once a process."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import assert_type

import pytest

from ebbtide.contrib.async_lambda.defer import Defer


class Counting:
    """A function that tells how often it was called."""

    def __init__(self, *answers: Callable[[], object]) -> None:
        self.calls = 0
        self.answers = answers

    def __call__(self) -> object:
        self.calls += 1
        return self.answers[self.calls - 1]()


def fail() -> object:
    raise ValueError("not yet")


def add(a: int, b: int) -> int:
    return a + b


def test_the_call_is_put_off_until_its_value_is_needed_and_made_once() -> None:
    function = Counting(object)
    deferred = Defer(function)
    assert function.calls == 0
    assert deferred.value is deferred.value is deferred.execute()
    assert function.calls == 1


def test_arguments_and_types_are_the_functions() -> None:
    deferred = Defer(add, 1, b=2)
    assert_type(deferred.value, int)
    assert_type(deferred.execute(), int)
    assert deferred.value == 3


def test_none_is_a_value_too() -> None:
    function = Counting(lambda: None)
    deferred = Defer(function)
    assert deferred.value is None
    assert deferred.value is None
    assert function.calls == 1


def test_an_error_goes_to_who_asked_and_the_next_one_tries_again() -> None:
    deferred = Defer(Counting(fail, lambda: "now"))
    with pytest.raises(ValueError, match="not yet"):
        deferred.execute()
    assert deferred.value == "now"


def test_threads_that_ask_at_once_wait_for_one_call() -> None:
    asking = threading.Barrier(8)
    function = Counting(object)
    deferred = Defer(function)

    def ask() -> object:
        asking.wait(10)
        return deferred.value

    with ThreadPoolExecutor(8) as pool:
        values = {id(future.result(10)) for future in [pool.submit(ask) for _ in range(8)]}
    assert (len(values), function.calls) == (1, 1)


def test_threads_wait_for_a_call_that_is_under_way() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow() -> object:
        begun.set()
        assert may_end.wait(10)
        return object()

    function = Counting(slow)
    deferred = Defer(function)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(deferred.execute)
        assert begun.wait(10)
        second = pool.submit(deferred.execute)
        may_end.set()
        assert first.result(10) is second.result(10)
    assert function.calls == 1


def test_a_function_that_asks_for_its_own_value_does_not_hang() -> None:
    asked: list[Defer[[], object]] = []
    asked.append(Defer(lambda: asked[0].value))
    with pytest.raises(RecursionError):
        asked[0].execute()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_forked_while_another_thread_computes_computes_its_own() -> None:
    begun, may_end = threading.Event(), threading.Event()
    parent = os.getpid()

    def slow() -> int:
        if os.getpid() == parent:
            begun.set()
            assert may_end.wait(10)
        return os.getpid()

    deferred = Defer(slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(deferred.execute)
        assert begun.wait(10)
        child = os.fork()
        if child == 0:
            threading.Timer(10, os._exit, [1]).start()
            os._exit(0 if deferred.value == os.getpid() else 1)
        may_end.set()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert first.result(10) == parent
