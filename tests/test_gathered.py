"""Tasks that gather: one call for what came together, each message with an outcome of its own."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.fakes import NOON, Clock, memory_app, message, receive, run_ready

from ebbtide.app import App
from ebbtide.broker import Delivery, current
from ebbtide.errors import ArgumentError, DeclarationError
from ebbtide.execute import Decided, decide, finish, ride_together, settle
from ebbtide.gathered import Gathered, gathering
from ebbtide.message import Lineage, Message
from ebbtide.outcome import Failed, NotYet, Outcome, Succeeded, TryAgain
from ebbtide.queue import Queue
from ebbtide.result import Status
from ebbtide.retry import RetryPolicy


def together(app: App) -> tuple[Outcome | None, list[Decided]]:
    """Run all that is ready as one call; its outcome, and those that did not ride with it. All are settled."""
    whole, others = ride_together(app, receive(app))
    outcome = finish(decide(app, whole)) if whole else None
    settle(app, [*others, *([(whole, outcome)] if whole and outcome else [])])
    return outcome, others


def summing(**options: Any) -> tuple[App, Any, list[list[int]]]:
    app, calls = memory_app(Queue(batch=4)), list[list[int]]()

    @app.task(gathers=True, **options)
    def note(numbers: list[int], factors: list[int]) -> int:
        calls.append([number * factor for number, factor in zip(numbers, factors, strict=True)])
        if 13 in numbers:
            raise ValueError("unlucky")
        return len(numbers)

    return app, note, calls


def test_one_call_has_a_list_for_each_argument_and_each_message_the_result() -> None:
    app, note, calls = summing()
    results = [note.enqueue(1, 10), note.enqueue(2, factors=10), note.enqueue(numbers=3, factors=10)]
    outcome, others = together(app)
    assert (outcome, others) == (Succeeded("3", NOON, NOON), [])
    assert calls == [[10, 20, 30]]
    assert [result.get(0) for result in results] == [3, 3, 3]
    assert app.broker.depth("default")[0].pending == 0


def test_with_the_context_the_first_parameter_is_the_list_of_deliveries() -> None:
    app, seen = memory_app(), list[tuple[list[str], list[str]]]()

    @app.task(takes_context=True, gathers=True)
    def note(deliveries: list[Delivery], names: list[str]) -> None:
        assert all(delivery.deadline == NOON + 60 for delivery in deliveries)
        seen.append(([delivery.message.args[0] for delivery in deliveries], names))

    note.enqueue_many([("a",), ("b",)])
    together(app)
    assert seen == [(["a", "b"], ["a", "b"])]


def test_an_async_task_gathers_too() -> None:
    app, calls = memory_app(), list[list[int]]()

    @app.task(gathers=True)
    async def note(numbers: list[int]) -> None:
        await asyncio.sleep(0)
        calls.append(numbers)

    note.enqueue_many([(1,), (2,)])
    whole, _ = ride_together(app, receive(app))
    assert whole is not None
    assert isinstance(asyncio.run(decide(app, whole)), Succeeded)
    assert calls == [[1, 2]]


def test_a_message_alone_is_a_call_with_lists_of_one() -> None:
    app, note, calls = summing()
    note.enqueue(1, 2)
    assert run_ready(app) == [Succeeded("1", NOON, NOON)]
    assert calls == [[2]]
    assert note([1, 2], [3, 4]) == 2  # here and now it is the function it is


def test_an_error_is_the_outcome_of_all_and_each_is_tried_again_by_itself() -> None:
    app, note, calls = summing(retry=RetryPolicy(attempts=2, base=0))
    good, bad = note.enqueue(1, 1), note.enqueue(13, 1)
    outcome, _ = together(app)
    assert isinstance(outcome, TryAgain)
    again = receive(app)
    assert [delivery.attempt for delivery in again] == [2, 2]
    assert [gathering(app, delivery) for delivery in again] == [None, None]
    for delivery in again:
        settle(app, [(delivery, finish(decide(app, delivery)))])
    assert calls == [[1, 13], [1], [13]]
    assert (good.refresh().status, bad.refresh().status) == (Status.SUCCESSFUL, Status.FAILED)
    assert (good.attempts, bad.attempts) == (2, 2)


def test_what_may_not_start_does_not_ride_and_is_settled_by_itself() -> None:
    app, note, calls = summing()
    note.enqueue(1, 1)
    app.submit(
        [
            message("late", "note", args=[2, 1], expires_at=NOON - 1),
            Message("loop", "note", "default", Lineage("r", "p", 101), NOON, args=[3, 1]),
            message("text", "note", args=["x", 1]),
            message("few", "note", args=[4]),
        ]
    )
    note.enqueue(5, 1)
    outcome, others = together(app)
    assert isinstance(outcome, Succeeded)
    assert calls == [[1, 5]]
    errors = [verdict.error.exception_class for _, verdict in others if isinstance(verdict, Failed)]
    assert [name.rpartition(".")[2] for name in errors] == ["Expired", "LoopDetected", "CallRefused", "CallRefused"]
    assert app.broker.depth("default")[0].dead == 4


def test_where_none_may_start_nothing_is_called() -> None:
    app, _, calls = summing()
    app.submit([message("late", "note", args=[2, 1], expires_at=NOON - 1)])
    outcome, others = together(app)
    assert (outcome, len(others), calls) == (None, 1, [])


def test_what_is_not_due_waits_on() -> None:
    clock = Clock()
    app = memory_app(clock=clock)

    @app.task(gathers=True)
    def note(numbers: list[int]) -> None: ...

    delivery = Delivery(message("m", "note", args=[1], run_after=NOON + 9).encode(), "default", 0, "m:1", 1)
    assert ride_together(app, [delivery]) == (None, [(delivery, NotYet(9.0))])


def test_what_is_enqueued_meanwhile_comes_from_the_deepest_of_them() -> None:
    app = memory_app()

    @app.task(gathers=True)
    def note(numbers: list[int]) -> None:
        after.enqueue()

    @app.task
    def after() -> None: ...

    deep = Message("deep", "note", "default", Lineage("root", "p", 7), NOON, args=[2])
    app.submit([message("fresh", "note", args=[1]), deep])
    together(app)
    (delivery,) = receive(app)
    assert delivery.lineage == Lineage("root", "deep", 8, ("note",))


def test_middleware_is_called_once_and_may_change_the_message_it_is_given() -> None:
    seen: list[str] = []

    def layer(message: Message, call_next: Callable[[Message], Any]) -> Any:
        seen.append(message.id)
        delivery = current.get()
        assert delivery is not None
        assert len(delivery.parts) == 2
        return call_next(Message("n", message.task, "default", message.lineage, NOON, args=[9]))

    app, calls = memory_app(middleware=[layer]), list[list[int]]()

    @app.task(gathers=True)
    def note(numbers: list[int]) -> None:
        calls.append(numbers)

    app.submit([message("a", "note", args=[1]), message("b", "note", args=[2])])
    together(app)
    assert (seen, calls) == (["a"], [[9, 2]])


def test_a_delivery_of_several_is_settled_part_by_part_and_keeps_them_at_its_deadline() -> None:
    app, note, _ = summing()
    note.enqueue_many([(1, 1), (2, 1)])
    found = receive(app)
    whole = Gathered.of(found)
    assert [part.receipt for part in whole.parts] == [one.receipt for one in found]
    assert [part.deadline for part in whole.until(5.0).parts] == [5.0, 5.0]
    assert found[0].parts == (found[0],)


def test_an_enqueue_gives_one_item_and_is_checked_by_it() -> None:
    _, note, _ = summing()
    with pytest.raises(ArgumentError, match="parameter 'numbers'"):
        note.enqueue("x", 1)
    with pytest.raises(ArgumentError, match=r"its signature is note\(numbers: int, factors: int\)"):
        note.enqueue(1)


def test_a_list_of_anything_takes_anything() -> None:
    app, calls = memory_app(), list[Any]()

    @app.task(gathers=True)
    def note(one, two: list) -> None:  # type: ignore[no-untyped-def, type-arg]
        calls.append((one, two))

    note.enqueue_many([(1, [2]), ({"a": 1}, None)])
    together(app)
    assert calls == [([1, {"a": 1}], [[2], None])]


def test_a_function_that_cannot_be_given_lists_is_refused() -> None:
    app = memory_app()

    @app.task(gathers=True)
    def scalar(number: int) -> None: ...

    @app.task(gathers=True)
    def default(numbers: list[int] = []) -> None: ...  # noqa: B006

    @app.task(gathers=True)
    def many(*numbers: int) -> None: ...

    with pytest.raises(DeclarationError, match="annotate it as number: list"):
        scalar.enqueue(1)
    with pytest.raises(DeclarationError, match="without a default"):
        default.enqueue(1)
    with pytest.raises(DeclarationError, match="must be a plain one"):
        many.enqueue(1)
