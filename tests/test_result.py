"""Results: the handle a caller holds, and the rule by which reports become a record."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import NOON, Clock, memory_app, run_ready

from ebbtide.app import App
from ebbtide.errors import Retry, TaskFailed, TaskNotFinished, UnknownResult
from ebbtide.queue import Queue
from ebbtide.result import Record, Report, Result, Status, TaskError, as_json, fold


def report(status: Status, attempt: int, **fields: Any) -> Report:
    return Report("m1", "work", status, attempt, 60, NOON, **fields)


BOOM = TaskError("shop.Boom", "no", "Traceback", 1)


def adding(clock: Clock, *queues: Queue) -> App:
    app = memory_app(*queues, clock=clock)

    @app.task
    def add(a: int, b: int) -> int:
        clock.forward(2)
        if a < 0:
            raise Retry(after=30) if a == -1 else ValueError("less than nothing")
        return a + b

    return app


def enqueue(app: App, *args: int) -> Result[int]:
    return app.task_named("add").enqueue(*args)


def test_a_result_reads_its_record_when_first_asked() -> None:
    app = adding(Clock())
    result = enqueue(app, 1, 2)
    assert "not read yet" in repr(result)
    assert result.status is Status.READY
    assert "READY" in repr(result)


def test_a_result_stays_as_it_was_read_until_refreshed() -> None:
    app = adding(Clock())
    result = enqueue(app, 1, 2)
    assert not result.is_finished
    run_ready(app)
    assert not result.is_finished
    assert result.refresh() is result
    assert result.is_finished


def test_a_successful_result_has_the_value_and_the_times() -> None:
    clock = Clock()
    app = adding(clock)
    result = enqueue(app, 1, 2)
    clock.forward(10)
    run_ready(app)
    assert result.wait(0).return_value == 3
    assert (result.is_finished, result.attempts, result.errors) == (True, 1, [])
    assert result.enqueued_at == datetime.fromtimestamp(NOON, UTC)
    assert result.started_at == datetime.fromtimestamp(NOON + 10, UTC)
    assert result.finished_at == datetime.fromtimestamp(NOON + 12, UTC)


def test_get_waits_and_returns_the_value() -> None:
    app = adding(Clock())
    result = enqueue(app, 1, 2)
    run_ready(app)
    assert result.get(timeout=0) == 3


def test_a_value_is_read_from_the_queue_of_another_app_as_its_json() -> None:
    app = adding(Clock())
    id = enqueue(app, 1, 2).id
    run_ready(app)
    broker = app.broker
    stranger = App("other", broker=lambda: broker)
    assert stranger.result(id).get(0) == "3"
    assert stranger.result(id).record.task == "add"


def test_a_result_found_by_its_id_has_the_tasks_type() -> None:
    app = adding(Clock())
    id = enqueue(app, 1, 2).id
    run_ready(app)
    assert app.result(id).return_value == 3
    assert app.result(id) == enqueue_handle(app, id)


def enqueue_handle(app: App, id: str) -> Result[Any]:
    return app.handle(id, app.task_named("add"))


def test_an_unknown_id_is_an_unknown_result() -> None:
    with pytest.raises(UnknownResult, match="no result of task nowhere"):
        adding(Clock()).result("nowhere")


def test_waiting_in_vain_says_how_it_stands() -> None:
    result = enqueue(adding(Clock()), 1, 2)
    with pytest.raises(TaskNotFinished, match=f"add {result.id} is still READY after 0 s"):
        result.wait(0)
    with pytest.raises(TimeoutError):
        result.get(0)


def test_an_unfinished_task_has_no_return_value() -> None:
    with pytest.raises(TaskNotFinished, match="is READY: no return value yet"):
        _ = enqueue(adding(Clock()), 1, 2).return_value


def test_a_failed_task_raises_its_last_error_to_who_asks_for_the_value() -> None:
    clock = Clock()
    app = adding(clock)
    result = enqueue(app, -2, 0)
    for _ in range(5):
        run_ready(app)
        clock.forward(600)
    with pytest.raises(TaskFailed, match=f"add {result.id} failed: ValueError: less than nothing"):
        result.get(0)
    assert result.status is Status.FAILED
    assert result.attempts == 5
    assert [error.attempt for error in result.errors] == [1, 2, 3, 4, 5]
    assert "less than nothing" in result.errors[0].traceback


def test_a_task_that_waits_for_its_next_attempt_is_ready_and_has_an_error() -> None:
    app = adding(Clock())
    result = enqueue(app, -1, 0)
    run_ready(app)
    assert (result.status, result.attempts) == (Status.READY, 1)
    assert [error.exception_class for error in result.errors] == ["ebbtide.errors.Retry"]
    assert result.finished_at is None


def test_a_queue_that_keeps_no_results_has_none_of_a_finished_task() -> None:
    app = adding(Clock(), Queue(results=0))
    result = enqueue(app, 1, 2)
    run_ready(app)
    with pytest.raises(UnknownResult, match=r"its queue keeps none \(results=0\)"):
        result.get(0)
    with pytest.raises(UnknownResult):
        result.refresh()


def test_results_are_equal_by_their_id() -> None:
    app = adding(Clock())
    one, two = enqueue(app, 1, 2), enqueue(app, 1, 2)
    assert one == enqueue_handle(app, one.id)
    assert one != two
    assert len({one, enqueue_handle(app, one.id), two}) == 2
    assert one != one.id


def test_the_first_report_makes_the_record() -> None:
    assert fold(None, report(Status.READY, 0)) == Record("m1", "work", Status.READY, 0, NOON)


def test_each_failed_attempt_adds_its_error() -> None:
    record = None
    for attempt in (1, 2):
        record = fold(record, report(Status.READY, attempt, error=BOOM._replace(attempt=attempt)))
    last = fold(record, report(Status.SUCCESSFUL, 3, value="1", finished_at=NOON + 1))
    assert [error.attempt for error in last.errors] == [1, 2]
    assert (last.status, last.attempts, last.value, last.finished_at) == (Status.SUCCESSFUL, 3, "1", NOON + 1)


def test_a_report_that_is_repeated_adds_its_error_once() -> None:
    failed = report(Status.READY, 1, error=BOOM)
    once = fold(None, failed)
    assert fold(once, failed) == once
    assert fold(once, report(Status.READY, 2, error=BOOM._replace(attempt=2))).errors == (
        BOOM,
        BOOM._replace(attempt=2),
    )


def test_a_finished_record_stays_as_it_is() -> None:
    done = fold(None, report(Status.SUCCESSFUL, 1, value="1"))
    assert fold(done, report(Status.FAILED, 2, error=BOOM)) == done
    lost = fold(None, report(Status.FAILED, 1, error=BOOM))
    assert fold(lost, report(Status.SUCCESSFUL, 2, value="1")) == lost


def test_a_report_of_an_earlier_attempt_changes_nothing() -> None:
    second = fold(None, report(Status.RUNNING, 2))
    assert fold(second, report(Status.READY, 1, error=BOOM)) == second


@given(st.lists(st.tuples(st.sampled_from(Status), st.integers(0, 5)), max_size=8))
def test_attempts_never_go_back_and_nothing_follows_the_end(told: list[tuple[Status, int]]) -> None:
    record: Record | None = None
    for status, attempt in told:
        after = fold(record, report(status, attempt))
        if record:
            assert after.attempts >= record.attempts
            assert not record.status.finished or after == record
        record = after


def test_only_failed_and_successful_are_the_end() -> None:
    assert {status for status in Status if status.finished} == {Status.FAILED, Status.SUCCESSFUL}


def test_an_error_reads_as_python_prints_it() -> None:
    assert str(BOOM) == "Boom: no"
    assert str(BOOM._replace(message="")) == "Boom"


def test_a_record_is_plain_json_with_iso_times() -> None:
    record = fold(None, report(Status.FAILED, 1, error=BOOM, started_at=NOON, finished_at=NOON + 0.5))
    assert json.loads(json.dumps(as_json(record))) == {
        "id": "m1",
        "task": "work",
        "status": "FAILED",
        "attempts": 1,
        "enqueued_at": "2027-01-15T08:00:00+00:00",
        "started_at": "2027-01-15T08:00:00+00:00",
        "finished_at": "2027-01-15T08:00:00.500000+00:00",
        "return_value": None,
        "errors": [{"attempt": 1, "exception_class": "shop.Boom", "message": "no", "traceback": "Traceback"}],
    }
