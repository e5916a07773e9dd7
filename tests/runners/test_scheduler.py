"""The scheduler: what it decides, and how its thread fires it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import Clock, receive
from tests.runners.crew import until

from ebbtide import App, Schedule
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.errors import StorageError, StorageFull
from ebbtide.message import Message
from ebbtide.runners.scheduler import GRACE, SLICE, Due, Scheduler, due, told
from ebbtide.ticks import Cursor
from ebbtide.trigger import Timed

START = datetime(2027, 1, 15, 8, tzinfo=UTC).timestamp()
HOUR = 3600.0
MINUTE = 60.0


def hourly(missed: Any = "one") -> Schedule:
    return Schedule("cron(0 * * * ? *)", missed=missed)


# The decision


@pytest.mark.parametrize("missed", ["one", "skip", "all"])
def test_nothing_is_due_before_its_time(missed: Any) -> None:
    assert due(hourly(missed), Cursor(START), START + HOUR - 1) is None
    assert due(hourly(missed), Cursor(START, START + HOUR), START + HOUR + 1) is None


@pytest.mark.parametrize("missed", ["one", "skip", "all"])
@pytest.mark.parametrize("late", [0.0, 0.5, GRACE])
def test_a_tick_is_on_time_within_the_grace_whatever_the_policy(missed: Any, late: float) -> None:
    assert due(hourly(missed), Cursor(START), START + HOUR + late) == Due(START + HOUR, (START + HOUR,))


@pytest.mark.parametrize(
    ("missed", "run", "made_up"),
    [("skip", [], 0), ("one", [5], 1), ("all", [1, 2, 3, 4, 5], 5)],
)
def test_of_five_missed_ticks_the_policy_says_how_many_run(missed: Any, run: list[int], made_up: int) -> None:
    found = due(hourly(missed), Cursor(START), START + 5.5 * HOUR)
    assert found == Due(START + 5 * HOUR, tuple(START + n * HOUR for n in run), 5, made_up)


@pytest.mark.parametrize(("missed", "run"), [("skip", [5]), ("one", [5]), ("all", [1, 2, 3, 4, 5])])
def test_a_tick_that_is_due_now_stands_for_those_before_it(missed: Any, run: list[int]) -> None:
    found = due(hourly(missed), Cursor(START), START + 5 * HOUR + 1)
    assert found == Due(START + 5 * HOUR, tuple(START + n * HOUR for n in run), 4, 4 if missed == "all" else 0)


def test_what_is_made_up_comes_in_slices() -> None:
    every_minute, cursor, now = Schedule("rate(1 minute)", missed="all"), Cursor(START), START + 1200 * MINUTE
    run: list[float] = []
    while found := due(every_minute, cursor, now):
        assert len(found.run) <= SLICE
        run += found.run
        cursor = Cursor(START, found.reached)
    assert run == [START + n * MINUTE for n in range(1, 1201)]


def test_however_many_ticks_were_missed_one_is_made_up() -> None:
    found = due(Schedule("rate(1 minute)"), Cursor(START), START + 30 * 24 * HOUR + 2 * MINUTE + 30)
    assert found is not None
    assert (found.missed, found.run) == (30 * 1440 + 1, (START + (30 * 1440 + 2) * MINUTE,))


def test_a_clock_set_back_makes_nothing_due_again() -> None:
    cursor = Cursor(START, START + 5 * HOUR)
    assert due(hourly("all"), cursor, START + 4.5 * HOUR) is None
    assert due(hourly("all"), cursor, START) is None
    assert due(hourly("all"), cursor, START + 6 * HOUR) == Due(START + 6 * HOUR, (START + 6 * HOUR,))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Due(5.0, (), 3, 0), "3 ticks of report@x missed while nothing ran; skipped"),
        (Due(5.0, (5.0,), 3, 1), "3 ticks of report@x missed while nothing ran; made up once"),
        (Due(5.0, (5.0,), 1, 1), "1 tick of report@x missed while nothing ran; made up once"),
        (Due(5.0, (3.0, 4.0, 5.0), 3, 3), "3 ticks of report@x missed while nothing ran; all made up"),
        (Due(5.0, (5.0,), 3, 0), "3 ticks of report@x missed while nothing ran; the one due now stands for them"),
    ],
)
def test_what_became_of_missed_ticks_is_told(found: Due, words: str) -> None:
    assert told("report@x", found) == words


# The thread


class Diary:
    """What a scheduler said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.troubles: list[Exception] = []


