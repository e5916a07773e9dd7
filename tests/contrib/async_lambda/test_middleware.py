"""Layers around a task's function."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from ebbtide.contrib.async_lambda.events import APIEvent, BaseEvent, ManagedSQSEvent, ScheduledEvent
from ebbtide.contrib.async_lambda.middleware import BatchInvokeException, Layer, around
from ebbtide.errors import DeclarationError

Next = Callable[[Any], Any]


class Diary:
    """Layers and a task that write down when they begin and end."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def layer(self, name: str) -> Callable[[Any, Next], Any]:
        def write(event: Any, call_next: Next) -> Any:
            self.lines.append(name)
            value = call_next(event)
            self.lines.append(f"/{name}")
            return value

        return write

    def async_layer(self, name: str) -> Callable[[Any, Callable[[Any], Awaitable[Any]]], Awaitable[Any]]:
        async def write(event: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
            self.lines.append(name)
            value = await call_next(event)
            self.lines.append(f"/{name}")
            return value

        return write

    def task(self, event: BaseEvent) -> str:
        self.lines.append("task")
        return "done"

    async def async_task(self, event: BaseEvent) -> str:
        self.lines.append("task")
        return "done"


async def finished(value: Awaitable[Any]) -> Any:
    return await value


def skip(event: Any, call_next: Next) -> str:
    return "skipped"


def test_the_first_layer_is_the_outermost() -> None:
    diary = Diary()
    layers: list[Layer] = [([BaseEvent], diary.layer("a")), ([BaseEvent], diary.layer("b"))]
    assert around(ScheduledEvent(), layers, diary.task) == "done"
    assert diary.lines == ["a", "b", "task", "/b", "/a"]


def test_a_layer_that_is_registered_twice_is_called_once_at_its_first_place() -> None:
    diary = Diary()
    first, second = diary.layer("a"), diary.layer("b")
    layers: list[Layer] = [([BaseEvent], first), ([BaseEvent], second), ([ScheduledEvent], first)]
    around(ScheduledEvent(), layers, diary.task)
    assert diary.lines == ["a", "b", "task", "/b", "/a"]


def test_a_layer_is_called_for_the_types_it_names_and_their_subtypes() -> None:
    class OwnEvent(APIEvent):
        pass

    diary = Diary()
    layers: list[Layer] = [
        ([ManagedSQSEvent], diary.layer("no")),
        ([ManagedSQSEvent, APIEvent], diary.layer("api")),
        ([], diary.layer("never")),
    ]
    around(OwnEvent(), layers, diary.task)
    assert diary.lines == ["api", "task", "/api"]


def test_a_layer_that_was_not_for_the_event_the_first_time_is_still_called_where_it_is() -> None:
    diary = Diary()
    layer = diary.layer("a")
    around(APIEvent(), [([ManagedSQSEvent], layer), ([APIEvent], layer)], diary.task)
    assert diary.lines == ["a", "task", "/a"]


def test_without_layers_the_function_is_called() -> None:
    assert around(APIEvent({"path": "/x"}), [], lambda event: event.path) == "/x"


def test_a_layer_may_pass_another_event_on_and_change_what_comes_back() -> None:
    def layer(event: APIEvent, call_next: Callable[[APIEvent], str]) -> str:
        return call_next(APIEvent({"path": "/other"})).upper()

    assert around(APIEvent({"path": "/x"}), [([APIEvent], layer)], lambda event: event.path) == "/OTHER"


def test_a_layer_may_answer_in_the_tasks_place() -> None:
    diary = Diary()
    assert around(APIEvent(), [([APIEvent], diary.layer("a")), ([APIEvent], skip)], diary.task) == "skipped"
    assert diary.lines == ["a", "/a"]


def test_a_layer_may_call_the_task_again() -> None:
    tries: list[int] = []

    def task(event: BaseEvent) -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError
        return len(tries)

    def again(event: BaseEvent, call_next: Callable[[BaseEvent], int]) -> int:
        while True:
            try:
                return call_next(event)
            except ValueError:
                pass

    diary = Diary()
    assert around(APIEvent(), [([BaseEvent], again), ([BaseEvent], diary.layer("in"))], task) == 3
    assert diary.lines == ["in", "in", "in", "/in"]


def test_an_error_comes_through_the_layers() -> None:
    def task(event: BaseEvent) -> None:
        raise ValueError("the task's")

    diary = Diary()
    with pytest.raises(ValueError, match="the task's"):
        around(APIEvent(), [([BaseEvent], diary.layer("a"))], task)
    assert diary.lines == ["a"]


def test_an_async_layer_sees_the_end_of_an_async_task() -> None:
    diary = Diary()
    layers: list[Layer] = [([BaseEvent], diary.async_layer("a")), ([BaseEvent], diary.async_layer("b"))]
    assert asyncio.run(finished(around(APIEvent(), layers, diary.async_task))) == "done"
    assert diary.lines == ["a", "b", "task", "/b", "/a"]


def test_a_plain_layer_hands_on_what_an_async_task_will_return() -> None:
    diary = Diary()
    layers: list[Layer] = [([BaseEvent], diary.async_layer("a")), ([BaseEvent], diary.layer("b"))]
    assert asyncio.run(finished(around(APIEvent(), layers, diary.async_task))) == "done"
    assert diary.lines == ["a", "b", "/b", "task", "/a"]


@pytest.mark.parametrize("outer", [[], ["async"], ["plain"]], ids=str)
def test_a_plain_layer_may_answer_in_an_async_tasks_place(outer: list[str]) -> None:
    diary = Diary()
    kinds = {"async": diary.async_layer("a"), "plain": diary.layer("a")}
    layers: list[Layer] = [([BaseEvent], kinds[kind]) for kind in outer] + [([BaseEvent], skip)]
    assert asyncio.run(finished(around(APIEvent(), layers, diary.async_task))) == "skipped"


def test_an_async_task_may_be_a_part_of_a_function() -> None:
    async def task(word: str, event: BaseEvent) -> str:
        return word

    diary = Diary()
    made = around(APIEvent(), [([BaseEvent], diary.async_layer("a"))], partial(task, "word"))
    assert asyncio.run(finished(made)) == "word"


def test_an_async_layer_around_a_plain_task_is_refused_with_both_names() -> None:
    diary = Diary()
    with pytest.raises(DeclarationError, match=r"'write' is `async def`, but the task 'task' is not"):
        around(APIEvent(), [([BaseEvent], diary.async_layer("a"))], diary.task)
    assert diary.lines == []


def test_who_could_not_be_sent_is_told_by_number() -> None:
    error = BatchInvokeException("2 of 5 were not sent", [1, 3])
    assert (str(error), error.args, error.failed_payloads) == (
        "2 of 5 were not sent",
        ("2 of 5 were not sent",),
        [1, 3],
    )
