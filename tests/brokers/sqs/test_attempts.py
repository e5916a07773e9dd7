"""Which attempt a delivery is: receipts of SQS count for it only as far as something started."""

from contextlib import suppress
from typing import Any

import pytest
from tests.aws.simulator.account import NUMBER, REGION, Account
from tests.aws.simulator.faults import Faults
from tests.brokers.sqs.stage import Deployed, again_in, create, simulated, unspent
from tests.fakes import message

from ebbtide.app import App
from ebbtide.broker import Delivery, Permit
from ebbtide.errors import StorageError
from ebbtide.events import deliveries
from ebbtide.gathered import Gathered
from ebbtide.queue import Queue
from ebbtide.retry import RetryPolicy
from ebbtide.triggers.foreign_queue import ForeignQueue

QUEUE = Queue()
FOREIGN = "orders"
LOAN = 3600.0


@pytest.fixture
def app() -> App:
    app = App("t", queues=[QUEUE])

    @app.task(name="once", retry=RetryPolicy(attempts=1))
    def once(size: str = "") -> None: ...

    @app.task(name="together", gathers=True, retry=RetryPolicy(attempts=1))
    def together(numbers: list[int]) -> None: ...

    @app.task(name="often", retry=RetryPolicy(attempts=3))
    def often() -> None: ...

    @app.task(ForeignQueue(FOREIGN), name="order", retry=RetryPolicy(attempts=1))
    def order(body: str) -> None: ...

    return app


@pytest.fixture
def broker(account: Account, app: App) -> Deployed:
    return simulated(account, [QUEUE], mapped="default", inline=1_024, app=app)


def records(broker: Deployed, queue: str) -> list[dict[str, Any]]:
    """What the poller takes from a queue now."""
    url = broker.clients.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    taken = broker.clients.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"], VisibilityTimeout=60
    )
    return [
        {
            "messageId": one["MessageId"],
            "receiptHandle": one["ReceiptHandle"],
            "body": one["Body"],
            "attributes": one["Attributes"],
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:{NUMBER}:{queue}",
        }
        for one in taken.get("Messages", [])
    ]


def invoked(broker: Deployed) -> Delivery:
    """The one message there is, as its function gets it; later receipts once its loan is over."""
    broker.clients.sqs._client.account.timeline.forward(LOAN)
    (found,) = broker.delivered(records(broker, broker.place.queue(QUEUE)))
    return found


def test_a_task_with_one_attempt_whose_first_invocations_never_came_is_still_in_its_first(broker: Deployed) -> None:
    broker.send([message("a", task="once")])
    assert [invoked(broker).attempt for _ in range(4)] == [1, 1, 1, 1]


def test_what_rides_together_is_in_the_attempt_in_which_its_messages_are(broker: Deployed) -> None:
    broker.send([message("a", task="together", args=[1])])
    invoked(broker)
    assert Gathered.of([invoked(broker)]).attempt == 1


def test_a_task_with_one_attempt_that_began_is_never_in_its_first_again(broker: Deployed) -> None:
    broker.send([message("a", task="once")])
    invoked(broker)
    broker.begin(invoked(broker))
    assert [invoked(broker).attempt for _ in range(2)] == [2, 2]


def test_a_task_with_one_attempt_that_began_at_its_first_receipt_is_in_its_second(broker: Deployed) -> None:
    broker.send([message("a", task="once")])
    broker.begin(invoked(broker))
    assert invoked(broker).attempt == 2


def test_a_task_with_one_attempt_that_was_given_back_may_still_run_once(broker: Deployed) -> None:
    broker.send([message("a", task="once")])
    broker.retry([unspent(invoked(broker))])
    begun = invoked(broker)
    assert begun.attempt == 1
    broker.begin(begun)
    broker.retry([unspent(begun)])
    again = invoked(broker)
    assert again.attempt == 1
    broker.begin(again)
    assert invoked(broker).attempt == 2


def test_of_two_receipts_of_a_task_with_one_attempt_one_runs(broker: Deployed) -> None:
    """As after an invocation that was throttled until its loan was over."""
    broker.send([message("a", task="once")])
    late, current = invoked(broker), invoked(broker)
    assert (late.attempt, current.attempt) == (1, 1)
    other = simulated_like(broker)
    assert other.begin(current) is Permit.RUN
    assert other.begin(current) is Permit.RUN
    assert broker.begin(late) is Permit.BUSY
    died = invoked(broker)
    assert died.attempt == 2
    assert broker.begin(died) is Permit.RUN  # to be buried: it is past its attempts


