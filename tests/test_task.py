"""Tasks: called here, enqueued to run elsewhere, with options that make a new task of the same name."""

import asyncio
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from tests.fakes import NOON, Clock, memory_app, perform, receive, run_ready

from ebbtide.app import App
from ebbtide.errors import ArgumentError, EbbtideError, KeyConflict
from ebbtide.message import Message
from ebbtide.outcome import Succeeded
from ebbtide.queue import Queue
from ebbtide.result import Status
from ebbtide.task import Task

LATER = datetime.fromtimestamp(NOON + 60, UTC)


def sender(clock: Clock | None = None, *queues: Queue) -> tuple[App, Task[Any, None, None]]:
    app = memory_app(*queues, clock=clock)

    @app.task
    def send(address: str, copies: int = 1) -> None: ...

    return app, send


def waiting(app: App, queue: str = "default") -> int:
    return sum(depth.pending for depth in app.broker.depth(queue))


def test_calling_a_task_runs_it_here_and_now() -> None:
    app = memory_app()

    @app.task
    def double(number: int) -> int:
        return 2 * number

    assert double(4) == 8
    assert double(number=5) == 10
    assert waiting(app) == 0


def test_calling_an_async_task_gives_its_coroutine() -> None:
    app = memory_app()

    @app.task
    async def double(number: int) -> int:
        return 2 * number

    assert asyncio.run(double(4)) == 8


def test_enqueuing_stores_one_message_and_runs_nothing() -> None:
    app, send = sender()
    result = send.enqueue("a@b.c", copies=2)
    (delivery,) = receive(app)
    sent = delivery.message
    assert (sent.id, sent.task, sent.queue, sent.args, sent.kwargs) == (
        result.id,
        "send",
        "default",
        ["a@b.c"],
        {"copies": 2},
    )
    assert (sent.enqueued_at, sent.lane, sent.lineage.root, sent.lineage.depth) == (NOON, 0, result.id, 0)


@pytest.mark.parametrize(
    ("args", "kwargs", "parameter"),
    [
        ((), {}, "address"),
        ((5,), {}, "address"),
        (("a",), {"copies": "2"}, "copies"),
        (("a",), {"colour": 1}, "colour"),
    ],
)
def test_a_call_that_does_not_fit_is_refused_at_the_enqueue(
    args: tuple[Any, ...], kwargs: dict[str, Any], parameter: str
) -> None:
    app, send = sender()
    with pytest.raises(ArgumentError, match=f"task 'send'.*'{parameter}'"):
        send.enqueue(*args, **kwargs)
    assert waiting(app) == 0


def test_a_refused_argument_is_a_type_error_too() -> None:
    _, send = sender()
    with pytest.raises(TypeError):
        send.enqueue()
    with pytest.raises(EbbtideError):
        send.enqueue()


def test_aenqueue_stores_it_without_blocking_the_loop() -> None:
    app, send = sender()

    async def both() -> list[str]:
        return [result.id for result in await asyncio.gather(send.aenqueue("a"), send.aenqueue("b"))]

    ids = asyncio.run(both())
    assert {delivery.message.id for delivery in receive(app)} == set(ids)


def test_aenqueue_inside_a_task_keeps_lane_and_lineage() -> None:
    app = memory_app(Queue(lanes=3))

    @app.task
    def inner() -> None: ...

    @app.task
    async def outer() -> str:
        return (await inner.aenqueue()).id

    root = outer.using(lane=2).enqueue()
    (started,) = receive(app)
    assert isinstance(perform(app, started), Succeeded)
    (delivery,) = receive(app)
    assert (delivery.lane, delivery.lineage.root, delivery.lineage.path) == (2, root.id, ("outer",))


def test_enqueue_many_takes_tuples_lists_and_mappings() -> None:
    app, send = sender()
    results = send.enqueue_many([("a",), ["b", 2], {"address": "c"}])
    assert [(d.message.args, d.message.kwargs) for d in receive(app)] == [
        (["a"], {}),
        (["b", 2], {}),
        ([], {"address": "c"}),
    ]
    assert len({result.id for result in results}) == 3


def test_enqueue_many_of_nothing_is_nothing() -> None:
    _, send = sender()
    assert send.enqueue_many([]) == []


@pytest.mark.parametrize("bad", [(), (1,), {"colour": 1}, "text", 5, None, b"bytes"])
def test_enqueue_many_stores_all_or_none_and_says_which_call(bad: Any) -> None:
    app, send = sender()
    with pytest.raises(ArgumentError, match="call 1 of enqueue_many: task 'send'"):
        send.enqueue_many([("a",), bad, ("c",)])
    assert waiting(app) == 0


def test_enqueue_many_takes_what_is_counted_off() -> None:
    app, send = sender()
    assert len(send.enqueue_many((str(number),) for number in range(25))) == 25
    assert waiting(app) == 25


