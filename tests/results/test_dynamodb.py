"""DynamoDB's records: what reports that come late, twice or out of order do to one, and what is too big for an item."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.aws.moto import a_table
from tests.brokers.sqs.fake_table import FakeTable
from tests.fakes import NOON, Clock

from ebbtide.brokers.sqs.table import pack
from ebbtide.result import Record, Report, Status, TaskError, fold
from ebbtide.results.dynamodb import FIRST, INLINE, LAST, SLOWEST, SOONEST, UNFINISHED, DynamoDbResults

LARGEST_ITEM = 400_000
"""Bytes of an item, at most (DynamoDB)."""


class Shelf:
    """Values too big for an item, in memory."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def put(self, name: str, body: bytes, keep: float) -> str | None:
        self.bodies[name] = body
        return name

    def get(self, key: str, size: int) -> bytes | None:
        return self.bodies.get(key)


class Stage:
    def __init__(self) -> None:
        self.clock, self.table, self.shelf = Clock(), FakeTable(), Shelf()
        self.slept: list[float] = []
        self.store = DynamoDbResults(self.table, self.shelf, self.clock, self.slept.append)

    def record(self, id: str = "a") -> Record | None:
        return self.store.load([id]).get(id)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def report(status: Status, attempt: int, **fields: Any) -> Report:
    ended = {"finished_at": NOON + attempt} if status.finished else {}
    return Report("a", "work", status, attempt, **{"keep": 60.0, "enqueued_at": NOON, **ended, **fields})


def error(attempt: int, traceback: str = "Traceback", message: str = "no") -> TaskError:
    return TaskError("shop.Boom", message, traceback, attempt)


NEW = report(Status.READY, 0)
DONE = report(Status.SUCCESSFUL, 2, value="1", started_at=NOON + 1)
LOST = report(Status.FAILED, 2, error=error(2))
LATE = [
    NEW,
    report(Status.RUNNING, 1, started_at=NOON),
    report(Status.READY, 1, error=error(1)),
    report(Status.READY, 2, error=error(2)),
    report(Status.RUNNING, 3, started_at=NOON + 3),
    report(Status.SUCCESSFUL, 3, value="3"),
    report(Status.FAILED, 3, error=error(3)),
]


@pytest.mark.parametrize("late", LATE, ids=lambda told: f"{told.status}-{told.attempt}")
@pytest.mark.parametrize("end", [DONE, LOST], ids=lambda told: told.status.value)
def test_no_late_report_turns_a_finished_record_back(stage: Stage, end: Report, late: Report) -> None:
    stage.store.save([NEW])
    stage.store.save([end])
    before = stage.record()
    stage.store.save([late])
    stage.store.save([late, late, end])
    assert stage.record() == before


def test_a_report_that_is_told_twice_is_told_once(stage: Stage) -> None:
    failed = report(Status.READY, 1, error=error(1))
    for told in (NEW, NEW, failed, failed, DONE, DONE):
        stage.store.save([told])
    found = stage.record()
    assert found is not None
    assert found.errors == (error(1),)


def test_an_earlier_attempts_report_changes_nothing(stage: Stage) -> None:
    stage.store.save([report(Status.RUNNING, 3, started_at=NOON)])
    before = stage.record()
    stage.store.save([report(Status.READY, 2, error=error(2)), NEW])
    assert stage.record() == before


def told(status: Status, attempt: int) -> Report:
    """What a runner would report: errors with failures, values with successes."""
    ended = {"value": "1"} if status is Status.SUCCESSFUL else {}
    failed = {"error": error(attempt)} if status is Status.FAILED or (status is Status.READY and attempt) else {}
    return report(status, attempt, **ended, **failed)


@given(st.lists(st.tuples(st.sampled_from(Status), st.integers(0, 3)), max_size=8, unique=True))
def test_reports_are_folded_by_the_rule(story: list[tuple[Status, int]]) -> None:
    stage, folded = Stage(), None
    for status, attempt in story:
        stage.store.save([told(status, attempt)])
        folded = fold(folded, told(status, attempt))
    found = stage.record()
    if folded is None or found is None:
        assert found is folded
    else:
        assert found._replace(errors=()) == folded._replace(errors=())
        by_attempt = {failure.attempt: failure for failure in folded.errors}  # one for each attempt, the last word
        assert found.errors == tuple(by_attempt[attempt] for attempt in sorted(by_attempt))


def test_the_order_of_two_ends_decides_and_no_mixture_comes_of_it() -> None:
    for first, second in permutations([DONE, LOST]):
        stage = Stage()
        stage.store.save([first])
        stage.store.save([second])
        found = stage.record()
        assert found is not None
        assert (found.status, found.value) == (first.status, first.value)
        assert len(found.errors) == (first is LOST)


def test_what_has_no_id_has_no_record(stage: Stage) -> None:
    stage.store.save([report(Status.FAILED, 1, error=error(1))._replace(id="")])
    assert stage.table.items == {}


def test_a_record_past_its_retention_that_is_still_there_is_gone(stage: Stage) -> None:
    stage.store.save([NEW])
    stage.store.save([LOST])
    stage.clock.forward(62)
    assert stage.record() is None
    stage.store.save([report(Status.SUCCESSFUL, 1, value="7", finished_at=stage.clock())])
    assert stage.record() == Record("a", "work", Status.SUCCESSFUL, 1, NOON, None, NOON + 62, "7")


