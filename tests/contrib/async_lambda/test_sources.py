"""Tasks that a foreign queue, a table's stream or the clock starts: what is taken, handed over, asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.deploy.template.rich import ZIPPED
from tests.deploy.template.translated import translated
from tests.fakes import memory_app
from tests.on_lambda.stage import Context, Stage
from tests.triggers.reading import calls, foreign, read, sample, target

from ebbtide import App, Delivery
from ebbtide.cli.existing import existing_of
from ebbtide.contrib.async_lambda.sources import Scheduled, Stream, Unmanaged, tick
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.template import template
from ebbtide.errors import DeclarationError
from ebbtide.queue import Queue
from ebbtide.runners.scheduler import messages
from ebbtide.ticks import schedules
from ebbtide.trigger import Trigger

QUEUE = "arn:aws:sqs:us-east-2:123456789012:erp.fifo"
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/ExampleTableWithStream"
STREAM = f"{TABLE}/stream/2016-11-16T20:42:48.104"
GET_QUEUE = {"Fn::GetAtt": ["Orders", "Arn"]}
GET_STREAM = {"Fn::GetAtt": ["Table", "StreamArn"]}


def declare(app: App, trigger: Trigger, seen: list[Any]) -> None:
    def run(delivery: Delivery, value: Any = None) -> None:
        seen.append(value)

    app.task(trigger, name="task", takes_context=True)(run)


def asked(trigger: Trigger) -> tuple[str, dict[str, Any], list[Any]]:
    """The mapping's logical id and properties, and the statements of its role."""
    told = trigger.asks(target())
    ((id, made),) = told.resources.items()
    return id, made["Properties"], list(told.statements)


# ── a foreign queue ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("queue", [QUEUE, "erp.fifo", GET_QUEUE, {"Ref": "QueueArn"}, {"Fn::ImportValue": "x"}])
def test_a_message_of_the_queue_is_handed_over_as_it_came(queue: Any) -> None:
    app, record = memory_app(), sample("foreign_record")
    declare(app, Unmanaged(queue, None), [])
    assert calls(app, foreign(app, record)) == [("task", [record], {})]


def test_a_message_of_another_queue_is_none_of_a_queue_that_is_named() -> None:
    app = memory_app()
    declare(app, Unmanaged(QUEUE), [])
    other = {**sample("foreign_record"), "eventSourceARN": f"{QUEUE}-2"}
    (one,) = foreign(app, other)
    with pytest.raises(Exception, match=r"nearest is task 'task', sqs_task\(queue_arn=.*: its queue is"):
        _ = one.message


def test_a_dead_letter_of_it_that_is_redriven_is_read_as_what_it_was() -> None:
    app, record = memory_app(), sample("foreign_record")
    declare(app, Unmanaged(GET_QUEUE), [])
    (whole,) = foreign(app, record)
    kept = {name: value for name, value in record.items() if name != "receiptHandle"}  # it is void by then
    assert calls(app, read(app, json.loads(whole.body))) == [("task", [kept], {})]


def test_a_function_runs_its_task_with_the_raw_record() -> None:
    stage, seen, record = Stage(), list[Any](), sample("foreign_record")
    declare(stage.app, Unmanaged(GET_QUEUE), seen)
    assert stage.invoke(record) == []
    assert seen == [record]


def test_one_message_an_invocation_under_the_logical_id_that_sam_gives() -> None:
    id, properties, (statement,) = asked(Unmanaged(GET_QUEUE, 5))
    assert id == "DefaultFunctionUnmanagedSQS"
    assert (properties["EventSourceArn"], properties["BatchSize"]) == (GET_QUEUE, 1)
    assert properties["ScalingConfig"] == {"MaximumConcurrency": 5}
    assert statement["Resource"] == GET_QUEUE
    assert "ScalingConfig" not in asked(Unmanaged("erp"))[1]


@pytest.mark.parametrize(
    ("queue", "concurrency", "said"),
    [
        ("!GetAtt Orders.Arn", None, r"sqs_task\(queue_arn='!GetAtt Orders.Arn'\): the queue's ARN, or its name.*Fn::"),
        ("", None, "the queue's ARN, or its name"),
        (None, None, "the queue's ARN, or its name"),
        ({}, None, "the queue's ARN, or its name"),
        ({"GetAtt": "Orders.Arn"}, None, "the queue's ARN, or its name"),
        ({"Ref": {1}}, None, "the queue's ARN, or its name"),
        ("erp", 1, r"sqs_task\(maximum_concurrency=1\): a number from 2 to 1,000, or None"),
        ("erp", [2, 3], r"maximum_concurrency=\[2, 3\]"),
    ],
)
def test_a_queue_that_cannot_be_is_refused_in_the_words_of_its_decorator(
    queue: Any, concurrency: Any, said: str
) -> None:
    with pytest.raises(DeclarationError, match=said):
        Unmanaged(queue, concurrency)


# ── a table's stream ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stream", [STREAM, GET_STREAM, "ExampleTableWithStream"])
def test_each_record_of_a_stream_is_a_call_with_dynamodbs_own_json(stream: Any) -> None:
    stage, seen, event = Stage(), list[Any](), sample("dynamodb_stream")
    declare(stage.app, Stream(stream, 10), seen)
    assert stage.function(event, Context()) == {"batchItemFailures": []}
    assert seen == event["Records"]