def app_with(clock: Clock, *schedules: Timed, broker: Callable[[], Any] | None = None) -> App:
    app = App("t", broker=broker or (lambda: MemoryBroker(clock)), clock=clock)

    @app.task(*schedules)
    def report(region: str = "eu", day: date | None = None) -> None: ...

    return app


@contextmanager
def running(app: App) -> Iterator[Diary]:
    diary = Diary()
    scheduler = Scheduler(app, diary.said.append, diary.troubles.append, nap=0.005)
    scheduler.start()
    yield diary
    scheduler.stop()
    app.close()


def fired(app: App) -> list[dict[str, str]]:
    return [delivery.message.headers for delivery in receive(app, 1000)]


def anchored(app: App, count: int = 1) -> None:
    names = [f"report@{trigger.name}" for trigger in app.tasks["report"].triggers if isinstance(trigger, Timed)]
    broker: Any = app.broker
    until(lambda: len(broker.cursors(names)) == count)


def test_a_tick_becomes_a_message_of_the_task_with_typed_arguments() -> None:
    clock = Clock(START)
    schedule = Schedule("rate(1 hour)", arguments={"day": date(2027, 1, 1), "region": "us"})
    app = app_with(clock, schedule)
    with running(app):
        (name,) = [f"report@{schedule.name} #{'0' * 12}"]
        broker: Any = app.broker
        until(lambda: broker._cursors)
        clock.forward(HOUR)
        until(lambda: app.broker.depth("default")[0].ready)
        message = receive(app)[0].message
    assert (message.task, message.kwargs) == ("report", {"day": "2027-01-01", "region": "us"})
    assert message.headers["tick"] == "2027-01-15T09:00:00Z"
    assert message.headers["schedule"].startswith(name.partition("#")[0])
    assert message.key == f"{message.headers['schedule']} {message.headers['tick']}"
    assert message.lineage.root == message.id


def test_a_schedule_seen_for_the_first_time_does_not_fire_for_the_past() -> None:
    clock = Clock(START + 10)
    app = app_with(clock, hourly("all"), Schedule("at(2020-01-01T00:00:00)"))
    with running(app) as diary:
        anchored(app, 2)
        assert fired(app) == []
        clock.forward(HOUR)
        until(lambda: app.broker.depth("default")[0].ready)
        assert [headers["tick"] for headers in fired(app)] == ["2027-01-15T09:00:00Z"]
    assert diary.said == []


def test_several_schedules_of_one_task_fire_each() -> None:
    clock = Clock(START)
    app = app_with(clock, hourly(), Schedule("rate(30 minutes)"))
    with running(app):
        anchored(app, 2)
        clock.forward(HOUR / 2)
        until(lambda: app.broker.depth("default")[0].ready == 1)
        clock.forward(HOUR / 2)
        until(lambda: app.broker.depth("default")[0].ready == 3)


def test_many_schedulers_on_one_file_fire_a_tick_once(tmp_path: Path) -> None:
    clock = Clock(START)
    apps = [
        app_with(
            clock,
            hourly("all"),
            broker=lambda: SqliteBroker(tmp_path / "queue.db", clock=clock, durable=False),
        )
        for _ in range(3)
    ]
    with running(apps[0]) as one, running(apps[1]) as two, running(apps[2]) as three:
        anchored(apps[0])
        for _ in range(20):
            clock.forward(HOUR)
            time.sleep(0.01)  # let some be early and some late; whichever, the promise holds
        until(lambda: apps[0].broker.depth("default")[0].ready == 20)
        assert [diary.troubles for diary in (one, two, three)] == [[], [], []]
    reader = SqliteBroker(tmp_path / "queue.db", clock=clock)
    assert reader.depth("default")[0].ready == 20
    reader.close()


