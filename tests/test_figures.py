"""Counting what ended: sums of settlements, and the hour made of minutes."""

import pytest
from tests.fakes import NOON, message

from ebbtide.broker import Delivery, Settlement
from ebbtide.figures import SPAN, Count, Minute, by_task, count, minute_of, since_an_hour
from ebbtide.result import Report, Status

NOW = int(NOON // 60)


def settled(status: Status, queue: str = "default", task: str = "work", **fields: object) -> Settlement:
    delivery = Delivery(message().encode(), queue, 0, "r", 1)
    report = Report("m1", task, status, 1, 0.0, NOON)._replace(**fields)  # type: ignore[arg-type]
    return Settlement(delivery, report)


def test_settlements_are_summed_by_queue_and_task() -> None:
    batch = [
        settled(Status.SUCCESSFUL, ran=1.0, waited=0.5),
        settled(Status.SUCCESSFUL, ran=3.0),
        settled(Status.READY, ran=2.0, waited=1.5),
        settled(Status.FAILED, "money", "pay"),
    ]
    assert count(batch, 4) == {
        ("default", "work"): Count(2, 1, 0, 6.0, 3.0, 2, 2.0),
        ("money", "pay"): Count(failed=1),
    }


def test_no_more_are_counted_than_had_an_effect() -> None:
    batch = [settled(Status.SUCCESSFUL)] * 3
    assert [sum(c.succeeded for c in count(batch, most).values()) for most in (0, 2, 3)] == [0, 2, 3]


def test_what_has_no_report_or_spent_no_attempt_adds_nothing() -> None:
    told = settled(Status.READY)
    assert count([told._replace(report=None), told._replace(spent=False)], 2) == {}


def test_means_are_of_what_there_was() -> None:
    both = Count(1, 1, 0, 3.0, 2.0, 1, 0.5).plus(Count(0, 0, 1, 0.0, 0.0, 1, 1.5))
    assert (both.attempts, both.ended, both.mean_run, both.mean_wait, both.longest) == (3, 2, 1.0, 1.0, 2.0)
    assert (Count().mean_run, Count().mean_wait) == (None, None)


def test_the_hour_has_sixty_minutes_of_which_the_last_is_the_running_one() -> None:
    minutes = [Minute(NOW - back, "default", "work", Count(succeeded=back + 1)) for back in (60, 59, 1, 0)]
    (line,) = by_task(minutes, NOON)
    assert len(line.by_minute) == SPAN
    assert (line.by_minute[0], line.by_minute[-2:], sum(line.by_minute)) == (60, (2, 1), 63)
    assert line.total.succeeded == 63
    assert minute_of(since_an_hour(NOON)) == NOW - 59


def test_tasks_come_by_queue_and_name() -> None:
    places = [("b", "y"), ("a", "z"), ("b", "x")]
    found = by_task([Minute(NOW, *place, Count(1)) for place in places], NOON)
    assert [(line.queue, line.task) for line in found] == sorted(places)


@pytest.mark.parametrize(("now", "minute"), [(0.0, 0), (59.9, 0), (60.0, 1)])
def test_minutes_are_counted_from_1970(now: float, minute: int) -> None:
    assert minute_of(now) == minute
