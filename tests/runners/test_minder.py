"""The minder: what it sees to while the main thread is busy with a task. How it ends a process is in test_worker.py."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fakes import message
from tests.runners.crew import until
from tests.runners.test_held import WELL, Refusing, status, taken

from ebbtide.app import App
from ebbtide.errors import StorageError
from ebbtide.queue import Queue
from ebbtide.result import Status
from ebbtide.runners.held import Held
from ebbtide.runners.minder import REPAIR, Minder


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Refusing]:
    made = Refusing(tmp_path / "queue.db", durable=False)
    yield made
    made.close()


@pytest.fixture
def app(broker: Refusing) -> App:
    return App("minded", queues=[Queue("brief", visibility=0.3)], broker=lambda: broker)


@pytest.fixture
def held(app: App) -> Held:
    return Held(app)


@pytest.fixture
def start(held: Held) -> Iterator[Callable[..., Minder]]:
    """Starts a minder, and lets it come to rest at the end."""

    def started(trouble: Callable[[StorageError], None] = lambda error: None) -> Minder:
        minder = Minder(held, trouble)
        minder.start()
        return minder

    yield started
    until(lambda: held.nothing)


def end_all(app: App, held: Held, minder: Minder) -> None:
    with held._changed:
        running = list(held._running.values())
    for delivery in running:
        held.ended(delivery, WELL)
    minder.busy()


def test_while_a_task_runs_long_what_ended_before_it_is_settled(
    app: App, held: Held, start: Callable[..., Minder]
) -> None:
    minder = start()
    first, long = taken(app, "a", "b")
    held.started(first)
    held.ended(first, WELL)
    held.started(long)
    minder.busy()
    until(lambda: status(app, "a") is Status.SUCCESSFUL)
    assert held.running == 1
    end_all(app, held, minder)


def test_and_what_was_claimed_behind_it_is_given_back(app: App, held: Held, start: Callable[..., Minder]) -> None:
    minder = start()
    long, *others = taken(app, "a", "b", "c")
    held.claimed(others)
    held.started(long)
    minder.busy()
    until(lambda: app.broker.depth("default")[0].ready == 2)
    assert held.next() is None
    assert [d.attempt for d in app.broker.receive([app.queues["default"]], 10)] == [1, 1]
    end_all(app, held, minder)


def test_its_loan_is_extended_as_long_as_it_runs(app: App, held: Held, start: Callable[..., Minder]) -> None:
    minder = start()
    (long,) = taken(app, "a", queue="brief")
    held.started(long)
    minder.busy()
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        assert app.broker.receive([app.queues["brief"]], 1) == []
        time.sleep(0.01)
    end_all(app, held, minder)
    until(lambda: status(app, "a") is Status.SUCCESSFUL)


def test_it_rests_where_there_is_nothing_to_mind_and_wakes_when_there_is(
    app: App, held: Held, start: Callable[..., Minder]
) -> None:
    minder = start()
    for id in "abc":
        until(lambda: minder._idle)
        (delivery,) = taken(app, id)
        held.started(delivery)
        minder.busy()
        end_all(app, held, minder)
        until(lambda: held.nothing)
        assert status(app, id) is Status.SUCCESSFUL


def test_what_the_storage_refuses_is_told_now_and_then_and_done_when_it_is_back(
    app: App, broker: Refusing, held: Held, start: Callable[..., Minder]
) -> None:
    told: list[tuple[float, str]] = []
    minder = start(lambda error: told.append((time.monotonic(), str(error))))
    app.broker.send([message("a")])
    (delivery,) = app.broker.receive([app.queues["default"]], 1)
    broker.refuses = True
    held.started(delivery)
    end_all(app, held, minder)
    until(lambda: len(told) == 3)
    broker.refuses = False
    until(lambda: held.nothing)
    assert status(app, "a") is Status.SUCCESSFUL
    assert {text for _, text in told} == {"the disk is full"}
    assert told[2][0] - told[0][0] >= 2 * REPAIR