def test_a_delay_counts_from_the_enqueue() -> None:
    clock = Clock()
    app, send = sender(clock)
    later = send.using(delay=30)
    clock.forward(5)
    later.enqueue("a")
    clock.forward(29.9)
    assert receive(app) == []
    clock.forward(0.1)
    (delivery,) = receive(app)
    assert delivery.message.run_after == NOON + 35


@pytest.mark.parametrize(
    "options",
    [
        {"delay": 60},
        {"delay": timedelta(minutes=1)},
        {"run_after": LATER},
        {"run_after": LATER.astimezone(timezone(timedelta(hours=5)))},
    ],
)
def test_a_delay_may_be_said_in_several_ways(options: dict[str, Any]) -> None:
    _, send = sender()
    assert send.using(**options).message("a").run_after == NOON + 60


@pytest.mark.parametrize("options", [{"expires": 60}, {"expires": timedelta(minutes=1)}, {"expires": LATER}])
def test_an_expiry_may_be_said_in_several_ways(options: dict[str, Any]) -> None:
    _, send = sender()
    assert send.using(**options).message("a").expires_at == NOON + 60


@pytest.mark.parametrize(
    ("first", "then"),
    [({"delay": 5}, {"run_after": LATER}), ({"run_after": datetime.fromtimestamp(NOON + 5, UTC)}, {"delay": 60})],
)
def test_the_delay_said_last_counts(first: dict[str, Any], then: dict[str, Any]) -> None:
    _, send = sender()
    assert send.using(**first).using(**then).message("a").run_after == NOON + 60


@pytest.mark.parametrize(
    ("first", "then"),
    [({"expires": 5}, {"expires": LATER}), ({"expires": datetime.fromtimestamp(NOON + 5, UTC)}, {"expires": 60})],
)
def test_the_expiry_said_last_counts(first: dict[str, Any], then: dict[str, Any]) -> None:
    _, send = sender()
    assert send.using(**first).using(**then).message("a").expires_at == NOON + 60


def test_a_time_in_the_past_is_now() -> None:
    app, send = sender()
    send.using(run_after=datetime(1960, 1, 1, tzinfo=UTC)).enqueue("a")
    assert len(receive(app)) == 1


def test_options_make_a_new_task_and_leave_the_old_one() -> None:
    _, send = sender()
    urgent = send.using(priority=10)
    assert (urgent.message("a").priority, send.message("a").priority) == (10, 0)
    assert urgent.name == send.name


def test_options_not_given_stay_as_they_were() -> None:
    _, send = sender()
    sent = send.using(priority=3, group="g", key="k", key_window=60).using(headers={"a": "b"}).message("a")
    assert (sent.priority, sent.group, sent.key, sent.key_window, sent.headers) == (3, "g", "k", 60, {"a": "b"})


@pytest.mark.parametrize(
    "options",
    [
        {"lane": 1},
        {"lane": -1},
        {"lane": True},
        {"lane": "0"},
        {"delay": -1},
        {"delay": float("nan")},
        {"delay": float("inf")},
        {"delay": "60"},
        {"delay": timedelta(seconds=-1)},
        {"run_after": datetime(2026, 1, 1)},
        {"run_after": 60},
        {"expires": datetime(2026, 1, 1)},
        {"expires": -1},
        {"expires": "soon"},
        {"key": ""},
        {"key": "a\nb"},
        {"key": "x" * 1001},
        {"key": 5},
        {"key_window": -1},
        {"group": ""},
        {"group": "x" * 129},
        {"priority": 101},
        {"priority": -101},
        {"priority": 1.0},
        {"headers": {"a": 1}},
        {"headers": {1: "a"}},
    ],
    ids=str,
)
def test_an_option_that_cannot_be_is_refused_by_its_name(options: dict[str, Any]) -> None:
    _, send = sender()
    with pytest.raises(ArgumentError, match=f"task 'send': {next(iter(options))}="):
        send.using(**options)


def test_a_delay_and_a_time_contradict_each_other() -> None:
    _, send = sender()
    with pytest.raises(ArgumentError, match="delay or run_after, not both"):
        send.using(delay=1, run_after=LATER)


def test_a_task_cannot_be_changed() -> None:
    _, send = sender()
    with pytest.raises(FrozenInstanceError):
        send.name = "other"  # type: ignore[misc]


def test_a_task_may_stand_in_a_set() -> None:
    _, send = sender()
    assert len({send, send, send.using(priority=1)}) == 2


# Lanes and lineage


