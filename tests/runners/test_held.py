"""What a worker process holds, and how it leaves."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.fakes import message

from ebbtide.app import App
from ebbtide.broker import Delivery, Permit
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.errors import StorageError
from ebbtide.execute import UNREACHED, unless_permitted
from ebbtide.outcome import NotYet, Succeeded
from ebbtide.queue import Queue
from ebbtide.result import Status
from ebbtide.runners.held import Held

WELL = Succeeded("1", 1.0, 2.0)


class Refusing(SqliteBroker):
    """Refuses to commit, or to extend, when told to."""

    refuses = False

    @contextmanager
    def together(self) -> Iterator[object]:
        with super().together():
            yield None
            if self.refuses:
                raise StorageError("the disk is full")

    def begin(self, delivery: Delivery) -> Permit:
        if self.refuses:
            raise StorageError("the disk is full")
        return super().begin(delivery)

    def extend(self, deliveries: Sequence[Delivery], seconds: float) -> int:
        if self.refuses:
            raise StorageError("the disk is full")
        return super().extend(deliveries, seconds)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Refusing]:
    made = Refusing(tmp_path / "queue.db", durable=False)
    yield made
    made.close()


@pytest.fixture
def app(broker: Refusing) -> App:
    made = App("held", queues=[Queue("brief", visibility=0.2)], broker=lambda: broker)

    @made.task
    def work() -> int:
        return 1

    return made


@pytest.fixture
def held(app: App) -> Held:
    return Held(app)


def taken(app: App, *ids: str, queue: str = "default") -> list[Delivery]:
    """New messages of these ids, received."""
    app.broker.send([message(id, queue=queue) for id in ids])
    return app.broker.receive([app.queues[queue]], len(ids))


def status(app: App, id: str) -> Status:
    return app.results.load([id])[id].status


def test_what_was_claimed_is_started_in_its_order(app: App, held: Held) -> None:
    deliveries = taken(app, "a", "b")
    assert held.nothing
    held.claimed(deliveries)
    assert not held.nothing
    assert held.first is deliveries[0]
    assert [held.next(), held.next(), held.next()] == [*deliveries, None]
    assert held.first is None


def test_what_ended_is_held_until_it_is_settled(app: App, held: Held) -> None:
    (delivery,) = taken(app, "a")
    held.started(delivery)
    assert (held.running, held.unsettled) == (1, 0)
    held.ended(delivery, WELL)
    assert (held.running, held.unsettled, held.nothing) == (0, 1, False)
    held.settle()
    assert held.nothing
    assert status(app, "a") is Status.SUCCESSFUL
    assert time.monotonic() - held.settled_at < 10


def test_what_was_not_started_goes_back_with_its_attempt(app: App, held: Held) -> None:
    held.claimed(taken(app, "a", "b"))
    held.give_back_waiting()
    assert held.nothing
    assert [d.attempt for d in app.broker.receive([app.queues["default"]], 10)] == [1, 1]


def test_what_runs_goes_back_with_its_attempt_too_and_its_end_is_no_longer_counted(app: App, held: Held) -> None:
    (delivery,) = taken(app, "a")
    held.started(delivery)
    held.give_back_running()
    (again,) = app.broker.receive([app.queues["default"]], 10)
    assert again.attempt == 1
    held.ended(delivery, WELL)
    held.settle()
    assert status(app, "a") is Status.RUNNING


def test_only_what_has_run_for_half_its_loan_is_extended(app: App, held: Held) -> None:
    (brief,) = taken(app, "a", queue="brief")
    (other,) = taken(app, "b")
    held.started(brief)
    held.started(other)
    before = loans(app)
    held.extend_loans()
    assert loans(app) == before
    end = time.monotonic() + 10
    while loans(app)["a"] == before["a"]:
        held.extend_loans()
        assert time.monotonic() < end
    assert loans(app)["b"] == before["b"]
    assert app.broker.receive([app.queues["brief"]], 1) == []


def loans(app: App) -> dict[str, float]:
    assert isinstance(app.broker, SqliteBroker)
    with sqlite3.connect(app.broker.path) as connection:
        found = dict(connection.execute("select id, lease from tasks").fetchall())
    connection.close()
    return found


def test_a_loan_that_could_not_be_extended_is_tried_again_at_once(app: App, broker: Refusing, held: Held) -> None:
    (delivery,) = taken(app, "a", queue="brief")
    held.started(delivery)
    before = loans(app)
    end = time.monotonic() + 10
    broker.refuses = True
    while True:
        try:
            held.extend_loans()
        except StorageError:
            break
        assert time.monotonic() < end
    broker.refuses = False
    held.extend_loans()
    assert loans(app)["a"] > before["a"]


def test_what_could_not_be_settled_is_kept_in_order_and_settled_later(app: App, broker: Refusing, held: Held) -> None:
    for delivery in taken(app, "a", "b"):
        held.started(delivery)
        held.ended(delivery, WELL)
    broker.refuses = True
    with pytest.raises(StorageError):
        held.settle()
    assert held.unsettled == 2
    assert status(app, "a") is Status.RUNNING
    broker.refuses = False
    held.settle()
    assert held.nothing
    assert {status(app, "a"), status(app, "b")} == {Status.SUCCESSFUL}


def test_so_it_is_when_the_claim_in_the_same_write_fails(app: App, held: Held) -> None:
    (delivery,) = taken(app, "a")
    held.started(delivery)
    held.ended(delivery, WELL)
    with pytest.raises(StorageError), held.settling():
        raise StorageError("receive failed")
    assert held.unsettled == 1
    assert status(app, "a") is Status.RUNNING
    held.settle()
    assert status(app, "a") is Status.SUCCESSFUL


def test_the_end_of_a_task_wakes_who_waits_for_it(app: App, held: Held) -> None:
    held.wait_until(lambda: not held.running)
    (delivery,) = taken(app, "a")
    held.started(delivery)
    held.wait_until(lambda: not held.running, timeout=0.01)
    assert held.running == 1


def test_what_the_broker_cannot_be_asked_about_now_is_to_come_again_unspent(app: App, broker: Refusing) -> None:
    (delivery,) = taken(app, "a")
    assert unless_permitted(app, delivery) is None
    broker.refuses = True
    assert unless_permitted(app, delivery) == NotYet(UNREACHED, "the disk is full")
