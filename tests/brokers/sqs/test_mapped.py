"""The broker in a Lambda function: deliveries come in events, and AWS deletes what the answer does not name."""

from typing import Any

import pytest
from tests.aws.simulator.account import NUMBER, REGION, Account
from tests.brokers.sqs.stage import Deployed, again_in, dead, done, simulated, unspent
from tests.fakes import message

from ebbtide.broker import Delivery, Permit
from ebbtide.brokers.sqs import SqsBroker
from ebbtide.queue import Queue

QUEUE = Queue(lanes=2)
FOREIGN = "orders"


@pytest.fixture
def broker(account: Account) -> Deployed:
    return simulated(account, [QUEUE, Queue("mail")], mapped="mail")


def arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{NUMBER}:{name}"


def events(broker: Deployed, queue: str) -> list[dict[str, Any]]:
    """What the poller takes from a queue now, as records."""
    sqs = broker.clients.sqs
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    taken = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])
    return [
        {
            "messageId": one["MessageId"],
            "receiptHandle": one["ReceiptHandle"],
            "body": one["Body"],
            "attributes": one["Attributes"],
            "eventSourceARN": arn(queue),
        }
        for one in taken.get("Messages", [])
    ]


def invoked(broker: Deployed, lane: int = 0) -> list[Delivery]:
    return broker.delivered(events(broker, broker.place.queue(QUEUE, lane)))


def calls(broker: Deployed, act: Any) -> list[str]:
    """The operations of SQS that this takes."""
    made = broker.clients.sqs._client.calls
    before = len(made)
    act()
    return [operation for operation, _ in made[before:]]


def test_records_are_deliveries_of_the_lane_they_came_by(broker: Deployed) -> None:
    sent = [message("a", lane=1), message("b", lane=1)]
    broker.send(sent)
    found = invoked(broker, 1)
    assert [delivery.message for delivery in found] == sent
    assert {(delivery.queue, delivery.lane, delivery.attempt) for delivery in found} == {("default", 1, 1)}
    assert broker.delivered([]) == []


def test_an_invocation_that_succeeds_calls_nothing(
    broker: Deployed,
) -> None:
    broker.send([message("a")])
    (delivery,) = invoked(broker)

    def run() -> None:
        assert broker.begin(delivery) is Permit.RUN
        assert SqsBroker.ack(broker, [done(delivery)]) == 1

    assert calls(broker, run) == []


def test_what_was_acknowledged_or_buried_is_deleted_at_once_by_a_flush(broker: Deployed) -> None:
    broker.send([message("a"), message("b"), message("c")])
    a, b, c = invoked(broker)
    broker.ack([done(a)])
    broker.bury([dead(b)])
    assert broker.depth("default")[0].running == 3
    assert calls(broker, broker.flush) == ["DeleteMessageBatch"]
    assert broker.depth("default")[0].running == 1
    assert calls(broker, broker.flush) == []
    broker.ack([done(c)])
    assert calls(broker, lambda: broker.delivered([])) == []
    assert calls(broker, broker.flush) == []  # a new invocation: AWS has deleted what the one before answered for


def test_what_is_buried_is_sent_to_the_dead_letters_and_left_for_aws_to_delete(broker: Deployed) -> None:
    broker.send([message("a")])
    (delivery,) = invoked(broker)
    assert calls(broker, lambda: SqsBroker.bury(broker, [dead(delivery)]))[-1] == "SendMessageBatch"
    assert [letter.id for letter in broker.dead()] == ["a"]


def test_what_is_retried_is_visible_after_its_wait(broker: Deployed, account: Account) -> None:
    broker.send([message("a"), message("b")])
    a, b = invoked(broker)
    broker.begin(a)
    assert broker.retry([again_in(a, 10), unspent(b)]) == 2
    assert [(d.message.id, d.attempt) for d in invoked(broker)] == [("b", 1)]
    account.timeline.forward(10)
    assert [(d.message.id, d.attempt) for d in invoked(broker)] == [("a", 2)]


def test_what_is_rescheduled_for_a_wait_too_long_for_sqs_is_deleted_though_aws_is_told_it_comes_again(
    broker: Deployed,
) -> None:
    broker.send([message("a")])
    (delivery,) = invoked(broker)
    assert broker.retry([again_in(delivery, 86_400)]) == 1
    assert broker.depth("default")[0].pending == 0


def test_the_ledger_is_read_once_for_a_batch_and_only_for_what_came_before(broker: Deployed, account: Account) -> None:
    broker.send([message(f"m{number}") for number in range(5)])
    old = invoked(broker)
    for delivery in old[:2]:
        broker.begin(delivery)
    account.timeline.forward(3600)
    broker.send([message("new")])
    made = broker.clients.dynamodb._client.calls
    before = len(made)
    found = invoked(broker)
    assert [operation for operation, _ in made[before:]] == ["BatchGetItem"]
    assert len(made[before][1]["RequestItems"][broker.place.prefix]["Keys"]) == 5
    assert {delivery.message.id: delivery.attempt for delivery in found}["new"] == 1


def test_a_foreign_queue_s_message_belongs_to_the_function_s_queue_and_is_settled_where_it_came_from(
    broker: Deployed, account: Account
) -> None:
    url = broker.clients.sqs.create_queue(QueueName=FOREIGN)["QueueUrl"]
    broker.clients.sqs.send_message(QueueUrl=url, MessageBody='{"order": 1}')
    (delivery,) = broker.delivered(events(broker, FOREIGN))
    assert (delivery.queue, delivery.lane, delivery.body) == ("mail", 0, b'{"order": 1}')
    assert broker.retry([unspent(delivery, 5)]) == 1
    assert events(broker, FOREIGN) == []
    account.timeline.forward(5)
    assert len(events(broker, FOREIGN)) == 1


def test_a_key_is_run_once_however_often_it_is_delivered(broker: Deployed, account: Account) -> None:
    broker.send([message("a", key="k")])
    (first,) = invoked(broker)
    assert broker.begin(first) is Permit.RUN
    account.timeline.forward(59)
    copy = broker.delivered(
        [
            {
                "messageId": "m",
                "receiptHandle": "another",
                "body": first.body.decode(),
                "attributes": {"ApproximateReceiveCount": "2"},
                "eventSourceARN": arn(broker.place.queue(QUEUE)),
            }
        ]
    )[0]
    assert broker.begin(copy) is Permit.BUSY
    broker.ack([done(first)])
    assert broker.begin(copy) is Permit.DONE
