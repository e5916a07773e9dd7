"""The controller: what is declared on it and below it, and who inherits what."""

import json
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from tests.contrib.async_lambda.house import at_home, dead, work

from ebbtide.connect.target import load
from ebbtide.contrib.async_lambda import (
    AsyncLambdaController,
    AsyncLambdaWarning,
    JSONResponse,
    ManagedSQSBatchEvent,
    ManagedSQSEvent,
    ScheduledEvent,
    config_set_default_task_memory,
    config_set_name,
)
from ebbtide.errors import DeclarationError, TargetError, UnknownTask


def nothing(event: Any) -> None:
    """A task's function."""


def lanes(controller: AsyncLambdaController) -> dict[str, int]:
    return {name: one.lane_count for name, one in controller.app().declared.items()}


def test_a_decorator_gives_the_function_back_unchanged() -> None:
    app = AsyncLambdaController()
    assert app.async_task("A")(nothing) is nothing


def test_each_task_has_a_queue_of_its_own_with_what_was_declared() -> None:
    app = AsyncLambdaController()
    app.async_task("A", timeout=30, memory=256, maximum_concurrency=7, max_receive_count=3)(nothing)
    queue = app.app().queues["A"]
    assert (queue.timeout, queue.memory, queue.concurrency, queue.attempts) == (30, 256, (7,), 3)
    assert (queue.batch, queue.results) == (1, 0)


def test_what_nobody_said_is_safe() -> None:
    app = AsyncLambdaController()
    app.async_task("A")(nothing)
    queue = app.app().queues["A"]
    assert (queue.timeout, queue.memory, queue.lanes, queue.attempts) == (60, 128, 1, 5)


def test_the_name_and_the_default_memory_may_be_set_after_the_tasks() -> None:
    app = AsyncLambdaController()
    app.async_task("A")(nothing)
    config_set_name("project-name")
    config_set_default_task_memory(512)
    assert app.app().name == "project-name"
    assert app.app().queues["A"].memory == 512


def test_a_single_attempt_is_honoured_and_warned_about() -> None:
    app = AsyncLambdaController()
    with pytest.warns(AsyncLambdaWarning, match="'A': max_receive_count=1 makes a message a dead letter"):
        app.async_task("A", max_receive_count=1)(nothing)
    assert app.app().tasks["A"].retry.attempts == 1


@pytest.mark.parametrize(
    ("controller", "sub", "task", "found"),
    [(None, None, None, 1), (3, None, None, 3), (3, 2, None, 2), (3, 2, 1, 1), (None, 2, None, 2), (None, None, 4, 4)],
)
def test_lanes_are_inherited_and_said_nearer_win(
    controller: int | None, sub: int | None, task: int | None, found: int
) -> None:
    below = AsyncLambdaController(is_sub=True, lane_count=sub)
    below.async_task("A", lane_count=task)(nothing)
    app = AsyncLambdaController(lane_count=controller)
    app.add_controller(below)
    assert lanes(app) == {"A": found}


def test_a_sub_controllers_later_tasks_are_the_apps_too() -> None:
    app, below = AsyncLambdaController(), AsyncLambdaController(is_sub=True)
    app.add_controller(below)
    below.async_task("A")(nothing)
    assert list(app.app().tasks) == ["A"]


def test_only_the_root_stands_for_an_app() -> None:
    app, below, forgotten = AsyncLambdaController(), AsyncLambdaController(is_sub=True), AsyncLambdaController()
    app.add_controller(below)
    app.add_controller(forgotten)
    assert app.__ebbtide_app__ is not None
    assert below.__ebbtide_app__ is None
    assert forgotten.__ebbtide_app__ is None


