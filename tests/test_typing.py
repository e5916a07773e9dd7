"""What a type checker says of tasks: a line that it must refuse carries an ignore, which mypy would call unused.

The same lines run, so what the types promise is also what happens.
"""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, assert_type

import pytest

from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.errors import ArgumentError
from ebbtide.result import Result
from ebbtide.retry import RetryPolicy
from ebbtide.task import Task

app = App("t", broker=MemoryBroker)


@app.task
def double(number: int, *, times: int = 1) -> int:
    return 2 * number * times


@app.task
async def fetch(url: str) -> bytes:
    return url.encode()


@app.task(retry=RetryPolicy(attempts=3))
def optioned(number: int) -> str:
    return str(number)


@app.task(queue="default")
async def aoptioned(number: int) -> str:
    return str(number)


@app.task(takes_context=True)
def context(delivery: Delivery, number: int) -> float:
    return number / delivery.attempt


@app.task(takes_context=True)
async def acontext(delivery: Delivery, number: int) -> float:
    return number / delivery.attempt


def test_calling_a_task_is_calling_its_function() -> None:
    assert_type(double(4), int)
    assert double(4, times=2) == 16
    assert_type(optioned(5), str)
    with pytest.raises(TypeError):
        double()  # type: ignore[call-arg]


def test_calling_an_async_task_gives_a_coroutine() -> None:
    coroutine = assert_type(fetch("a"), Coroutine[Any, Any, bytes])
    assert asyncio.run(coroutine) == b"a"


def test_a_result_has_the_type_of_the_return_value() -> None:
    assert_type(double.enqueue(4), Result[int])
    assert_type(optioned.enqueue(4), Result[str])
    assert_type(double.enqueue(4).refresh(), Result[int])
    assert_type(double.enqueue_many([(1,), {"number": 2}]), list[Result[int]])


def test_a_result_of_an_async_task_has_the_type_of_the_awaited_value() -> None:
    assert_type(fetch.enqueue("a"), Result[bytes])
    assert_type(aoptioned.enqueue(1), Result[str])

    async def aenqueue() -> None:
        assert_type(await fetch.aenqueue("a"), Result[bytes])
        assert_type(await double.aenqueue(1, times=2), Result[int])

    asyncio.run(aenqueue())


def test_get_and_return_value_have_that_type() -> None:
    def of(result: Result[int]) -> None:
        assert_type(result.get(), int)
        assert_type(result.return_value, int)
        assert_type(result.wait(1.0), Result[int])

    assert callable(of)


def test_arguments_are_checked_at_the_enqueue() -> None:
    with pytest.raises(ArgumentError):
        double.enqueue("4")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError):
        double.enqueue()  # type: ignore[call-arg]
    with pytest.raises(ArgumentError):
        double.enqueue(4, 5)  # type: ignore[call-arg]
    with pytest.raises(ArgumentError):
        double.enqueue(4, tims=5)  # type: ignore[call-arg]
    with pytest.raises(ArgumentError):
        fetch.enqueue(b"a")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError):
        double.message("4")  # type: ignore[arg-type]


def test_arguments_are_checked_with_options_too() -> None:
    later = double.using(delay=5)
    assert_type(later.enqueue(4), Result[int])
    with pytest.raises(ArgumentError):
        later.enqueue("4")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        double.using(dealy=5)  # type: ignore[call-arg]
    with pytest.raises(ArgumentError):
        double.using(run_after=5)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError):
        double.using(delay=datetime.now(UTC))  # type: ignore[arg-type]


def test_the_context_is_no_argument_of_the_enqueue() -> None:
    assert_type(context.enqueue(4), Result[float])
    assert_type(acontext.enqueue(4), Result[float])
    typed: Task[[int], float, float] = context
    assert typed is context
    with pytest.raises(ArgumentError):
        context.enqueue(Delivery(b"", "default", 0, "", 1), 4)  # type: ignore[arg-type, call-arg]


def test_a_task_can_be_named_by_its_type() -> None:
    def send(task: Task[[int], Any, str], number: int) -> Result[str]:
        return task.enqueue(number)

    assert_type(send(optioned, 1), Result[str])
    with pytest.raises(ArgumentError):
        send(fetch, 1)  # type: ignore[arg-type]


def test_takes_context_asks_for_a_delivery_first() -> None:
    @app.task(takes_context=True)  # type: ignore[arg-type]
    def wrong(number: int) -> None: ...

    with pytest.raises(ArgumentError):
        wrong.enqueue(1)  # type: ignore[call-arg]


def test_a_task_that_gathers_gives_what_its_function_returns_and_takes_items() -> None:
    @app.task(gathers=True)
    def store(names: list[str]) -> int:
        return len(names)

    @app.task(gathers=True, takes_context=True)
    async def astore(deliveries: list[Delivery], names: list[str]) -> int:
        return len(names)

    assert_type(store.enqueue("a"), Result[int])
    assert_type(astore.enqueue("a"), Result[int])
    assert_type(store(["a", "b"]), int)
