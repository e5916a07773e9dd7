"""Rates out of looks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes import Clock, receive

from ebbtide.app import App
from ebbtide.broker import Depth, total
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.cli.looks import WINDOW, Watch
from ebbtide.execute import execute


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(clock: Clock, tmp_path: Path) -> Iterator[App]:
    made = App("t", broker=lambda: SqliteBroker(tmp_path / "queue.db", clock=clock, durable=False), clock=clock)

    @made.task(name="work")
    def work() -> None: ...

    yield made
    made.close()


def enqueue(app: App, number: int) -> None:
    app.task_named("work").enqueue_many([()] * number)


def run(app: App, number: int) -> None:
    for delivery in receive(app, number):
        execute(app, delivery)


def rates(watch: Watch) -> tuple[float | None, float | None]:
    _, (line,) = watch.look()
    return line.came, line.ended


def test_the_first_look_knows_no_rates(app: App) -> None:
    assert rates(Watch(app)) == (None, None)


def test_rates_are_what_came_and_what_ended_by_the_second(app: App, clock: Clock) -> None:
    watch = Watch(app)
    enqueue(app, 10)
    run(app, 1)
    watch.look()
    enqueue(app, 20)
    run(app, 5)
    clock.forward(5)
    assert rates(watch) == (4.0, 1.0)


def test_rates_reach_back_a_minute_and_no_longer(app: App, clock: Clock) -> None:
    watch = Watch(app)
    watch.look()
    for _ in range(20):  # ten seconds apart: 60 in the first 100 seconds, none in the second
        enqueue(app, 6)
        run(app, 6)
        clock.forward(10)
        watch.look()
    assert rates(watch) == (0.6, 0.6)
    clock.forward(WINDOW)
    watch.look()
    assert rates(watch) == (0.0, 0.0)


def test_the_lanes_of_a_queue_are_summed_and_the_oldest_of_them_is_told() -> None:
    lanes = [Depth(1, 2, 3, 4, None, 5.0), Depth(1, 1, 1, 1, 2.0, 3.0), Depth(0, 0, 0, 0, 1.0)]
    assert total(lanes) == Depth(2, 3, 4, 5, 2.0, 3.0)