@pytest.mark.parametrize(
    ("declare", "told"),
    [
        (lambda app: app.async_task("no good")(nothing), "'no good' is no task id: 1 to 32 ASCII letters and digits"),
        (lambda app: app.async_task("é")(nothing), "is no task id"),
        (lambda app: app.async_task("x" * 33)(nothing), "is no task id"),
        (lambda app: app.async_task("A", timeout=901)(nothing), "timeout=901: seconds, 1 to 900"),
        (lambda app: app.async_task("A", memory=64)(nothing), "memory=64: MB, 128 to 10,240"),
        (lambda app: app.async_task("A", lane_count=0)(nothing), "lane_count=0: 1 to 100"),
        (lambda app: app.async_task("A", max_receive_count=0)(nothing), "max_receive_count=0"),
        (lambda app: app.async_task("A", maximum_concurrency="10")(nothing), "maximum_concurrency='10'"),
        (lambda app: app.async_task("A", init_tasks=[lambda a, b: None])(nothing), "init_tasks="),
        (lambda app: app.async_task("A", init_tasks=["x"])(nothing), "init_tasks='x'"),
        (lambda app: app.set_dlq_task_id("A"), r"set_dlq_task_id\('A'\): no async task of that id"),
        (lambda app: app.add_external_task("nohyphen"), "the other app's name, a hyphen, its task"),
        (lambda app: app.add_controller(app), "cannot be part of itself"),
    ],
)
def test_what_cannot_work_is_refused_where_it_is_declared(
    declare: Callable[[AsyncLambdaController], Any], told: str
) -> None:
    with pytest.raises(DeclarationError, match=told):
        declare(AsyncLambdaController())


def test_a_task_id_is_its_own_in_the_whole_app() -> None:
    app, below = AsyncLambdaController(), AsyncLambdaController(is_sub=True)
    app.async_task("A")(nothing)
    with pytest.raises(DeclarationError, match="two tasks are called 'A'"):
        app.async_task("A")(nothing)
    below.async_task("A")(nothing)
    with pytest.raises(DeclarationError, match="two tasks are called 'A'"):
        app.add_controller(below)


def test_a_list_of_limits_has_one_for_each_lane() -> None:
    app = AsyncLambdaController(lane_count=2)
    app.async_task("A", maximum_concurrency=[10, 2])(nothing)
    assert app.app().queues["A"].concurrency == (10, 2)
    app.async_task("B", maximum_concurrency=[10, 2, 3])(nothing)
    with pytest.raises(DeclarationError, match="'B': maximum_concurrency has 3 numbers for 2 lanes"):
        app.app()


def test_a_dead_letter_goes_to_the_nearest_task_that_was_named_for_it() -> None:
    app, below = AsyncLambdaController(), AsyncLambdaController(is_sub=True)
    for letters in ("Root", "Below", "Own"):
        app.async_task(letters, is_dlq_task=True)(nothing)
    app.async_task("A")(nothing)
    below.async_task("B")(nothing)
    below.async_task("C", dlq_task_id="Own")(nothing)
    app.add_controller(below)
    app.set_dlq_task_id("Root")
    below.set_dlq_task_id("Below")
    assert {name: queue.dead_letters for name, queue in app.app().queues.items() if name in ("A", "B", "C")} == {
        "A": "Root",
        "B": "Below",
        "C": "Own",
    }
    assert app.app().queues["Root"].dead_letters is None


def test_a_task_for_dead_letters_that_is_none_is_told_with_the_nearest() -> None:
    app = AsyncLambdaController()
    app.async_task("Letters", is_dlq_task=True)(nothing)
    app.async_task("A", dlq_task_id="Leters")(nothing)
    with pytest.raises(DeclarationError, match=r"'A': dlq_task_id='Leters' is no async task\. Did you mean 'Letters'"):
        app.app()


def test_a_task_is_called_with_the_dead_letters_of_another_and_told_why() -> None:
    app = AsyncLambdaController()
    seen: list[ManagedSQSEvent] = []
    app.async_task("Letters", is_dlq_task=True)(seen.append)

    with pytest.warns(AsyncLambdaWarning):

        @app.async_task("A", dlq_task_id="Letters", max_receive_count=1)
        def a(event: ManagedSQSEvent) -> None:
            raise ValueError("no such order")

    at_home(app)
    app.async_invoke("A", {"order": 7})
    work(app)
    (letter,) = seen
    assert (letter.payload, letter.destination_task_id) == ({"order": 7}, "A")
    assert letter.message_attributes["dead-letter-reason"]["stringValue"] == "builtins.ValueError"
    assert letter.message_attributes["dead-letter-error"]["stringValue"] == "no such order"
    assert dead(app) == []


