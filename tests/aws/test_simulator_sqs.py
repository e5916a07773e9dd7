"""The simulated SQS does what AWS documents, also where MiniStack and moto do not, and goes wrong as AWS may."""

from collections import Counter

import botocore.exceptions
import pytest
from tests.aws.simulator.account import Account
from tests.aws.simulator.faults import Faults
from tests.aws.simulator.scripts import SCRIPTS, Desk, Script, played
from tests.aws.simulator.sqs import SqsClient


@pytest.mark.parametrize("steps", SCRIPTS, ids=lambda steps: steps.name)
def test_it_does_what_is_documented(steps: Script) -> None:
    account = Account(seed=1)
    assert played(SqsClient(account), steps, account.timeline.sleep) == steps.expected, steps.source


def desk(faults: Faults, seed: int = 1) -> Desk:
    return Desk(SqsClient(Account(seed, faults)))


def test_parameters_are_checked_as_boto3_does() -> None:
    here = desk(Faults())
    with pytest.raises(botocore.exceptions.ParamValidationError, match="Unknown parameter"):
        here.sqs.get_queue_url(QueueName="a", Colour="red")
    with pytest.raises(AttributeError):
        here.sqs.send_massage()
    with pytest.raises(here.sqs.exceptions.QueueDoesNotExist):
        here.sqs.get_queue_url(QueueName="a")


def test_the_same_seed_gives_the_same_history() -> None:
    def history(seed: int) -> list[object]:
        here = desk(Faults(duplicate=0.3, unseen=0.3, entry=0.3), seed)
        url = here.queue(VisibilityTimeout=0)
        entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(10)]
        return [here.batch(url, entries), *([m["Body"] for m in here.take(url)] for _ in range(5))]

    assert history(1) == history(1)
    assert history(1) != history(2)


def test_a_standard_queue_may_give_a_message_to_two_at_a_time() -> None:
    here = desk(Faults(duplicate=1.0))
    url = here.queue()
    here.send(url, "a")
    assert [here.bodies(url), here.bodies(url)] == [["a"], ["a"]]


def test_a_fifo_queue_gives_none_twice() -> None:
    here = desk(Faults(duplicate=1.0, ghost=1.0))
    url = here.queue(fifo=True, ContentBasedDeduplication="true")
    here.send(url, "a", MessageGroupId="g")
    (message,) = here.take(url)
    here.delete(url, message)
    here.sqs.account.timeline.sleep(3600)
    assert here.take(url) == []


def test_a_deleted_message_may_come_back_once() -> None:
    here = desk(Faults(ghost=1.0))
    url = here.queue()
    here.send(url, "a")
    for expected in (1, 1, 0):
        found = here.take(url)
        assert len(found) == expected
        for message in found:
            here.delete(url, message)
        here.sqs.account.timeline.sleep(61)


def test_a_short_poll_may_miss_what_a_long_one_sees() -> None:
    here = desk(Faults(unseen=1.0))
    url = here.queue()
    here.send(url, "a")
    assert here.take(url) == []
    assert here.bodies(url, WaitTimeSeconds=1) == ["a"]


def test_an_older_receipt_of_a_standard_queue_may_or_may_not_delete() -> None:
    seen: Counter[object] = Counter()
    for seed in range(60):
        here = desk(Faults(stale=0.5, silent=0.5), seed)
        url = here.queue(VisibilityTimeout=0)
        here.send(url, "a")
        (older,), _ = here.take(url), here.take(url)
        seen[here.refused(here.delete, url, older), len(here.take(url))] += 1
    assert set(seen) == {("", 0), ("", 1), ("InvalidParameterValue", 1)}


def test_one_entry_may_fail_by_sqs_own_fault() -> None:
    here = desk(Faults(entry=1.0))
    url = here.queue()
    assert here.batch(url, [{"Id": "a", "MessageBody": "x"}]) == [("a", "InternalError", False)]
    assert here.counts(url) == [0, 0, 0]


def test_a_throttled_call_did_nothing_and_an_unanswered_one_did_it() -> None:
    here = desk(Faults())
    url = here.queue()
    for faults, stored in ((Faults(throttled=1.0), 0), (Faults(unanswered=1.0), 1)):
        here.sqs.account.faults = faults
        with pytest.raises((botocore.exceptions.ClientError, botocore.exceptions.ReadTimeoutError)):
            here.send(url, "a")
        here.sqs.account.faults = Faults()
        assert here.counts(url) == [stored, 0, 0]


@pytest.mark.parametrize(("fifo", "answer"), [(False, "OverLimit"), (True, "")])
def test_so_many_messages_at_most_are_on_loan(fifo: bool, answer: str) -> None:
    here = desk(Faults())
    url = here.queue(fifo=fifo)
    queue = here.sqs.account.queues[url.rpartition("/")[2]]
    assert queue.most_in_flight == 120_000
    queue.most_in_flight = 5
    for number in range(6):
        queue.put(str(number), {}, None, str(number), None)
    assert len(here.take(url, limit=5)) == 5
    assert here.refused(here.take, url) == answer