def test_a_task_that_never_ends_is_forgotten_after_a_year(stage: Stage) -> None:
    stage.store.save([NEW])
    stage.clock.forward(UNFINISHED - 1)
    assert stage.record() is not None
    stage.clock.forward(2)
    assert stage.record() is None


@pytest.mark.parametrize("failures", [0, 1, 5, 16, 17, 100])
def test_an_item_never_outgrows_the_table_whatever_is_told(stage: Stage, failures: int) -> None:
    for attempt in range(1, failures + 1):
        stage.store.save([report(Status.READY, attempt, error=error(attempt, "\U0001f600" * 16_000, "\xe9" * 2_000))])
    stage.store.save([report(Status.SUCCESSFUL, failures + 1, value='"' + "x" * (INLINE - 2) + '"')])
    (item,) = stage.table.items.values()
    assert sum(len(name) + len(next(iter(text.values()))) for name, text in pack(item).items()) < LARGEST_ITEM
    found = stage.record()
    assert found is not None
    kept = [attempt for attempt in range(1, failures + 1) if attempt <= FIRST or attempt > failures - LAST]
    assert [failure.attempt for failure in found.errors] == kept


def test_the_largest_item_is_one_that_dynamodb_takes() -> None:
    store = DynamoDbResults(a_table(), Shelf(), Clock())
    for attempt in range(1, FIRST + LAST + 1):
        store.save([report(Status.READY, attempt, error=error(attempt, "\U0001f600" * 16_000))])
    store.save([report(Status.SUCCESSFUL, 99, value='"' + "x" * (INLINE - 2) + '"')])
    assert len(store.load(["a"])["a"].errors) == FIRST + LAST


def test_a_traceback_is_cut_in_its_middle_and_the_rest_is_kept(stage: Stage) -> None:
    stage.store.save([report(Status.FAILED, 1, error=error(1, "begin" + "\n  at line" * 10_000 + "end", "m" * 2_000))])
    found = stage.record()
    assert found is not None
    (cut,) = found.errors
    assert cut.traceback.startswith("begin")
    assert cut.traceback.endswith("end")
    assert "\n  ...\n" in cut.traceback
    assert 8_000 < len(cut.traceback) < 16_000
    assert cut.message == "m" * 2_000


def test_an_error_that_is_nothing_but_long_is_cut_too(stage: Stage) -> None:
    long = TaskError("x" * 30_000, "\U0001f600" * 30_000, "t" * 90_000, 1)
    stage.store.save([report(Status.FAILED, 1, error=long)])
    found = stage.record()
    assert found is not None
    assert found.errors[0].message.startswith("\U0001f600")


def test_a_large_value_waits_elsewhere_and_of_two_ends_each_keeps_its_own(stage: Stage) -> None:
    first, second = ('"' + letter * INLINE + '"' for letter in "xy")
    stage.store.save([report(Status.SUCCESSFUL, 1, value=first)])
    stage.store.save([report(Status.SUCCESSFUL, 1, value=second)])
    found = stage.record()
    assert found is not None
    assert found.value == first
    assert len(stage.shelf.bodies) == 2


def test_a_record_whose_value_is_gone_is_gone(stage: Stage) -> None:
    stage.store.save([report(Status.SUCCESSFUL, 1, value='"' + "x" * INLINE + '"')])
    stage.shelf.bodies.clear()
    assert stage.record() is None


def test_a_letter_sent_back_is_ready_again_and_knows_nothing_of_its_past(stage: Stage) -> None:
    stage.store.save([NEW])
    stage.store.save([LOST])
    stage.store.anew(["a", "nowhere"])
    assert stage.record() == Record("a", "work", Status.READY, 0, NOON)
    stage.store.save([report(Status.SUCCESSFUL, 1, value="1")])
    stage.store.anew(["a"])
    found = stage.record()
    assert found is not None
    assert found.status is Status.SUCCESSFUL, "which is no letter"


def test_what_is_forgotten_is_gone(stage: Stage) -> None:
    stage.store.save([NEW])
    stage.store.forget(["a", "nowhere"])
    assert stage.store.load(["a", "nowhere"]) == {}


def test_half_a_character_is_no_id() -> None:
    store = DynamoDbResults(a_table(), Shelf(), Clock())
    assert store.load(["\ud800"]) == {}
    store.forget(["\ud800"])
    store.anew(["\ud800"])


def test_a_wait_looks_ever_more_rarely(stage: Stage) -> None:
    stage.store.save([NEW])
    looks = iter(range(40))

    def sleep(seconds: float) -> None:
        stage.slept.append(seconds)
        if next(looks) == 20:
            stage.store.save([DONE])

    found = DynamoDbResults(stage.table, stage.shelf, stage.clock, sleep).wait("a", None)
    assert found is not None
    assert found.status is Status.SUCCESSFUL
    assert stage.slept[0] == SOONEST
    assert stage.slept == sorted(stage.slept)
    assert stage.slept[-1] == SLOWEST
    assert len(stage.slept) == 21
