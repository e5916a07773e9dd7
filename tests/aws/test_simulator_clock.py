"""Virtual time: whoever is due next goes on, nobody waits for a real second, and the dead change nothing."""

import time
from collections.abc import Iterator

import pytest
from tests.aws.simulator.clock import Killed, Timeline
from tests.fakes import NOON


@pytest.fixture
def timeline() -> Iterator[Timeline]:
    made = Timeline()
    yield made
    made.close()


def test_a_day_goes_by_in_no_time(timeline: Timeline) -> None:
    began = time.monotonic()
    timeline.sleep(86_400)
    assert timeline() == NOON + 86_400
    assert time.monotonic() - began < 10


def test_actors_go_on_in_the_order_they_are_due(timeline: Timeline) -> None:
    seen: list[tuple[str, float]] = []

    def act(name: str, wait: float) -> None:
        for _ in range(3):
            timeline.sleep(wait)
            seen.append((name, timeline() - NOON))

    timeline.start("slow", lambda: act("slow", 10))
    timeline.start("quick", lambda: act("quick", 4))
    timeline.sleep(25)
    assert seen == [("quick", 4), ("quick", 8), ("slow", 10), ("quick", 12), ("slow", 20)]
    assert timeline() == NOON + 25


def test_who_waits_for_news_goes_on_when_it_comes_or_when_the_wait_is_over(timeline: Timeline) -> None:
    seen: list[float] = []

    def wait() -> None:
        timeline.wait(NOON + 100, on="news")
        seen.append(timeline() - NOON)
        timeline.wait(NOON + 200, on="news")
        seen.append(timeline() - NOON)

    timeline.start("reader", wait)
    timeline.start("writer", lambda: timeline.notify("news"), after=7)
    timeline.sleep(1000)
    assert seen == [7, 200]


def test_the_driver_may_wait_for_news_too(timeline: Timeline) -> None:
    timeline.start("writer", lambda: timeline.notify("news"), after=7)
    timeline.wait(NOON + 100, on="news")
    assert timeline() == NOON + 7


def test_what_is_past_its_deadline_is_killed_at_it(timeline: Timeline) -> None:
    seen: list[object] = []

    def act() -> None:
        assert timeline.current is not None
        timeline.current.deadline = NOON + 5
        try:
            timeline.sleep(10)
        except Killed:
            seen.append(timeline() - NOON)
            timeline.sleep(1)  # so is whoever swallows it

    timeline.start("task", act)
    timeline.sleep(100)
    assert seen == [5]


def test_an_actor_may_call_for_another_and_get_its_answer(timeline: Timeline) -> None:
    def act() -> float:
        timeline.sleep(3)
        return timeline()

    assert timeline.act("one", act) == NOON + 3


def test_an_actors_error_is_its_drivers(timeline: Timeline) -> None:
    def act() -> None:
        raise LookupError("lost")

    timeline.start("task", act)
    with pytest.raises(LookupError, match="lost"):
        timeline.sleep(1)


def test_the_end_of_time_ends_every_actor() -> None:
    timeline, ended = Timeline(), []

    def act() -> None:
        try:
            timeline.sleep(float("inf"))
        finally:
            ended.append(1)

    timeline.start("for ever", act)
    timeline.sleep(1)
    timeline.close()
    assert ended == [1]
