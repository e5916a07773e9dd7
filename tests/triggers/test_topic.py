"""Topics: wrapped messages and bare ones, read by annotation; subscriptions that tasks of a queue share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from tests.fakes import memory_app
from tests.triggers.reading import RECORD, calls, read, reason, sample, target

from ebbtide import App, Topic
from ebbtide.errors import ArgumentError, DeclarationError

ARN = "arn:aws:sns:us-west-2:123456789012:theirs"


@dataclass
class Order:
    id: int
    total: Decimal


def app_with(trigger: Topic, function: Callable[..., Any]) -> App:
    app = memory_app()
    app.task(trigger)(function)
    return app


def message_as(annotation: Any) -> Callable[..., Any]:
    def work(message: Any) -> None: ...

    work.__annotations__["message"] = annotation
    return work


def published(message: str) -> Any:
    return {**sample("topic_notification"), "Message": message}


def test_a_task_is_given_what_it_asks_for_by_name() -> None:
    def work(
        message: Order, subject: str | None, attributes: dict[str, str], topic: str, message_id: UUID, time: datetime
    ) -> None: ...

    app = app_with(Topic("orders"), work)
    assert calls(app, read(app, sample("topic_notification"))) == [
        (
            "work",
            [],
            {
                "message": Order(7, Decimal("19.90")),
                "subject": "My First Message",
                "attributes": {"kind": "paid", "count": "3"},
                "topic": "arn:aws:sns:us-west-2:123456789012:shop-prod-orders",
                "message_id": UUID("22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"),
                "time": datetime(2012, 5, 2, 0, 54, 6, 655000, tzinfo=UTC),
            },
        )
    ]


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, '{"a": 1}', '{"a": 1}'),
        (Any, '{"a": 1}', '{"a": 1}'),
        (str | None, "null", "null"),
        (bytes, "é", b"\xc3\xa9"),
        (dict, '{"a": 1}', {"a": 1}),
        (dict[str, Decimal], '{"a": 1.10}', {"a": Decimal("1.1")}),
        (list[int], "[1, 2]", [1, 2]),
        (int, "42", 42),
        (int | str, "42", "42"),
        (int | str, "x", "x"),
        (dict[str, int] | str, '{"a": 1}', {"a": 1}),
        (dict[str, int] | str, "a", "a"),
        (datetime, "2027-01-01T09:00:00", datetime(2027, 1, 1, 9)),
        (UUID, "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", UUID("22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324")),
        (Decimal, "1.10", Decimal("1.10")),
        (bool | None, "true", True),
    ],
)
def test_a_message_is_read_as_the_annotation_says(annotation: Any, text: str, value: Any) -> None:
    app = app_with(Topic("orders"), message_as(annotation))
    assert calls(app, read(app, published(text))) == [("work", [], {"message": value})]


@pytest.mark.parametrize(
    ("annotation", "text", "said"),
    [
        (Order, "hello", "parameter 'message': expected"),
        (Order, '{"id": "x", "total": 1}', "parameter 'message': .id: expected int, got str 'x'"),
        (int, "1.5", "expected int, got float 1.5"),
        (dict, '{"a": NaN}', "expected dict"),
    ],
)
def test_a_message_of_another_kind_ends_with_the_reason(annotation: Any, text: str, said: str) -> None:
    app = app_with(Topic("orders"), message_as(annotation))
    (found,) = read(app, published(text))
    with pytest.raises(ArgumentError) as refused:
        calls(app, [found])
    assert said in str(refused.value)


def test_an_existing_topic_goes_by_its_arn() -> None:
    app = app_with(Topic(ARN), message_as(str))
    assert calls(app, read(app, {**published("x"), "TopicArn": ARN})) == [("work", [], {"message": "x"})]
    stand_in = "arn:aws:sns:us-east-1:000000000000:theirs"
    assert len(calls(app, read(app, {**published("x"), "TopicArn": stand_in}))) == 1, "in a rehearsal"
    assert "its topic is 'arn:aws:sns:us-west-2:123456789012:shop-prod-orders'" in reason(read(app, published("x")))


def test_a_topic_made_by_the_stack_is_known_by_its_name() -> None:
    app = app_with(Topic("new-orders"), message_as(str))
    here = "arn:aws:sns:us-west-2:123456789012"
    assert len(calls(app, read(app, {**published("x"), "TopicArn": f"{here}:my-app-dev-new--orders"}))) == 1
    assert len(calls(app, read(app, {**published("x"), "TopicArn": f"{here}:my-app-dev-new--orders.fifo"}))) == 1
    for other in ("my-app-dev-orders", "my-app-dev-very--new--orders", "new--orders"):
        assert "its topic is" in reason(read(app, {**published("x"), "TopicArn": f"{here}:{other}"}))


def test_a_bare_message_is_whatever_stands_on_the_queue() -> None:
    def work(message: str, attributes: dict[str, str], message_id: str, time: datetime) -> None: ...

    app = app_with(Topic("orders", raw=True), work)
    record = {**RECORD, "messageAttributes": {"kind": {"stringValue": "paid", "dataType": "String"}}}
    given = {
        "attributes": {"kind": "paid"},
        "message_id": RECORD["messageId"],
        "time": datetime(2027, 1, 15, 8, 0, 0, 250000, tzinfo=UTC),
    }
    for body, text in ((b"hello", "hello"), ({"a": 1}, '{"a": 1}'), ([1], "[1]")):
        assert calls(app, read(app, body, record=record)) == [("work", [], {"message": text, **given})]


def test_a_bare_message_is_the_last_thing_a_body_is_taken_for() -> None:
    app = memory_app()

    @app.task(Topic("bare", raw=True))
    def bare(message: str) -> None: ...

    @app.task(Topic("orders"))
    def wrapped(message: str) -> None: ...

    assert calls(app, read(app, published("x"))) == [("wrapped", [], {"message": "x"})]
    assert [task for task, _, _ in calls(app, read(app, {"Type": "Notification"}))] == ["bare"]


def test_what_a_bare_message_does_not_have_is_refused() -> None:
    def work(message: str, subject: str) -> None: ...

    with pytest.raises(DeclarationError, match="it offers message, attributes, message_id, time"):
        app_with(Topic("orders", raw=True), work)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Topic("Orders"), "a topic that is there already goes by its ARN"),
        (lambda: Topic("arn:aws:sqs:us-west-2:123456789012:theirs"), "no ARN of a topic"),
        (lambda: Topic("arn:aws:sns:us-west-2:theirs"), "no ARN of a topic"),
        (lambda: Topic("orders", filter={}), "a filter policy of SNS maps names to lists"),
        (lambda: Topic("orders", filter={"kind": "paid"}), "as {'kind': ['paid']}"),
        (lambda: Topic("orders", filter={"kind": [object()]}), "not JSON serializable"),
    ],
)
def test_a_topic_that_cannot_be_is_refused(make: Callable[[], Topic], said: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        make()
    assert said in str(refused.value)


def test_it_is_frozen_and_equal_by_its_parts() -> None:
    assert Topic("a", filter={"x": [1]}) == Topic("a", filter={"x": [1]}) != Topic("a")
    assert len({Topic("a", filter={"x": [1]}), Topic("a", filter={"x": [1]})}) == 1
    assert repr(Topic("a", raw=True)) == "Topic('a', raw=True)"


# The template


def test_the_stack_makes_the_topic_and_subscribes_the_queue() -> None:
    asked = Topic("orders", filter={"kind": ["paid"]}).asks(target())
    assert asked.resources["TopicOrders"] == {
        "Type": "AWS::SNS::Topic",
        "Properties": {"TopicName": "shop-prod-orders"},
    }
    subscription = asked.resources["TopicOrdersDefaultQueueSubscription"]
    assert subscription["Properties"] == {
        "Protocol": "sqs",
        "TopicArn": {"Ref": "TopicOrders"},
        "Endpoint": {"Fn::GetAtt": ["DefaultQueue", "Arn"]},
        "RawMessageDelivery": False,
        "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}},
        "FilterPolicy": {"kind": ["paid"]},
        "FilterPolicyScope": "MessageAttributes",
    }
    (sender,) = asked.senders
    assert sender["Principal"] == {"Service": "sns.amazonaws.com"}
    assert sender["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "TopicOrders"}}}
    assert asked.undelivered == asked.senders
    assert not asked.statements


def test_a_topic_that_is_there_is_only_subscribed_in_its_own_region() -> None:
    asked = Topic(ARN, filter={"a": {"b": ["c"]}}, filter_body=True).asks(target())
    (subscription,) = asked.resources.values()
    assert subscription["Properties"]["TopicArn"] == ARN
    assert subscription["Properties"]["Region"] == "us-west-2"
    assert subscription["Properties"]["FilterPolicyScope"] == "MessageBody"
    (sender,) = asked.senders
    assert sender["Condition"] == {"ArnEquals": {"aws:SourceArn": ARN}}


def test_a_fifo_queue_gets_a_fifo_topic_and_refuses_another() -> None:
    topic = Topic("orders").asks(target(fifo=True)).resources["TopicOrders"]["Properties"]
    assert topic == {"TopicName": "shop-prod-orders.fifo", "FifoTopic": True, "ContentBasedDeduplication": True}
    assert not Topic("orders").asks(target(fifo=True)).undelivered, "its dead letters would have to be FIFO, too"
    with pytest.raises(DeclarationError, match="takes messages only of a FIFO topic"):
        Topic(ARN).asks(target(fifo=True))
    assert Topic(ARN + ".fifo").asks(target(fifo=True)).resources


def test_tasks_of_a_queue_share_a_subscription_and_two_filters_differ_to_see() -> None:
    one, same, other = (
        Topic("orders", filter=filter).asks(target(task))
        for task, filter in (("a", {"x": [1]}), ("b", {"x": [1]}), ("c", {"y": [1]}))
    )
    assert one == same
    assert one.resources.keys() == other.resources.keys()
    id = "TopicOrdersDefaultQueueSubscription"
    assert one.resources[id]["Metadata"] != other.resources[id]["Metadata"]
