"""Delays, retries and loans on SQS, in simulated time, to the second."""

import pytest
from tests.aws.simulator.account import Account
from tests.brokers.sqs.stage import Deployed, again_in, dead, done, ids, simulated, take, unspent
from tests.fakes import NOON, message

from ebbtide.broker import Permit
from ebbtide.brokers.sqs import SqsBroker
from ebbtide.queue import Queue
from ebbtide.result import Status

QUEUE = Queue(timeout=10, visibility=100)
DAY = 86_400.0


@pytest.fixture
def broker(account: Account) -> Deployed:
    return simulated(account, [QUEUE])


def test_a_delay_that_sqs_can_hold_waits_on_the_queue(broker: Deployed, account: Account) -> None:
    broker.send([message("a", run_after=NOON + 899.5)])
    assert broker.depth("default")[0].delayed == 1
    account.timeline.forward(899)
    assert take(broker, QUEUE) == []
    account.timeline.forward(1)
    assert ids(take(broker, QUEUE)) == ["a"]


@pytest.mark.parametrize("delay", [901.0, 30 * DAY])
def test_a_longer_delay_comes_by_a_schedule_within_its_minute_and_never_early(
    broker: Deployed, account: Account, delay: float
) -> None:
    broker.send([message("a", run_after=NOON + delay)])
    assert broker.depth("default")[0].pending == 0
    account.timeline.forward(delay - 1)
    assert take(broker, QUEUE) == []
    account.timeline.forward(62)
    (delivery,) = take(broker, QUEUE)
    assert (delivery.message.id, delivery.attempt) == ("a", 1)


def test_what_is_retried_comes_back_after_its_wait_with_the_next_attempt(broker: Deployed, account: Account) -> None:
    broker.send([message("a")])
    (delivery,) = take(broker, QUEUE)
    broker.begin(delivery)
    assert broker.retry([again_in(delivery, 30)]) == 1
    account.timeline.forward(29)
    assert take(broker, QUEUE) == []
    account.timeline.forward(1)
    assert [(d.message.id, d.attempt) for d in take(broker, QUEUE)] == [("a", 2)]


@pytest.mark.parametrize("size", [1, 300_000], ids=["inline", "in the bucket"])
def test_a_wait_beyond_twelve_hours_goes_by_a_schedule_and_keeps_its_attempts(
    broker: Deployed, account: Account, size: int
) -> None:
    broker.send([message("a", args=["x" * size], headers={"h": "1"})])
    waited = 3 * DAY
    for attempt in (1, 2, 3):
        (delivery,) = take(broker, QUEUE)
        assert broker.begin(delivery) is Permit.RUN
        assert (delivery.attempt, len(delivery.message.args[0])) == (attempt, size)
        assert broker.retry([again_in(delivery, waited)]) == 1
        assert broker.depth("default")[0].pending == 0
        account.timeline.forward(waited - 1)
        assert take(broker, QUEUE) == []
        account.timeline.forward(62)


def test_a_redriven_letter_has_all_its_attempts_again_even_after_a_long_wait(
    broker: Deployed, account: Account
) -> None:
    broker.send([message("a", headers={"h": "1"})])
    broker.retry([again_in(take(broker, QUEUE)[0], DAY)])
    account.timeline.forward(DAY + 60)
    (delivery,) = take(broker, QUEUE)
    assert delivery.attempt == 2
    broker.bury([dead(delivery)])
    broker.redrive(["a"])
    (delivery,) = take(broker, QUEUE)
    assert (delivery.attempt, delivery.message.headers) == (1, {"h": "1"})


def test_a_loan_given_late_is_retried_within_the_twelve_hours_that_sqs_counts_from_the_receipt(
    broker: Deployed, account: Account
) -> None:
    broker.send([message("a")])
    (delivery,) = take(broker, QUEUE)
    for _ in range(10):
        account.timeline.forward(90)
        assert broker.extend([delivery], 100) == 1
    assert broker.extend([delivery], 43_200) == 1  # cut to what is left of the twelve hours
    account.timeline.forward(43_200 - 901)
    assert take(broker, QUEUE) == []
    account.timeline.forward(2)
    assert ids(take(broker, QUEUE)) == ["a"]


def test_a_batch_may_mix_waits_and_unstarted_ones(broker: Deployed, account: Account) -> None:
    broker.send([message("a"), message("b"), message("c")])
    a, b, c = sorted(take(broker, QUEUE), key=lambda delivery: delivery.message.id)
    assert broker.retry([again_in(a, 10), unspent(b, 5), again_in(c)]) == 3
    assert [(d.message.id, d.attempt) for d in take(broker, QUEUE)] == [("c", 2)]
    account.timeline.forward(5)
    assert [(d.message.id, d.attempt) for d in take(broker, QUEUE)] == [("b", 1)]
    account.timeline.forward(5)
    assert [(d.message.id, d.attempt) for d in take(broker, QUEUE)] == [("a", 2)]


def test_receives_that_started_nothing_spend_no_attempt(broker: Deployed, account: Account) -> None:
    broker.send([message("a")])
    for _ in range(20):
        (delivery,) = take(broker, QUEUE)
        assert delivery.attempt == 1
        broker.retry([unspent(delivery)])
    (delivery,) = take(broker, QUEUE)
    broker.begin(delivery)
    account.timeline.forward(101)  # its holder dies
    for attempt in (2, 3):
        (delivery,) = take(broker, QUEUE)
        assert delivery.attempt == attempt
        broker.begin(delivery)
        account.timeline.forward(101)


def test_a_start_that_is_handed_back_unspent_counts_for_nothing(broker: Deployed, account: Account) -> None:
    broker.send([message("a")])
    for _ in range(5):
        (delivery,) = take(broker, QUEUE)
        broker.begin(delivery)
        assert delivery.attempt == 1
        broker.retry([unspent(delivery)])


def test_a_message_that_succeeds_at_once_costs_nothing_but_its_sqs_calls(broker: Deployed) -> None:
    broker.send([message("a")])
    (delivery,) = take(broker, QUEUE)
    table = broker.clients.dynamodb._client
    before = len(table.calls)
    broker.begin(delivery)
    assert SqsBroker.ack(broker, [done(delivery)]) == 1  # without the record, which is the runner's to write
    assert len(table.calls) == before


def test_the_record_of_a_redriven_task_is_ready_again(broker: Deployed) -> None:
    broker.send([message("a")])
    broker.bury([dead(take(broker, QUEUE)[0])])
    assert broker.load(["a"])["a"].status is Status.FAILED
    broker.redrive(["a"])
    assert broker.load(["a"])["a"].status is Status.READY


def test_a_long_delay_of_a_body_that_a_schedule_must_escape_goes_by_the_bucket(
    broker: Deployed, account: Account
) -> None:
    text = "<aws.scheduler." * 12_000
    broker.send(
        [message("a", args=[text], run_after=NOON + DAY), message("b", args=["x" * 250_000], run_after=NOON + DAY)]
    )
    account.timeline.forward(DAY + 61)
    assert {d.message.id: len(d.message.args[0]) for d in take(broker, QUEUE)} == {"a": len(text), "b": 250_000}