def test_missed_ticks_are_told_with_what_became_of_them() -> None:
    clock = Clock(START)
    app = app_with(clock, hourly())
    with running(app) as diary:
        anchored(app)
        clock.forward(3.5 * HOUR)
        until(lambda: diary.said)
        assert [headers["tick"] for headers in fired(app)] == ["2027-01-15T11:00:00Z"]
    assert diary.said == ["3 ticks of report@cron(0 * * * ? *) UTC missed while nothing ran; made up once"]


class Unwilling(MemoryBroker):
    """A broker whose storage refuses so many times."""

    def __init__(self, clock: Clock, refusals: int) -> None:
        super().__init__(clock)
        self.refusals = refusals

    def fire(self, name: str, seen: Cursor, tick: float, messages: Sequence[Message]) -> bool:
        if self.refusals:
            self.refusals -= 1
            raise StorageFull("the disk is full")
        return super().fire(name, seen, tick, messages)


def test_what_the_storage_refuses_is_told_and_tried_again() -> None:
    clock = Clock(START)
    app = app_with(clock, hourly(), broker=lambda: Unwilling(clock, 1))
    with running(app) as diary:
        anchored(app)
        clock.forward(HOUR)
        until(lambda: app.broker.depth("default")[0].ready)
    assert [type(error) for error in diary.troubles] == [StorageFull]
    assert all(isinstance(error, StorageError) for error in diary.troubles)


class Moody(Timed):
    """Somebody's own trigger, with a fault in it."""

    name = expression = "moody"
    zone, missed, keywords = "UTC", "one", {}

    def check(self, task: str, parameters: Any) -> None: ...

    def arguments(self, event: Any) -> Any: ...

    def next_after(self, moment: float, anchor: float) -> float | None:
        raise ZeroDivisionError


def test_a_faulty_trigger_does_not_stop_the_others() -> None:
    clock = Clock(START)
    app = app_with(clock, Moody(), hourly())
    with running(app) as diary:
        until(lambda: diary.troubles)
        anchored(app, 2)
        clock.forward(HOUR)
        until(lambda: app.broker.depth("default")[0].ready)
    assert {type(error) for error in diary.troubles} == {ZeroDivisionError}


def test_a_schedule_that_a_wrong_clock_left_far_ahead_is_told() -> None:
    clock = Clock(START + 30 * 24 * HOUR)
    broker = MemoryBroker(clock)
    with running(app_with(clock, hourly(), broker=lambda: broker)) as diary:
        until(lambda: broker.cursors([f"report@{hourly().name}"]))
        assert diary.said == []
    clock.forward(-30 * 24 * HOUR)
    with running(app_with(clock, hourly(), broker=lambda: broker)) as diary:
        until(lambda: diary.said)
    (said,) = diary.said
    assert said.startswith("report@cron(0 * * * ? *) UTC waits until 2027-02-14T08:00:00Z: it was fired up to then")


def test_an_app_without_schedules_has_no_thread_and_none_is_needed_to_stop() -> None:
    app = App("t", broker="memory://")
    scheduler = Scheduler(app, print, print)
    scheduler.start()
    assert not scheduler._thread.is_alive()
    scheduler.stop()


def test_a_scheduler_ends_soon_however_long_it_would_sleep() -> None:
    clock = Clock(START)
    app = app_with(clock, hourly())
    scheduler = Scheduler(app, print, print, nap=1000)
    scheduler.start()
    anchored(app)
    began = time.monotonic()
    scheduler.stop()
    assert time.monotonic() - began < 10
    assert not scheduler._thread.is_alive()
