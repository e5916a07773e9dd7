"""Queues as values: defaults, the length of a loan, limits per lane, and what is refused."""

from typing import Any

import pytest

from ebbtide.errors import DeclarationError
from ebbtide.queue import MAX_VISIBILITY, Queue


def test_a_queue_needs_nothing_said() -> None:
    queue = Queue()
    assert (queue.name, queue.timeout, queue.lanes, queue.attempts, queue.fifo) == ("default", 60, 1, 5, False)


def test_a_storm_is_limited_where_it_is_said_so() -> None:
    assert Queue().storm_limit is None
    assert Queue(storm_limit=1000).storm_limit == 1000


def test_a_loan_lasts_six_timeouts() -> None:
    assert Queue(timeout=10).loan == 60


def test_a_loan_is_never_longer_than_sqs_allows() -> None:
    assert Queue(timeout=MAX_VISIBILITY).loan == MAX_VISIBILITY


def test_visibility_sets_the_loan() -> None:
    assert Queue(timeout=10, visibility=25).loan == 25


def test_without_concurrency_no_lane_has_a_limit() -> None:
    assert [Queue(lanes=2).limit(lane) for lane in (0, 1)] == [None, None]


def test_one_number_limits_each_lane() -> None:
    assert [Queue(lanes=2, concurrency=3).limit(lane) for lane in (0, 1)] == [3, 3]


def test_a_list_limits_lane_by_lane() -> None:
    assert [Queue(lanes=2, concurrency=[1, None]).limit(lane) for lane in (0, 1)] == [1, None]


def test_a_lane_that_is_gone_has_no_limit() -> None:
    assert Queue(concurrency=1).limit(5) is None


def test_a_queue_given_a_list_is_still_a_value() -> None:
    assert len({Queue(lanes=2, concurrency=[1, 2]), Queue(lanes=2, concurrency=(1, 2))}) == 1


@pytest.mark.parametrize(
    "field",
    [
        {"timeout": 0},
        {"timeout": MAX_VISIBILITY + 1},
        {"timeout": float("nan")},
        {"visibility": 0},
        {"visibility": MAX_VISIBILITY + 1},
        {"storm_limit": 0},
        {"storm_limit": 1.5},
        {"lanes": 0},
        {"lanes": 101},
        {"lanes": True},
        {"lanes": 1.0},
        {"concurrency": 0},
        {"concurrency": [1, 2]},
        {"concurrency": []},
        {"concurrency": [1.5]},
        {"attempts": 0},
        {"results": -1},
        {"results": float("inf")},
        {"runner": "ec2"},
        {"memory": 127},
        {"batch": 0},
        {"batch": 10_001},
        {"batch_window": 301},
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_by_the_name_of_queue_and_field(field: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match=rf"Queue\('images', {next(iter(field))}="):
        Queue("images", **field)


@pytest.mark.parametrize("name", ["", "_st", "a.b", "a b", "ä", "x" * 41, "a\n", None, 5])
def test_a_queue_has_a_name_that_every_broker_can_carry(name: Any) -> None:
    with pytest.raises(DeclarationError, match="is no name for a queue"):
        Queue(name)


def test_what_is_run_elsewhere_is_not_ours() -> None:
    assert Queue("theirs", runner="elsewhere").is_ours is False
    assert Queue("images", runner="fargate").is_ours is Queue("mail").is_ours is True


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ({"runner": "else"}, "'lambda' or 'fargate', or 'elsewhere'"),
        ({"dead_letters": "a b"}, "'a b' is no task name"),
        ({"dead_letters": ""}, "'' is no task name"),
        ({"dead_letters": "report", "runner": "elsewhere"}, "what is run elsewhere has its dead letters there"),
    ],
)
def test_who_runs_it_and_who_takes_its_dead_letters_is_checked(field: dict[str, Any], wrong: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Queue("images", **field)
    assert wrong in str(refused.value)


def test_a_queue_that_is_run_elsewhere_may_have_as_long_a_name_as_sqs_gives() -> None:
    assert Queue("x" * 80, runner="elsewhere").name == "x" * 80
    with pytest.raises(DeclarationError, match="is no name for a queue: up to 80"):
        Queue("x" * 81, runner="elsewhere")
