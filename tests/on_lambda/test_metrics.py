"""Metrics in CloudWatch's embedded format."""

import json
from typing import Any

from tests.fakes import NOON, message

from ebbtide.broker import Delivery
from ebbtide.on_lambda.metrics import Metrics
from ebbtide.outcome import Failed, NotYet, Outcome, Skipped, Succeeded, TryAgain
from ebbtide.result import TaskError

ERROR = TaskError("builtins.ValueError", "no", "", 1)


def emitted(*counted: tuple[Delivery, Outcome]) -> list[dict[str, Any]]:
    lines: list[str] = []
    metrics = Metrics({"app": "shop", "stage": "prod"}, lines.append)
    for delivery, outcome in counted:
        metrics.count(delivery, outcome)
    metrics.emit(NOON)
    metrics.emit(NOON + 1)
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    return [json.loads(line) for line in lines]


def delivery(task: str = "work", body: bytes | None = None) -> Delivery:
    return Delivery(message(task=task).encode() if body is None else body, "default", 0, "r", 1)


def test_a_line_holds_the_figures_of_one_queue_and_task() -> None:
    again = TryAgain(ERROR, 5.0, NOON + 1, NOON + 1.25)
    (line,) = emitted((delivery(), Succeeded("1", NOON + 2, NOON + 2.5)), (delivery(), again))
    assert line == {
        "_aws": {
            "Timestamp": int(NOON * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": "Ebbtide",
                    "Dimensions": [["app", "stage", "queue"], ["app", "stage", "queue", "task"]],
                    "Metrics": [
                        {"Name": "succeeded", "Unit": "Count"},
                        {"Name": "duration", "Unit": "Milliseconds"},
                        {"Name": "wait", "Unit": "Milliseconds"},
                        {"Name": "retried", "Unit": "Count"},
                    ],
                }
            ],
        },
        "app": "shop",
        "stage": "prod",
        "queue": "default",
        "task": "work",
        "succeeded": 1,
        "retried": 1,
        "duration": [500.0, 250.0],
        "wait": [2000.0, 1000.0],
    }


def test_each_task_has_a_line_of_its_own_and_what_is_no_message_has_none_of_a_task() -> None:
    failed = Failed(ERROR, NOON, NOON)
    lines = emitted((delivery("a"), failed), (delivery("b"), failed), (delivery(body=b"?"), failed))
    assert [line.get("task") for line in lines] == ["a", "b", None]
    assert [line["failed"] for line in lines] == [1, 1, 1]
    assert lines[2]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["app", "stage", "queue"]]


def test_what_was_not_started_is_not_counted_and_nothing_is_written_of_nothing() -> None:
    assert emitted((delivery(), NotYet(3)), (delivery(), Skipped())) == []


def test_no_line_has_more_values_than_the_format_allows() -> None:
    lines = emitted(*[(delivery(), Succeeded("1", NOON, NOON + 1))] * 250)
    assert [len(line["duration"]) for line in lines] == [100, 100, 50]
    assert sum(line["succeeded"] for line in lines) == 250