def chain(app: App) -> dict[str, Callable[[], None]]:
    """Three tasks, each enqueuing the next: first (2 lanes), second (3 lanes), third (1 lane)."""

    @app.task(queue="narrow")
    def third() -> None: ...

    @app.task(queue="wide")
    def second() -> None:
        third.enqueue()

    @app.task(queue="two")
    def first() -> None:
        second.enqueue()

    return {"first": first, "second": second, "third": third}


LANES = (Queue("two", lanes=2), Queue("wide", lanes=3), Queue("narrow", lanes=1))


def seen(app: App) -> list[Message]:
    messages: list[Message] = []
    while found := receive(app, 1):
        messages.append(found[0].message)
        perform(app, found[0])
    return messages


def test_a_tasks_own_enqueues_inherit_its_lane_down_the_chain() -> None:
    app = memory_app(Queue("two", lanes=2), Queue("wide", lanes=3), Queue("narrow", lanes=2))
    chain(app)
    app.task_named("first").using(lane=1).enqueue()
    assert [(m.task, m.lane) for m in seen(app)] == [("first", 1), ("second", 1), ("third", 1)]


def test_a_lane_that_a_queue_does_not_have_falls_back_to_the_default() -> None:
    app = memory_app(*LANES)
    chain(app)
    app.task_named("second").using(lane=2).enqueue()
    assert [(m.task, m.lane) for m in seen(app)] == [("second", 2), ("third", 0)]


def test_a_lane_that_is_said_wins_over_the_inherited_one() -> None:
    app = memory_app(Queue(lanes=3))

    @app.task
    def inner() -> None: ...

    @app.task
    def outer() -> None:
        inner.using(lane=0).enqueue()

    outer.using(lane=2).enqueue()
    assert [(m.task, m.lane) for m in seen(app)] == [("outer", 2), ("inner", 0)]


def test_the_lineage_grows_down_the_chain() -> None:
    app = memory_app(*LANES)
    chain(app)
    app.task_named("first").enqueue()
    first, second, third = seen(app)
    assert (first.lineage.root, first.lineage.parent, first.lineage.depth) == (first.id, None, 0)
    assert (second.lineage.root, second.lineage.parent, second.lineage.depth) == (first.id, first.id, 1)
    assert (third.lineage.root, third.lineage.parent, third.lineage.depth) == (first.id, second.id, 2)
    assert third.lineage.path == ("first", "second")


def test_what_is_enqueued_after_a_task_has_ended_starts_a_line_of_its_own() -> None:
    app = memory_app(*LANES)
    chain(app)
    app.task_named("first").using(lane=1).enqueue()
    run_ready(app)
    assert app.task_named("second").message().lineage.depth == 0
    assert app.task_named("second").message().lane == 0


def test_calling_a_task_within_another_is_no_new_link_of_the_chain() -> None:
    app = memory_app()

    @app.task
    def inner() -> None: ...

    @app.task
    def middle() -> None:
        inner.enqueue()

    @app.task
    def outer() -> None:
        middle()

    outer.enqueue()
    assert [m.lineage.path for m in seen(app)] == [(), ("outer",)]


# Keys


def test_a_key_stands_for_one_task_while_it_is_pending() -> None:
    app, send = sender()
    once = send.using(key="order-1")
    assert once.enqueue("a") == once.enqueue("a")
    assert waiting(app) == 1


def test_a_key_is_free_again_once_its_task_has_ended() -> None:
    app, send = sender()
    once = send.using(key="order-1")
    first = once.enqueue("a")
    run_ready(app)
    assert once.enqueue("a") != first
    assert waiting(app) == 1


def test_a_key_with_a_window_stays_taken_until_it_has_passed() -> None:
    clock = Clock()
    app, send = sender(clock)
    once = send.using(key="order-1", key_window=timedelta(hours=1))
    first = once.enqueue("a")
    run_ready(app)
    clock.forward(3599)
    assert once.enqueue("a") == first
    assert first.status is Status.SUCCESSFUL
    clock.forward(2)
    assert once.enqueue("a") != first


def test_other_arguments_under_a_taken_key_are_a_conflict() -> None:
    app, send = sender()
    first = send.using(key="order-1").enqueue("a")
    with pytest.raises(KeyConflict, match=f"task 'send': key 'order-1' is held by {first.id} with other arguments"):
        send.using(key="order-1").enqueue("b")
    assert waiting(app) == 1


def test_a_conflict_in_a_batch_stores_none_of_it() -> None:
    app, send = sender()
    once = send.using(key="order-1")
    once.enqueue("a")
    with pytest.raises(KeyConflict):
        once.enqueue_many([("a",), ("b",)])
    assert waiting(app) == 1


def test_keys_of_two_tasks_are_two_keys() -> None:
    app, send = sender()

    @app.task
    def fetch(address: str) -> None: ...

    assert send.using(key="1").enqueue("a") != fetch.using(key="1").enqueue("b")
    assert waiting(app) == 2
