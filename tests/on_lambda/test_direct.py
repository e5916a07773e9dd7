"""A function that was itself invoked: its task's value is the answer, a failure is raised."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from tests.on_lambda.stage import Context, Stage

from ebbtide.on_lambda.direct import InvocationFailed
from ebbtide.on_lambda.handler import UnknownEvent
from ebbtide.queue import Queue
from ebbtide.trigger import INVOKED, Trigger


class Invoked(Trigger):
    """Reads what the function was invoked with."""

    def check(self, task: str, parameters: Mapping[str, Any]) -> None:
        return None

    def reads(self, task: str, event: Mapping[str, Any]) -> bool:
        return event.get("eventSource") == INVOKED

    def arguments(self, event: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        return [event["event"]], {}


def invoked(stage: Stage, event: Any) -> Any:
    return stage.function(event, Context())


@pytest.mark.parametrize("event", [{"x": [1, None]}, [1], "text", None, {}, {"Records": []}, {"Records": [{"a": 1}]}])
def test_the_tasks_value_is_the_answer_whatever_the_event(event: Any) -> None:
    stage = Stage(Queue(results=0))

    @stage.app.task(Invoked())
    def echo(event: Any) -> Any:
        return {"got": event}

    assert invoked(stage, event) == {"got": event}
    assert stage.broker.acked == []


def test_an_async_task_answers_as_well() -> None:
    stage = Stage()

    @stage.app.task(Invoked())
    async def echo(event: Any) -> Any:
        await asyncio.sleep(0)
        return event

    assert invoked(stage, 7) == 7


def test_a_failure_is_raised_for_whoever_invoked_it() -> None:
    stage = Stage()

    @stage.app.task(Invoked())
    def fail(event: Any) -> None:
        raise ValueError("no such order")

    with pytest.raises(InvocationFailed, match="ValueError: no such order"):
        invoked(stage, {})
    assert (stage.broker.retried, stage.broker.buried) == ([], [])


def test_a_function_whose_tasks_nobody_invokes_knows_no_such_event() -> None:
    stage = Stage()

    @stage.app.task
    def note(number: int) -> None:
        return None

    with pytest.raises(UnknownEvent):
        invoked(stage, {"number": 1})