def test_middleware_goes_around_the_tasks_below_the_parents_first() -> None:
    app, below = AsyncLambdaController(), AsyncLambdaController(is_sub=True)
    said: list[str] = []

    def layer(name: str) -> Callable[[Any, Callable[[Any], Any]], Any]:
        def around(event: Any, call_next: Callable[[Any], Any]) -> Any:
            said.append(name)
            return call_next(event)

        return around

    below.add_middleware([ManagedSQSEvent], layer("below"))
    app.add_middleware([ManagedSQSEvent], layer("first"))
    app.add_middleware([ScheduledEvent], layer("never"))
    app.add_middleware([ManagedSQSEvent], layer("second"))
    app.add_controller(below)
    below.async_task("A")(lambda event: said.append("task"))
    at_home(app)
    app.async_invoke("A", None)
    work(app)
    assert said == ["first", "second", "below", "task"]


def test_a_batch_task_is_called_once_for_messages_that_came_together() -> None:
    app = AsyncLambdaController()
    seen: list[Any] = []

    @app.async_batch_task("A")
    def a(event: ManagedSQSBatchEvent) -> None:
        seen.append([one.payload for one in event.events])

    queue = app.app().queues["A"]
    assert (queue.batch, queue.batch_window) == (20, 30)
    at_home(app)
    app.async_invoke_batch("A", [1, 2, 3])
    work(app)
    assert sorted(payload for batch in seen for payload in batch) == [1, 2, 3]


def test_init_tasks_run_once_and_only_for_their_task() -> None:
    app = AsyncLambdaController()
    said: list[str] = []
    app.async_task("A", init_tasks=[lambda: said.append("plain"), lambda task_id: said.append(task_id)])(nothing)
    app.async_task("B", init_tasks=[lambda: said.append("B's")])(nothing)
    at_home(app)
    for _ in range(3):
        app.async_invoke("A", None)
    work(app)
    assert said == ["plain", "A"]


def test_a_raw_event_may_be_handed_to_a_task_by_its_id() -> None:
    app = AsyncLambdaController()
    app.async_task("A")(lambda event: event.payload)
    body = '{"source_task_id": null, "destination_task_id": "A", "invocation_id": "i", "payload": "[1]"}'
    assert app.handle_invocation({"Records": [{"body": body}]}, None, task_id="A") == [1]
    with pytest.raises(UnknownTask, match="no task 'B'"):
        app.handle_invocation({}, None, task_id="B")
    with pytest.raises(UnknownTask, match="set ASYNC_LAMBDA_TASK_ID"):
        app.async_lambda_handler({}, None)


def test_an_invocation_by_hand_returns_what_lambda_would_be_answered() -> None:
    app = AsyncLambdaController()
    app.api_task("A", "/a", "get")(lambda event: JSONResponse({"path": event.path}, 201))
    answered = app.async_lambda_handler
    os.environ["ASYNC_LAMBDA_TASK_ID"] = "A"
    try:
        made = answered({"path": "/a", "httpMethod": "GET"}, None)
    finally:
        del os.environ["ASYNC_LAMBDA_TASK_ID"]
    assert made == {"statusCode": 201, "headers": {"Content-Type": "application/json"}, "body": '{"path": "/a"}'}


def test_an_event_is_made_of_a_new_payload() -> None:
    app = AsyncLambdaController()
    app.async_task("A")(lambda event: (event.source_task_id, event.payload))
    made = app.new_payload({"n": 1}, "A", True)
    assert sorted(made) == ["destination_task_id", "invocation_id", "payload", "source_task_id"]
    assert app.handle_invocation({"Records": [{"body": json.dumps(made)}]}, None, task_id="A") == (None, {"n": 1})


