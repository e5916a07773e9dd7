"""Dead letters that a task takes: what it is given, what stays a dead letter, and which declarations cannot work."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from tests.fakes import NOON, memory_app, message, receive, run_ready

from ebbtide.app import App, Send
from ebbtide.broker import Delivery, Settlement
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.dead_letters import check
from ebbtide.errors import DeclarationError, StorageError
from ebbtide.execute import execute
from ebbtide.message import Lineage, Message
from ebbtide.outcome import Failed
from ebbtide.queue import Queue
from ebbtide.result import Status
from ebbtide.retry import RetryPolicy

ORDERS = Queue("orders", dead_letters="report", attempts=1)


def shop(app: App) -> tuple[Any, list[Message]]:
    """A task that fails, and what the one that takes its dead letters is given."""
    taken: list[Message] = []

    @app.task(queue="orders")
    def charge(order: int, currency: str) -> None:
        raise ValueError(f"no money\nfor {order}")

    @app.task(takes_context=True)
    def report(delivery: Delivery, order: int, currency: str) -> None:
        taken.append(delivery.message)

    return charge, taken


def dead(app: App) -> list[tuple[str, str]]:
    return [(letter.task, str(letter.error)) for letter in cast(MemoryBroker, app.broker).dead()]


def test_a_dead_letter_is_a_call_of_the_task_with_the_same_arguments_and_the_reason() -> None:
    app = memory_app(ORDERS)
    charge, taken = shop(app)
    result = charge.using(headers={"tenant": "a"}, group="g").enqueue(7, currency="EUR")
    run_ready(app)
    (call,) = taken
    assert (call.task, call.queue, call.args, call.kwargs, call.group) == (
        "report",
        "default",
        [7],
        {"currency": "EUR"},
        "g",
    )
    assert call.lineage == Lineage(result.id, result.id, 1, ("charge",))
    assert call.headers == {
        "tenant": "a",
        "dead-letter-reason": "builtins.ValueError",
        "dead-letter-error": "no money for 7",
        "dead-letter-task": "charge",
        "dead-letter-attempt": "1",
    }
    assert dead(app) == []
    assert result.refresh().status is Status.FAILED
    assert [error.message for error in result.errors] == ["no money\nfor 7"]


def test_what_a_broker_noted_of_the_message_is_not_the_calls() -> None:
    app = memory_app(ORDERS)
    _, taken = shop(app)
    app.submit([message("m1", "charge", "orders", args=[1, "EUR"], headers={"ebbtide-attempts": "4", "tenant": "a"})])
    run_ready(app)
    assert "tenant" in taken[0].headers
    assert "ebbtide-attempts" not in taken[0].headers


def test_only_the_last_attempt_is_a_dead_letter() -> None:
    app = memory_app(Queue("orders", dead_letters="report", attempts=3))
    _, taken = shop(app)

    @app.task(queue="orders", retry=RetryPolicy(attempts=3, base=0))
    def refund(order: int, currency: str) -> None:
        raise ValueError("no")

    refund.enqueue(1, "EUR")
    assert len(run_ready(app)) == 4
    assert [call.headers["dead-letter-attempt"] for call in taken] == ["3"]


def test_what_never_ran_is_taken_too_if_it_can_be_read() -> None:
    app = memory_app(ORDERS)
    _, taken = shop(app)
    app.submit([message("m1", "charge", "orders", args=[1, "EUR"], expires_at=NOON - 1)])
    app.submit([message("m2", "chrage", "orders", args=[2, "EUR"])])
    run_ready(app)
    assert [call.headers["dead-letter-reason"] for call in taken] == [
        "ebbtide.errors.Expired",
        "ebbtide.errors.UnknownTask",
    ]


def test_a_loop_and_what_nobody_can_read_stay_dead_letters() -> None:
    app = memory_app(ORDERS, depth_budget=3)
    _, taken = shop(app)
    deep = Message("m1", "charge", "orders", Lineage("m0", "m0", 4), NOON, args=[1, "EUR"])
    junk = message("m2", "charge", "orders").as_written(b"junk")
    app.submit([deep, junk])
    for delivery in receive(app):
        assert isinstance(execute(app, delivery), Failed)
    assert not taken
    assert [error.partition(":")[0] for _, error in dead(app)] == ["LoopDetected", "EnvelopeError"]


def test_dead_letters_of_dead_letters_are_set_aside_unless_their_queue_says_otherwise() -> None:
    app = memory_app(ORDERS)

    @app.task(queue="orders")
    def charge(order: int) -> None:
        raise ValueError("first")

    @app.task(retry=RetryPolicy(attempts=1))
    def report(order: int) -> None:
        raise ValueError("second")

    charge.enqueue(1)
    run_ready(app)
    assert dead(app) == [("report", "ValueError: second")]


def test_send_middleware_sees_the_call() -> None:
    seen: list[str] = []

    def layer(messages: Sequence[Message], send_next: Send) -> list[str]:
        seen.extend(message.task for message in messages)
        return send_next(messages)

    app = App("t", queues=[ORDERS], broker=lambda: MemoryBroker(), send_middleware=[layer])
    charge, _ = shop(app)
    charge.enqueue(1, "EUR")
    run_ready(app)
    assert seen == ["charge", "report"]


def test_a_call_that_is_refused_leaves_the_dead_letter_with_both_reasons() -> None:
    def layer(messages: Sequence[Message], send_next: Send) -> list[str]:
        if messages[0].task == "report":
            raise RuntimeError("not today")
        return send_next(messages)

    app = App("t", queues=[ORDERS], broker=lambda: MemoryBroker(), send_middleware=[layer])
    charge, _ = shop(app)
    charge.enqueue(1, "EUR")
    run_ready(app)
    ((task, error),) = dead(app)
    assert task == "charge"
    assert error == "ValueError: no money\nfor 1 (and task 'report' could not be sent it: RuntimeError: not today)"


class Refusing(MemoryBroker):
    refuses: Callable[[Message], bool] = staticmethod(lambda message: False)

    def send(self, messages: Sequence[Message]) -> list[str]:
        if any(map(self.refuses, messages)):
            raise StorageError("the disk is full")
        return super().send(messages)


def test_while_it_cannot_be_stored_the_message_is_not_settled() -> None:
    broker = Refusing()
    app = App("t", queues=[ORDERS], broker=lambda: broker)
    charge, taken = shop(app)
    charge.enqueue(1, "EUR")
    broker.refuses = lambda message: message.task == "report"
    (delivery,) = receive(app)
    with pytest.raises(StorageError, match="the disk is full"):
        execute(app, delivery)
    assert broker.depth("orders")[0].running == 1
    assert not taken


def test_a_holder_that_lost_the_message_sends_nothing() -> None:
    app = memory_app(ORDERS)
    charge, taken = shop(app)
    charge.enqueue(1, "EUR")
    (stale,) = receive(app)
    app.broker.retry([Settlement(stale, spent=False)])
    (held,) = receive(app)
    execute(app, stale)
    assert receive(app) == []
    execute(app, held)
    run_ready(app)
    assert len(taken) == 1


def test_in_a_file_the_call_and_the_end_are_one_write_and_the_record_says_failed(tmp_path: Path) -> None:
    broker = SqliteBroker(tmp_path / "queue.db", durable=False)
    app = App("t", queues=[ORDERS], broker=lambda: broker)
    charge, taken = shop(app)
    result = charge.enqueue(1, "EUR")
    run_ready(app)
    assert len(taken) == 1
    assert result.refresh().status is Status.FAILED
    assert [(error.exception_class, error.attempt) for error in result.errors] == [("builtins.ValueError", 1)]
    assert broker.dead() == []
    assert broker.depth("orders")[0].dead == 0
    app.close()


def test_what_sqs_itself_moved_to_the_tasks_queue_is_the_call_it_would_have_become() -> None:
    app = memory_app(ORDERS)
    _, taken = shop(app)
    moved = message("m1", "charge", "orders", args=[1, "EUR"])
    execute(app, Delivery(moved.encode(), "default", 0, "m1:1", 1))
    (call,) = taken
    assert (call.id, call.task, call.args) == ("m1-dead", "report", [1, "EUR"])
    assert call.headers["dead-letter-reason"] == "ebbtide.errors.WorkerDied"
    execute(app, Delivery(message("m2", "report", "default", args=[2, "EUR"]).encode(), "default", 0, "m2:1", 1))
    assert [call.id for call in taken] == ["m1-dead", "m2"]


@pytest.mark.parametrize(
    ("queues", "wrong"),
    [
        ([Queue("orders", dead_letters="reprot")], "no such task. Did you mean 'report'?"),
        ([Queue("orders", dead_letters="charge")], "they would come back, orders > orders"),
        ([Queue("orders", dead_letters="report"), Queue("default", dead_letters="charge")], "default > orders"),
        (
            [Queue("orders", dead_letters="report", fifo=True)],
            "dead letters of a FIFO queue can go to a FIFO queue only",
        ),
    ],
)
def test_what_cannot_work_is_refused_once_all_is_declared(queues: list[Queue], wrong: str) -> None:
    app = memory_app(*queues)
    shop(app)
    with pytest.raises(DeclarationError, match="dead_letters=") as refused:
        check(app)
    assert wrong in str(refused.value)


def test_what_works_is_not_refused() -> None:
    app = memory_app(ORDERS, Queue("default", dead_letters="last"), Queue("end"))
    shop(app)

    @app.task(queue="end")
    def last(order: int, currency: str) -> None: ...

    check(app)
