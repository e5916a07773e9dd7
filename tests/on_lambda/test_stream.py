"""What becomes of the records of a table's stream."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.on_lambda.stage import Context, Stage

from ebbtide.contrib.async_lambda.sources import Stream
from ebbtide.errors import EbbtideError
from ebbtide.on_lambda.settings import Settings
from ebbtide.queue import Queue
from ebbtide.retry import RetryPolicy
from ebbtide.triggers.table_stream import TableStream

EVENT = json.loads((Path(__file__).resolve().parents[1] / "events" / "dynamodb_stream.json").read_text())
STREAM = TableStream(EVENT["Records"][0]["eventSourceARN"])
RAW = Stream(EVENT["Records"][0]["eventSourceARN"], 10)
"""Hands over the whole record."""
FIRST, SECOND, THIRD = (record["dynamodb"]["SequenceNumber"] for record in EVENT["Records"])


def take(records: list[dict[str, Any]]) -> None: ...


def invoke(stage: Stage, left: float = 600.0) -> list[str]:
    answer = stage.function(EVENT, Context(left))
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_records_run_in_their_order_with_what_the_trigger_reads_of_them() -> None:
    stage, seen = Stage(), list[Any]()

    @stage.app.task(STREAM)
    def changed(event: str, sequence: str) -> None:
        seen.append((event, sequence))

    assert invoke(stage) == []
    assert seen == [("INSERT", FIRST), ("MODIFY", SECOND), ("REMOVE", THIRD)]
    assert len(stage.broker.records) == 3


def test_the_first_that_fails_is_named_and_nothing_later_runs() -> None:
    stage, seen = Stage(), list[str]()

    @stage.app.task(STREAM)
    def changed(event: str) -> None:
        seen.append(event)
        if event == "MODIFY":
            raise ValueError(event)

    assert invoke(stage) == [SECOND]
    assert seen == ["INSERT", "MODIFY"]
    assert stage.broker.retried == stage.broker.buried == []


def test_one_whose_attempts_are_used_up_is_buried_with_its_reason_and_the_stream_goes_on() -> None:
    stage, seen = Stage(), list[str]()

    @stage.app.task(STREAM, retry=RetryPolicy(attempts=3))
    def changed(event: str) -> None:
        seen.append(event)
        if event == "MODIFY":
            raise ValueError("no luck")

    assert [invoke(stage), invoke(stage), invoke(stage)] == [[SECOND], [SECOND], []]
    assert seen == ["INSERT", "MODIFY", "INSERT", "MODIFY", "INSERT", "MODIFY", "REMOVE"]
    (buried,) = stage.broker.buried
    assert buried.report is not None
    assert buried.report.error is not None
    assert (buried.report.error.message, buried.report.attempt) == ("no luck", 3)
    assert json.loads(buried.delivery.body)["dynamodb"]["SequenceNumber"] == SECOND


def test_an_error_that_may_not_be_retried_is_buried_at_once() -> None:
    stage = Stage()

    @stage.app.task(STREAM, retry=RetryPolicy(never=(ValueError,)))
    def changed(event: str) -> None:
        raise ValueError(event)

    assert invoke(stage) == []
    assert len(stage.broker.buried) == 3


def test_records_that_no_task_reads_are_buried_with_what_was_tried() -> None:
    stage = Stage()
    assert invoke(stage) == []
    reasons = [one.report.error.message for one in stage.broker.buried if one.report and one.report.error]
    assert len(reasons) == 3
    assert all("trigger" in reason for reason in reasons)


def test_two_tasks_of_one_stream_are_each_enqueued() -> None:
    stage = Stage()
    for name in ("one", "two"):
        stage.app.task(STREAM, name=name)(lambda event: None)
    assert invoke(stage) == []
    received = stage.broker.receive([stage.app.queues["default"]], 10)
    assert sorted(delivery.message.task for delivery in received) == ["one"] * 3 + ["two"] * 3


def test_with_no_time_left_the_stream_goes_on_from_there_later() -> None:
    stage, seen = Stage(Queue(timeout=60)), list[str]()

    @stage.app.task(STREAM)
    def changed(event: str) -> None:
        seen.append(event)

    assert invoke(stage, left=1.0) == [FIRST]
    assert invoke(stage, left=30.0) == [SECOND]
    assert seen == ["INSERT"]


def test_storage_that_refuses_makes_the_stream_wait_there() -> None:
    stage = Stage()

    @stage.app.task(STREAM, retry=RetryPolicy(attempts=1))
    def changed(event: str) -> None:
        raise EbbtideError(event)

    stage.broker.trouble["bury"] = None
    assert invoke(stage) == [FIRST]
    stage.broker.trouble.clear()
    assert invoke(stage) == []
    assert len(stage.broker.buried) == 3


def test_a_table_with_a_name_of_its_own_is_known_by_what_the_template_calls_it() -> None:
    told = {"ExampleTableWithStream": "Orders", "another": "Users"}
    stage, seen = Stage(settings=Settings("t:app", "default", "prod", tables=told)), list[str]()

    @stage.app.task(TableStream("Users"))
    def of_users(event: str) -> None:
        seen.append(f"user {event}")

    @stage.app.task(TableStream("Orders"))
    def of_orders(table: str) -> None:
        seen.append(table)

    assert invoke(stage) == []
    assert seen == ["ExampleTableWithStream"] * 3
    assert stage.broker.buried == []


def test_a_task_that_gathers_is_called_once_for_all_records() -> None:
    stage, seen = Stage(), list[list[str]]()

    @stage.app.task(RAW, gathers=True)
    def changed(records: list[dict[str, Any]]) -> None:
        seen.append([record["eventName"] for record in records])

    assert invoke(stage) == []
    assert seen == [["INSERT", "MODIFY", "REMOVE"]]


@pytest.mark.parametrize("retry", [RetryPolicy(attempts=3), RetryPolicy(never=(ValueError,))])
def test_where_all_together_fail_each_runs_alone_and_only_the_one_to_blame_is_buried(retry: RetryPolicy) -> None:
    stage, seen = Stage(), list[list[str]]()

    @stage.app.task(RAW, gathers=True, retry=retry)
    def changed(records: list[dict[str, Any]]) -> None:
        seen.append([record["eventName"] for record in records])
        if "MODIFY" in seen[-1]:
            raise ValueError("no luck")

    assert invoke(stage) == [FIRST]
    assert stage.broker.buried == []
    while failed := invoke(stage):
        assert failed == [SECOND]
    assert seen[0] == ["INSERT", "MODIFY", "REMOVE"]
    assert all(len(names) == 1 for names in seen[1:])
    assert seen[-1] == ["REMOVE"]
    (buried,) = stage.broker.buried
    assert json.loads(buried.delivery.body)["dynamodb"]["SequenceNumber"] == SECOND


def test_a_record_that_was_tried_before_does_not_ride_with_new_ones() -> None:
    stage, seen = Stage(), list[int]()

    @stage.app.task(RAW, gathers=True)
    def changed(records: list[dict[str, Any]]) -> None:
        seen.append(len(records))
        if len(seen) == 1:
            raise ValueError("once")

    first, *rest = EVENT["Records"]
    assert stage.function({"Records": [first]}, Context()) != {"batchItemFailures": []}
    assert stage.function({"Records": [first, *rest]}, Context()) == {"batchItemFailures": []}
    assert seen == [1, 1, 2]


def test_a_record_that_several_tasks_read_is_stored_once_for_each_of_them() -> None:
    stage = Stage()
    stage.app.task(RAW, name="one", gathers=True)(take)
    stage.app.task(STREAM, name="two")(lambda event: None)
    assert invoke(stage) == []
    received = stage.broker.receive([stage.app.queues["default"]], 10)
    assert sorted(delivery.message.task for delivery in received) == ["one"] * 3 + ["two"] * 3