def test_records_before_the_one_that_fails_are_done_with() -> None:
    stage, event = Stage(), sample("dynamodb_stream")
    seen = list[str]()

    @stage.app.task(Stream(GET_STREAM, 10), name="task")
    def run(value: Any) -> None:
        seen.append(value["eventName"])
        if value["eventName"] == "MODIFY":
            raise ValueError("no luck")

    second = event["Records"][1]["dynamodb"]["SequenceNumber"]
    assert stage.function(event, Context()) == {"batchItemFailures": [{"itemIdentifier": second}]}
    assert seen == ["INSERT", "MODIFY"]


def test_the_stream_is_read_from_its_oldest_record_under_the_logical_id_that_sam_gives() -> None:
    id, properties, _ = asked(Stream(STREAM, 25, 7))
    assert id == "DefaultFunctionDynamoDBEvent"
    told = {name: properties[name] for name in ("StartingPosition", "BatchSize", "MaximumBatchingWindowInSeconds")}
    assert told == {"StartingPosition": "TRIM_HORIZON", "BatchSize": 25, "MaximumBatchingWindowInSeconds": 7}


def test_the_role_may_read_a_stream_that_only_the_template_knows() -> None:
    _, properties, (reads, lists) = asked(Stream(GET_STREAM, 1))
    assert properties["EventSourceArn"] == reads["Resource"] == GET_STREAM
    pattern, parts = lists["Resource"]["Fn::Sub"]
    for name, place in (("Table", 0), ("Name", 1)):
        assert parts[name] == {"Fn::Select": [place, {"Fn::Split": ["/", GET_STREAM]}]}
        pattern = pattern.replace(f"${{{name}}}", STREAM.split("/")[place])
    assert pattern == f"{TABLE}/stream/*"


@pytest.mark.parametrize(
    ("stream", "batch", "window", "said"),
    [
        (TABLE, 1, 0, rf"dynamodb_task\(stream_arn='{TABLE}'\): the ARN of a table's stream.*intrinsic"),
        ("!GetAtt T.StreamArn", 1, 0, "the ARN of a table's stream"),
        (STREAM, 0, 0, r"dynamodb_task\(batch_size=0\): a whole number from 1 to 10,000"),
        (STREAM, 1, 301, r"dynamodb_task\(max_batching_window=301\): a whole number from 0 to 300"),
        (STREAM, "5", 0, "batch_size='5'"),
    ],
)
def test_a_stream_that_cannot_be_is_refused_in_the_words_of_its_decorator(
    stream: Any, batch: Any, window: Any, said: str
) -> None:
    with pytest.raises(DeclarationError, match=said):
        Stream(stream, batch, window)


@pytest.mark.parametrize(
    ("trigger", "thing"),
    [
        (Unmanaged("erp"), "erp"),
        (Unmanaged(GET_QUEUE), None),
        (Stream(STREAM, 1), STREAM),
        (Stream("Table", 1), None),
        (Stream(GET_STREAM, 1), None),
    ],
)
def test_a_rehearsal_makes_what_must_be_there_already_and_nothing_that_the_template_makes(
    trigger: Trigger, thing: str | None
) -> None:
    app = memory_app()
    declare(app, trigger, [])
    assert [one.name for one in existing_of(app)] == ([thing] if thing else [])


# ── the clock ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("expression", ["rate(15 minutes)", "rate(1 day)", "cron(0 9 ? * MON-FRI *)"])
def test_a_tick_calls_the_function_with_no_argument(expression: str) -> None:
    app, seen = memory_app(), list[Any]()
    declare(app, Scheduled(expression), seen)
    (scheduled,) = schedules(app.tasks)
    assert (scheduled.trigger.expression, scheduled.trigger.zone) == (expression, "UTC")
    (here,) = messages(scheduled, [1_800_000_000.0])
    made = Scheduled(expression).asks(target("task")).resources["TaskTask0Schedule"]["Properties"]
    assert made["ScheduleExpressionTimezone"] == "UTC"
    said = made["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", "2027-01-15T08:00:00Z")
    (there,) = read(app, json.loads(said))
    assert (here.args, here.kwargs) == (there.message.args, there.message.kwargs) == ([], {})
    assert tick(here)["time"] == tick(there.message)["time"] == "2027-01-15T08:00:00Z"


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        (
            "cron(0 9 * * *)",
            r"scheduled_task\(schedule_expression='cron\(0 9 \* \* \*\)'\): five fields; AWS has a sixth",
        ),
        ("rate(1 minutes)", r"write scheduled_task\(schedule_expression='rate\(1 minute\)'\)"),
        ("15 minutes", r"write scheduled_task\(schedule_expression='rate\(15 minutes\)'\)"),
        (None, r"scheduled_task\(schedule_expression=None\): a text such as"),
    ],
)
def test_an_expression_that_cannot_be_is_corrected_in_the_words_of_its_decorator(expression: Any, said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        Scheduled(expression)


# ── all of them ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_sams_own_translator_takes_a_template_with_all_of_them() -> None:
    app = memory_app()
    for name, trigger in {
        "Queue": Unmanaged(GET_QUEUE, 3),
        "Named": Unmanaged("erp"),
        "Table": Stream(STREAM, 10),
        "Clock": Scheduled("rate(15 minutes)"),
    }.items():
        app.task(trigger, name=name, queue=Queue(name))(lambda value=None: None)
    made = template(app, "t:app", "prod", Settings(), ZIPPED)
    kinds = [one["Type"] for one in translated(made)["Resources"].values()]
    assert kinds.count("AWS::Scheduler::Schedule") == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: Unmanaged(GET_QUEUE, 5),
        lambda: Stream(GET_STREAM, 5),
        lambda: Scheduled("rate(15 minutes)"),
    ],
)
def test_one_that_is_declared_alike_is_equal_and_has_the_same_hash(make: Any) -> None:
    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() != Unmanaged("other")
