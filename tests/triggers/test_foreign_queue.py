"""Foreign queues: their messages as calls, and the mapping that brings them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fakes import memory_app
from tests.triggers.reading import calls, foreign, reason, sample, target

from ebbtide import Delivery, ForeignQueue
from ebbtide.errors import DeclarationError

ARN = "arn:aws:sqs:us-east-2:123456789012:erp.fifo"


@pytest.mark.parametrize("queue", [ARN, "erp.fifo"])
def test_a_task_is_given_what_it_asks_for_by_name(queue: str) -> None:
    app = memory_app()

    @app.task(ForeignQueue(queue))
    def order(
        body: dict[str, Any],
        attributes: dict[str, str],
        message_id: str,
        sent_at: datetime,
        sender: str | None,
        group: str | None,
        queue: str,
    ) -> None: ...

    found = foreign(app, sample("foreign_record"))
    assert calls(app, found) == [
        (
            "order",
            [],
            {
                "body": {"id": 7, "total": "19.90"},
                "attributes": {"myAttribute": "myValue", "blob": "AQI="},
                "message_id": "059f36b4-87a3-44ab-83d2-661975830a7d",
                "sent_at": datetime(2018, 12, 17, 21, 37, 29, 183000, tzinfo=UTC),
                "sender": "AIDAIENQZJOLO23YVJ4VO",
                "group": "customer-7",
                "queue": ARN,
            },
        )
    ]
    assert found[0].message.group == "customer-7"


def test_a_body_may_be_any_text() -> None:
    app = memory_app()

    @app.task(ForeignQueue("erp.fifo"))
    def order(body: str, group: str = "none") -> None: ...

    record = {**sample("foreign_record"), "attributes": {}}
    for body in ("", "hello", '{"v":1}', "\x00\ud800"):
        assert calls(app, foreign(app, {**record, "body": body})) == [("order", [], {"body": body})]


@pytest.mark.parametrize(
    ("changed", "amiss"),
    [
        ({"eventSourceARN": ARN.replace("erp", "crp")}, "its queue is 'arn:aws:sqs:us-east-2:123456789012:crp.fifo'"),
        ({"eventSourceARN": None}, "its queue is ''"),
        ({"eventSource": "aws:kinesis"}, "tried task 'order': ForeignQueue("),
        ({"body": None}, "tried task 'order': ForeignQueue("),
    ],
)
def test_records_of_others_are_left_with_the_reason(changed: dict[str, Any], amiss: str) -> None:
    app = memory_app()

    @app.task(ForeignQueue(ARN))
    def order(body: str) -> None: ...

    assert amiss in reason(foreign(app, {**sample("foreign_record"), **changed}))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ForeignQueue("https://sqs.eu-west-1.amazonaws.com/1/x"), "the queue's ARN, or its name"),
        (lambda: ForeignQueue("arn:aws:sqs:us-east-2:12:erp"), "the queue's ARN, or its name"),
        (lambda: ForeignQueue("erp", batch=11), "ForeignQueue('erp', batch=11): a number from 1 to 10"),
        (lambda: ForeignQueue("erp", concurrency=1), "a number from 2 to 1,000, or None"),
    ],
)
def test_a_queue_that_cannot_be_is_refused(make: Callable[[], ForeignQueue], said: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        make()
    assert said in str(refused.value)


def test_the_function_is_mapped_to_exactly_that_queue() -> None:
    asked = ForeignQueue(ARN, batch=5, concurrency=2).asks(target())
    (mapping,) = asked.resources.values()
    assert mapping == {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "EventSourceArn": ARN,
            "FunctionName": {"Ref": "DefaultFunction"},
            "BatchSize": 5,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "Enabled": True,
            "ScalingConfig": {"MaximumConcurrency": 2},
        },
    }
    (statement,) = asked.statements
    assert statement["Resource"] == ARN
    assert "sqs:SendMessage" not in statement["Action"]
    assert not asked.senders


def test_a_name_is_a_queue_of_the_stages_account_and_region() -> None:
    (mapping,) = ForeignQueue("erp").asks(target()).resources.values()
    arn = {"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:erp"}
    assert mapping["Properties"]["EventSourceArn"] == arn


def test_two_tasks_of_a_function_share_the_mapping_and_are_both_called() -> None:
    assert ForeignQueue("erp").asks(target("a")) == ForeignQueue("erp").asks(target("b"))
    app = memory_app()

    @app.task(ForeignQueue("erp.fifo"))
    def one(body: str) -> None: ...

    @app.task(ForeignQueue(ARN))
    def two(body: str) -> None: ...

    assert [task for task, _, _ in calls(app, foreign(app, sample("foreign_record")))] == ["one", "two"]


def test_what_stands_in_for_the_queue_in_a_rehearsal_is_taken_for_it() -> None:
    app = memory_app()

    @app.task(ForeignQueue(ARN))
    def order(body: str) -> None: ...

    for arn, found in (
        ("arn:aws:sqs:us-east-1:000000000000:erp.fifo", True),
        ("arn:aws:sqs:us-east-1:000000000000:crp.fifo", False),
        ("arn:aws:sqs:us-east-1:000000000001:erp.fifo", False),
        ("arn:aws:sns:us-east-1:000000000000:erp.fifo", False),
    ):
        (one,) = foreign(app, {**sample("foreign_record"), "eventSourceARN": arn})
        assert (type(one) is Delivery) is found
