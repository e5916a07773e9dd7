"""The storm limit counts the descendants of a root, queue by queue."""

from threading import Thread

import pytest
from tests.brokers.sqs.fake_table import FakeTable
from tests.fakes import Clock

from ebbtide.brokers.sqs.storm import KEPT, Storm


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storm(clock: Clock) -> Storm:
    return Storm(FakeTable(), clock)


def test_descendants_are_admitted_up_to_the_limit(storm: Storm) -> None:
    assert [storm.admit("root", "mail", 1, 3) for _ in range(5)] == [1, 1, 1, 0, 0]


def test_of_a_batch_as_many_are_admitted_as_there_is_room_for(storm: Storm) -> None:
    assert storm.admit("root", "mail", 7, 10) == 7
    assert storm.admit("root", "mail", 7, 10) == 3
    assert storm.admit("root", "mail", 7, 10) == 0


def test_a_first_batch_beyond_the_limit_is_cut_to_it(storm: Storm) -> None:
    assert storm.admit("root", "mail", 50, 10) == 10
    assert storm.admit("root", "mail", 1, 10) == 0


def test_each_root_and_each_queue_has_a_count_of_its_own(storm: Storm) -> None:
    assert storm.admit("one", "mail", 10, 10) == 10
    assert storm.admit("two", "mail", 10, 10) == 10
    assert storm.admit("one", "pages", 10, 10) == 10


def test_a_limit_that_was_raised_or_lowered_counts_from_now_on(storm: Storm) -> None:
    assert storm.admit("root", "mail", 5, 5) == 5
    assert storm.admit("root", "mail", 5, 8) == 3
    assert storm.admit("root", "mail", 5, 2) == 0


def test_nothing_is_asked_for_nothing(storm: Storm) -> None:
    assert storm.admit("root", "mail", 0, 5) == 0


def test_a_root_that_has_been_quiet_for_long_begins_anew(storm: Storm, clock: Clock) -> None:
    assert storm.admit("root", "mail", 5, 5) == 5
    clock.forward(KEPT - 1)
    assert storm.admit("root", "mail", 5, 5) == 0
    clock.forward(2)
    assert storm.admit("root", "mail", 8, 5) == 5


def test_many_at_once_are_never_more_than_the_limit(storm: Storm) -> None:
    admitted: list[int] = []
    threads = [Thread(target=lambda: admitted.append(storm.admit("root", "mail", 7, 100))) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admitted) == 100
