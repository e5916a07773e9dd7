"""`async_invoke`: what is sent where, what is inherited, and what is refused."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from tests.contrib.async_lambda.house import at_home, work
from tests.fakes import receive

from ebbtide.broker import Delivery
from ebbtide.contrib.async_lambda import (
    AsyncLambdaController,
    BatchInvokeException,
    ManagedSQSBatchEvent,
    ManagedSQSEvent,
    enable_force_sync_mode,
)
from ebbtide.contrib.async_lambda.payload import PayloadRefused
from ebbtide.errors import ArgumentError, StorageError, UnknownTask


def sent(app: AsyncLambdaController) -> list[Delivery]:
    """What waits on the queues, taken from there."""
    return receive(app.app())


class Told:
    """A controller of three lanes whose task A invokes others, and what these were told."""

    def __init__(self, **options: Any) -> None:
        self.app = AsyncLambdaController(lane_count=3, **options)
        self.seen: list[tuple[int, ManagedSQSEvent]] = []
        self.app.async_task("A")(self.forward)
        self.app.async_task("B")(self.see)
        self.app.async_task("Few", lane_count=1)(self.see)
        self.app.async_task("Free", propagate_lane_assignment=False)(self.see)
        at_home(self.app)

    def forward(self, event: ManagedSQSEvent) -> None:
        for task_id in event.payload:
            self.app.async_invoke(task_id, self.app.current_task_id)

    def see(self, event: ManagedSQSEvent) -> None:
        self.seen.append((self.app.get_current_lane(), event))


def test_a_lane_follows_the_chain_of_calls_where_the_task_has_it() -> None:
    told = Told()
    told.app.async_invoke("A", ["B", "Few", "Free"], lane=2)
    work(told.app)
    assert {event.destination_task_id: lane for lane, event in told.seen} == {"B": 2, "Few": 0, "Free": 0}


def test_a_controller_may_keep_lanes_from_following() -> None:
    told = Told(propagate_lane_assignment=False)
    told.app.async_invoke("A", ["B"], lane=2)
    work(told.app)
    assert [lane for lane, _ in told.seen] == [0]


def test_a_chain_has_one_invocation_id_and_knows_who_sent() -> None:
    told = Told()
    told.app.async_invoke("A", ["B", "Few"])
    told.app.async_invoke("B", None)
    work(told.app)
    events = [event for _, event in told.seen]
    chain = {event.invocation_id for event in events if event.source_task_id == "A"}
    (other,) = (event for event in events if event.source_task_id is None)
    assert len(chain) == 1
    assert other.invocation_id not in chain
    assert UUID(other.invocation_id).version == 4
    assert told.app.current_invocation_id is None


def test_a_message_group_follows_unless_told_otherwise() -> None:
    app = AsyncLambdaController()
    groups: list[str | None] = []

    @app.async_task("A")
    def a(event: ManagedSQSEvent) -> None:
        app.async_invoke("B", None)
        app.async_invoke("B", None, message_group_id="other")
        app.async_invoke("B", None, message_group_id="")

    app.async_task("B")(lambda event: groups.append(event.message_group_id))
    at_home(app)
    app.async_invoke("A", None, message_group_id="tenant")
    work(app)
    assert groups == ["tenant", "other", None]


def test_a_group_stays_behind_where_the_controller_says_so() -> None:
    app = AsyncLambdaController(propagate_message_group_id=False)
    groups: list[str | None] = []
    app.async_task("A")(lambda event: app.async_invoke("B", None))
    app.async_task("B")(lambda event: groups.append(event.message_group_id))
    at_home(app)
    app.async_invoke("A", None, message_group_id="tenant")
    work(app)
    assert groups == [None]


def test_a_payload_arrives_as_json_has_it() -> None:
    app = AsyncLambdaController()
    seen: list[Any] = []
    app.async_task("A")(lambda event: seen.append(event.payload))
    at_home(app)
    id, day = UUID(int=7), datetime(2026, 11, 21, tzinfo=UTC)
    app.async_invoke("A", {"id": id, "at": day, 1: [None, True, "é"], "pair": (1, 2)})
    work(app)
    assert seen == [{"id": str(id), "at": day.isoformat(), "1": [None, True, "é"], "pair": [1, 2]}]


def test_what_json_lacks_is_refused_before_anything_is_sent() -> None:
    app = AsyncLambdaController()
    app.async_task("A")(lambda event: None)
    at_home(app)
    with pytest.raises(PayloadRefused, match=r"payload\['x'\]\[1\] is nan"):
        app.async_invoke("A", {"x": [0, float("nan")]})
    assert sent(app) == []


def test_delays_hold_a_message_back() -> None:
    app = AsyncLambdaController()
    app.async_task("A")(lambda event: None)
    at_home(app)
    app.async_invoke("A", 1, delay=100_000)
    app.async_invoke("A", 2, delay=None)
    assert [delivery.body.count(b'"payload":"2"') for delivery in sent(app)] == [1]


def test_a_delay_with_a_name_is_there_once() -> None:
    app = AsyncLambdaController()
    app.async_task("A")(lambda event: None)
    at_home(app)
    for _ in range(2):
        app.async_invoke("A", 1, delay=1000, unique_delay_id="nightly")
    (depth,) = app.app().broker.depth("A")
    assert depth.delayed == 1


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ({"task_id": "Nope"}, UnknownTask, "no task 'Nope'"),
        ({"task_id": "Tick"}, ArgumentError, r"async_invoke\('Tick'\): it is declared as scheduled_task"),
        ({"lane": 2}, ArgumentError, "lane=2 must be a whole number from 0 to 1"),
        ({"lane": "1"}, ArgumentError, "lane='1'"),
        ({"delay": -1}, ArgumentError, "delay=-1"),
        ({"delay": "5"}, ArgumentError, "delay='5'"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: dict[str, Any], error: type[Exception], told: str) -> None:
    app = AsyncLambdaController(lane_count=2)
    app.async_task("A")(lambda event: None)
    app.scheduled_task("Tick", "rate(1 hour)")(lambda event: None)
    at_home(app)
    with pytest.raises(error, match=told):
        app.async_invoke(**{"task_id": "A", "payload": None, **arguments})


def test_many_are_sent_at_once_each_with_its_own_delay_and_group() -> None:
    app = AsyncLambdaController()
    seen: list[tuple[Any, str | None]] = []
    app.async_task("A")(lambda event: seen.append((event.payload, event.message_group_id)))
    at_home(app)
    app.async_invoke_batch("A", range(25), delay=[0] * 24 + [1000], message_group_id=[None] * 20 + ["g"] * 5)
    work(app)
    assert seen == [(number, "g" if number >= 20 else None) for number in range(24)]


def test_a_list_that_is_too_short_is_told() -> None:
    app = AsyncLambdaController()
    app.async_task("A")(lambda event: None)
    at_home(app)
    with pytest.raises(ArgumentError, match="2 values of delay for 3 payloads"):
        app.async_invoke_batch("A", [1, 2, 3], delay=[1, 2])


def test_what_could_not_be_stored_is_told_by_its_place() -> None:
    app = AsyncLambdaController()
    app.async_task("A")(lambda event: None)

    def full(messages: Any, send_next: Any) -> list[str]:
        raise StorageError("the disk is full")

    at_home(app)
    app.app().send_middleware = (full,)
    with pytest.raises(BatchInvokeException, match="the disk is full") as raised:
        app.async_invoke_batch("A", ["x", "y"])
    assert raised.value.failed_payloads == [0, 1]


def test_in_sync_mode_a_task_runs_here_and_its_value_comes_back() -> None:
    app = AsyncLambdaController(lane_count=2)

    @app.async_task("A")
    def a(event: ManagedSQSEvent) -> Any:
        inner = app.async_invoke("B", event.payload, force_sync=True)
        return [app.get_current_lane(), inner, app.current_task_id]

    @app.async_task("B")
    async def b(event: ManagedSQSEvent) -> Any:
        await asyncio.sleep(0)
        return [event.source_task_id, app.get_current_lane(), event.payload]

    at_home(app)
    assert app.async_invoke("A", UUID(int=1), force_sync=True, lane=1) == [1, ["A", 1, str(UUID(int=1))], "A"]
    assert sent(app) == []
    assert app.current_task_id is None


def test_the_mode_makes_every_call_run_here() -> None:
    app = AsyncLambdaController()
    app.async_task("A")(lambda event: event.payload * 2)
    app.async_batch_task("Sum")(lambda event: sum(one.payload for one in event.events))
    at_home(app)
    enable_force_sync_mode()
    assert app.async_invoke("A", 21) == 42
    assert app.async_invoke_batch("A", [1, 2]) == [2, 4]
    assert app.async_invoke("Sum", 5) == 5


def test_a_loop_is_stopped_and_its_path_named() -> None:
    app = AsyncLambdaController()
    app.async_task("Task1")(lambda event: app.async_invoke("Task2", {}))
    app.async_task("Task2")(lambda event: app.async_invoke("Task1", {}))
    at_home(app)
    app.async_invoke("Task1", {})
    assert len(work(app)) == 102
    broker: Any = app.app().broker
    (letter,) = broker.dead()
    assert letter.error.exception_class.endswith("LoopDetected")
    assert "Task1 > Task2 > Task1" in letter.error.message


def test_a_task_of_another_app_gets_the_envelope_with_our_name() -> None:
    app = AsyncLambdaController()
    app.add_external_task("other-Bill")
    at_home(app)
    app.async_invoke("other-Bill", {"x": 1})
    broker, queues = app.app().broker, [app.app().queues["other-Bill"]]
    (delivery,) = broker.receive(queues, 1)
    assert b'"destination_task_id":"other-Bill"' in delivery.body
    assert b'"source_app":"async-lambda"' in delivery.body


def test_a_batch_tasks_event_shows_each_message() -> None:
    app = AsyncLambdaController()
    seen: list[ManagedSQSBatchEvent] = []
    app.async_batch_task("A")(seen.append)
    at_home(app)
    app.async_invoke("A", 1, message_group_id="g")
    work(app)
    (event,) = seen[0].events
    assert (event.payload, event.message_group_id) == (1, "g")


def test_the_payloads_of_a_batch_are_any_number_of_them_and_not_one_text_or_dict() -> None:
    app = AsyncLambdaController()
    seen: list[Any] = []
    app.async_task("A")(lambda event: seen.append(event.payload))
    at_home(app)
    app.async_invoke_batch("A", (n for n in range(3)))
    work(app)
    assert sorted(seen) == [0, 1, 2]
    for one in ("text", b"bytes", {"a": 1}):
        with pytest.raises(ArgumentError, match="give a list of them"):
            app.async_invoke_batch("A", one)
