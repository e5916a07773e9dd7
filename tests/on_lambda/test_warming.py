"""A container that starts loads AWS's library if its tasks will need it, and otherwise does not wait for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ebbtide.app import App
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.contrib.async_lambda import AsyncLambdaController
from ebbtide.errors import StorageError
from ebbtide.on_lambda.warming import needed, warm_up
from ebbtide.queue import Queue

controller = AsyncLambdaController()


class Warmed(MemoryBroker):
    """Notes what it is told to make."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.made: list[str] = []
        self._fails = fails

    def warm(self, service: str) -> None:
        self.made.append(service)
        if self._fails:
            raise StorageError("no region is set")


def quiet() -> int:
    return len("enqueue")


def direct() -> None:
    controller.async_invoke("Other", 1)


def by_a_helper() -> None:
    _helper()


def _helper() -> None:
    again()
    [controller.async_invoke_batch("Other", [one]) for one in (1,)]


def again() -> None:
    by_a_helper()


def within() -> None:
    def inner(task: Any) -> None:
        task.enqueue(1)

    inner(None)


async def awaited(task: Any = None) -> None:
    await task.aenqueue(1)


def app(function: Callable[..., Any], results: float = 0, broker: MemoryBroker | None = None) -> App:
    made = App("shop", queues=[Queue("work", results=results), Queue("other")], broker=lambda: broker or Warmed())
    made.task(queue="work", name="work")(function)
    made.task(queue="other", name="other")(direct)
    return made


@pytest.mark.parametrize("function", [direct, by_a_helper, within, awaited])
def test_a_task_that_sends_needs_sqs(function: Callable[..., Any]) -> None:
    assert list(needed(app(function), "work")) == ["sqs"]


def test_one_that_does_not_needs_nothing_whatever_tasks_of_other_queues_do() -> None:
    broker = Warmed()
    warm_up(app(quiet, broker=broker), "work")
    assert broker.made == []


def test_one_whose_result_is_kept_needs_the_table() -> None:
    broker = Warmed()
    warm_up(app(direct, results=60, broker=broker), "work")
    assert broker.made == ["dynamodb", "sqs"]


def test_what_is_in_the_way_does_not_stop_a_container_from_starting() -> None:
    broker = Warmed(fails=True)
    warm_up(app(direct, broker=broker), "work")
    assert broker.made == ["sqs"]


def test_a_broker_that_has_nothing_to_make_is_left_alone() -> None:
    warm_up(app(direct, broker=MemoryBroker()), "work")


def test_a_task_of_async_lambdas_is_known_by_the_users_own_function() -> None:
    declared = AsyncLambdaController()

    @declared.async_task("Sends")
    def sends(event: Any) -> None:
        declared.async_invoke("Rests", event.payload)

    @declared.async_task("Rests")
    def rests(event: Any) -> None: ...

    assert list(needed(declared.app(), "Sends")) == ["sqs"]
    assert list(needed(declared.app(), "Rests")) == []