def test_a_start_whose_answer_was_lost_may_be_asked_for_again(broker: Deployed, account: Account) -> None:
    broker.send([message("a", task="once")])
    delivery = invoked(broker)
    account.faults = Faults(unanswered=1.0)
    with suppress(StorageError):
        broker.begin(delivery)
    account.faults = Faults()
    assert broker.begin(delivery) is Permit.RUN


def test_a_task_with_one_attempt_in_the_bucket_is_known_by_its_pointer_alone(broker: Deployed) -> None:
    broker.send([message("a", task="once", args=["x" * 2_000])])
    invoked(broker)
    delivery = invoked(broker)
    assert delivery.attempt == 1
    assert [operation for operation, _ in broker.clients.s3._client.calls] == ["CreateBucket", "PutObject"]
    broker.begin(delivery)
    assert invoked(broker).attempt == 2


def test_an_event_for_a_task_with_one_attempt_is_in_its_first_once_it_is_read(broker: Deployed, app: App) -> None:
    url = create(broker.clients, FOREIGN)
    broker.clients.sqs.send_message(QueueUrl=url, MessageBody="an order")

    def read() -> Delivery:
        broker.clients.sqs._client.account.timeline.forward(LOAN)
        (record,) = records(broker, FOREIGN)
        (delivery,) = deliveries(app, broker.delivered([record])[0], record, own=False)
        return delivery

    read()
    delivery = read()
    assert (delivery.message.task, delivery.attempt) == ("order", 1)
    broker.begin(delivery)
    assert read().attempt == 2


def test_what_a_first_start_of_a_task_with_more_attempts_takes_is_nothing(broker: Deployed) -> None:
    broker.send([message("a", task="often")])
    delivery = invoked(broker)
    made = broker.clients.dynamodb._client.calls
    before = len(made)
    broker.begin(delivery)
    assert made[before:] == []
    assert invoked(broker).attempt == 2


def test_an_attempt_counts_once_though_giving_it_back_failed_and_was_tried_again(
    broker: Deployed, account: Account
) -> None:
    broker.send([message("a", task="often")])
    invoked(broker)
    delivery = invoked(broker)
    broker.begin(delivery)
    account.faults = Faults(throttled=1.0)
    with pytest.raises(StorageError):
        broker.retry([again_in(delivery, 10)])
    account.faults = Faults()
    broker.retry([again_in(delivery, 10)])
    assert invoked(broker).attempt == 3


def test_a_first_receipt_given_back_counts_for_nothing_once_though_it_was_said_twice(broker: Deployed) -> None:
    broker.send([message("a", task="often")])
    first = invoked(broker)
    broker.retry([unspent(first)])
    broker.retry([unspent(first)])
    assert invoked(broker).attempt == 1
    broker.begin(invoked(broker))
    assert invoked(broker).attempt == 2


def test_a_stale_holder_takes_back_its_own_start_and_no_other_s(broker: Deployed) -> None:
    broker.send([message("a", task="often")])
    stale = invoked(broker)
    current = invoked(broker)
    other = simulated_like(broker)
    other.begin(current)
    for _ in range(3):
        broker.retry([unspent(stale)])
    assert invoked(broker).attempt == 2  # of the three receipts, one has begun


def simulated_like(broker: Deployed) -> Deployed:
    """Another container of the same function."""
    tasks = broker._tasks
    made = Deployed(broker.place, {"default": QUEUE}, broker.clients, tasks=tasks, mapped="default", clock=broker._now)
    made.place, made.clients, made.records = broker.place, broker.clients, broker.records
    return made


def test_a_pointer_or_attempts_that_a_stranger_wrote_are_plain_text(broker: Deployed, app: App) -> None:
    """On a queue that is not the stage's: else any of its messages could name what stands in the stage's bucket."""
    broker.send([message("a", task="once", args=["x" * 2_000])])
    pointer = invoked(broker)
    (body,) = (record["body"] for record in pointers(broker))
    url = create(broker.clients, FOREIGN)
    for text in (body, '{"claim":"none of ours"}', '{"headers":{"ebbtide-attempts":"7"}}'):
        broker.clients.sqs.send_message(QueueUrl=url, MessageBody=text)
    fetched = len(broker.clients.s3._client.calls)
    came = records(broker, FOREIGN)
    for record, delivery in zip(came, broker.delivered(came), strict=True):
        assert type(delivery) is Delivery
        assert delivery.attempt == 1
        (read,) = deliveries(app, delivery, record, own=False)
        assert (read.message.task, read.message.kwargs) == ("order", {"body": record["body"]})
    assert len(broker.clients.s3._client.calls) == fetched
    assert pointer.attempt == 1


def pointers(broker: Deployed) -> list[dict[str, Any]]:
    broker.clients.sqs._client.account.timeline.forward(LOAN)
    return records(broker, broker.place.queue(QUEUE))