def test_the_tasks_of_a_controller_are_its_own_and_those_below() -> None:
    app, below = AsyncLambdaController(), AsyncLambdaController(is_sub=True)
    app.async_task("A")(nothing)
    app.add_controller(below)
    below.async_task("B")(nothing)
    assert (sorted(app.tasks), sorted(below.tasks)) == (["A", "B"], ["B"])


def two(event: Any, other: Any) -> None:
    """No task's function."""


@pytest.mark.parametrize(
    ("declare", "told"),
    [
        (lambda app: app.async_task(nothing), "is no task id; the decorator wants one first"),
        (lambda app: app.async_task("A", init_tasks=nothing), "init_tasks=.*: a list of functions"),
        (lambda app: app.async_task("A", maximum_concurrency=1)(nothing), "maximum_concurrency=1: a number from 2"),
        (lambda app: app.async_batch_task("A", max_batching_window=0)(nothing), "max_batching_window=0: 1 or more"),
        (lambda app: app.async_task("A", snap_start="on")(nothing), "snap_start='on': True or False"),
        (lambda app: app.async_task("A", propagate_lane_assignment="no")(nothing), "propagate_lane_assignment='no'"),
        (lambda app: app.async_task("A")(two), "'A': its function is called with the event: missing .* 'other'"),
        (lambda app: app.async_task("A")(lambda: None), "'A': its function is called with the event: too many"),
        (lambda app: app.add_controller("orders"), "an AsyncLambdaController is added"),
        (lambda app: app.add_middleware(ManagedSQSEvent, two), "is no middleware"),
        (lambda app: app.add_middleware([ManagedSQSEvent], None), "is no middleware"),
        (lambda app: type(app)(middleware=[two]), "is no middleware"),
        (lambda app: AsyncLambdaController(lane_count=0), r"lane_count=0\): 1 to 100"),
    ],
)
def test_what_is_wrong_is_told_where_it_is_declared(declare: Callable[[Any], Any], told: str) -> None:
    with pytest.raises(DeclarationError, match=told):
        declare(AsyncLambdaController())


def test_what_is_enqueued_for_a_queue_of_somebody_elses_is_the_body_of_a_message() -> None:
    app = AsyncLambdaController()
    seen: list[tuple[str, str]] = []
    app.sqs_task("A", "theirs")(lambda event: seen.append((event.body, event.message_id)))
    at_home(app)
    for value in ("plain", {"n": 1}, None):
        app.app().tasks["A"].enqueue(value)
    work(app)
    assert [body for body, _ in seen] == ["plain", '{"n": 1}', "null"]
    assert all(id for _, id in seen)


def test_what_is_enqueued_for_a_stream_is_a_record_or_a_whole_event() -> None:
    app = AsyncLambdaController()
    seen: list[Any] = []
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2026-01-01T00:00:00.000"
    app.dynamodb_task("A", stream_arn=arn, batch_size=1)(lambda event: seen.extend(one.new_image for one in event))
    at_home(app)
    first, second = ({"dynamodb": {"NewImage": {"id": {"N": n}}}} for n in "12")
    app.app().tasks["A"].enqueue(first)
    app.app().tasks["A"].enqueue({"Records": [second, second]})
    work(app)
    assert seen == [{"id": {"N": "1"}}, {"id": {"N": "2"}}, {"id": {"N": "2"}}]


def test_a_controller_that_is_part_of_another_is_told_from_an_app() -> None:
    module = ModuleType("orders_of_shop")
    vars(module)["orders"] = AsyncLambdaController(is_sub=True)
    sys.modules["orders_of_shop"] = module
    try:
        with pytest.raises(TargetError, match="its 'orders' is part of one; name the module of that"):
            load("orders_of_shop")
        with pytest.raises(TargetError, match="is an AsyncLambdaController that is part of another one, not an App"):
            load("orders_of_shop:orders")
    finally:
        del sys.modules["orders_of_shop"]
