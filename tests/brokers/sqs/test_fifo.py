"""FIFO queues, and groups on those that are not."""

from typing import Any

import pytest
from tests.aws.simulator.account import Account
from tests.brokers.sqs.stage import Deployed, again_in, dead, done, ids, simulated, take
from tests.fakes import NOON, message

from ebbtide.message import Message
from ebbtide.queue import Queue

FIFO = Queue("orders", fifo=True, timeout=10)
PLAIN = Queue()


@pytest.fixture
def broker(account: Account) -> Deployed:
    return simulated(account, [FIFO, PLAIN])


def sent(id: str, **fields: Any) -> Message:
    return message(id, queue="orders", **fields)


def calls(broker: Deployed, operation: str) -> list[dict[str, Any]]:
    return [given for name, given in broker.clients.sqs._client.calls if name == operation]


def test_of_a_group_one_is_out_at_a_time_in_the_order_sent(broker: Deployed) -> None:
    broker.send([sent(id, group="g") for id in "abc"])
    for expected in "abc":
        (delivery,) = take(broker, FIFO, limit=1)
        assert delivery.message.id == expected
        assert take(broker, FIFO) == []
        broker.ack([done(delivery)])


def test_a_group_waits_for_a_retry_of_its_first(broker: Deployed, account: Account) -> None:
    broker.send([sent("a", group="g"), sent("b", group="g")])
    (first,) = take(broker, FIFO, limit=1)
    broker.begin(first)
    broker.retry([again_in(first, 10)])
    assert take(broker, FIFO) == []
    account.timeline.forward(10)
    (first,) = take(broker, FIFO, limit=1)
    assert (first.message.id, first.attempt) == ("a", 2)


def test_a_group_goes_on_after_the_death_of_its_first(broker: Deployed) -> None:
    broker.send([sent("a", group="g"), sent("b", group="g")])
    assert broker.bury([dead(take(broker, FIFO, limit=1)[0])]) == 1
    assert ids(take(broker, FIFO)) == ["b"]
    assert [letter.id for letter in broker.dead()] == ["a"]


def test_other_groups_pass_and_messages_without_one_are_a_group_of_their_task(broker: Deployed) -> None:
    broker.send([sent("a", group="g"), sent("b", group="g"), sent("c", group="h"), sent("d"), sent("e")])
    broker.send([sent("f", task="other")])
    first = [take(broker, FIFO, limit=1) for _ in range(5)]
    assert [ids(taken) for taken in first] == [["a"], ["c"], ["d"], ["f"], []]


def test_the_same_message_sent_twice_is_stored_once(broker: Deployed) -> None:
    assert broker.send([sent("a", group="g"), sent("a", group="g")]) == ["a", "a"]
    assert ids(take(broker, FIFO)) == ["a"]


def test_a_delay_on_a_fifo_queue_is_a_schedule_however_short(broker: Deployed, account: Account) -> None:
    broker.send([sent("a", group="g", run_after=NOON + 20)])
    assert broker.depth("orders")[0].pending == 0
    account.timeline.forward(81)
    assert ids(take(broker, FIFO)) == ["a"]


def test_all_letters_of_one_group_can_be_listed_redriven_and_die_again_within_minutes(broker: Deployed) -> None:
    names = [f"m{number:02}" for number in range(12)]
    broker.send([sent(name, group="g") for name in names])
    for _ in range(2):
        for _ in names:
            broker.bury([dead(take(broker, FIFO, limit=1)[0])])
        assert [letter.id for letter in broker.dead()] == names
        assert broker.redrive(names) == 12
    assert broker.dead() == []
    assert ids(take(broker, FIFO, limit=1)) != []


def test_a_redriven_message_stands_behind_its_group(broker: Deployed) -> None:
    broker.send([sent("a", group="g"), sent("b", group="g")])
    broker.bury([dead(take(broker, FIFO, limit=1)[0])])
    (b,) = take(broker, FIFO, limit=1)
    broker.redrive(["a"])
    assert take(broker, FIFO) == []
    broker.ack([done(b)])
    assert ids(take(broker, FIFO)) == ["a"]


def test_a_large_message_of_a_group_is_redriven_into_it(broker: Deployed) -> None:
    broker.send([sent("a", group="g", args=["x" * 300_000])])
    broker.bury([dead(take(broker, FIFO)[0])])
    broker.redrive(["a"])
    assert calls(broker, "SendMessage")[-1]["MessageGroupId"] == "g"
    assert len(take(broker, FIFO)[0].message.args[0]) == 300_000


@pytest.mark.parametrize("group", ["caf\u00e9", "two words", "\u4e00" * 128])
def test_a_group_may_be_called_what_sqs_would_not_take(broker: Deployed, group: str) -> None:
    broker.send([sent("a", group=group), sent("b", group=group), sent("c", group=f"{group[:-1]}!")])
    assert [ids(take(broker, FIFO, limit=1)) for _ in range(3)] == [["a"], ["c"], []]


def test_a_group_on_a_standard_queue_is_a_tenant_of_a_fair_queue_and_holds_up_nobody(broker: Deployed) -> None:
    broker.send([message("a", group="g"), message("b", group="g"), message("c")])
    (batch,) = calls(broker, "SendMessageBatch")
    assert [entry.get("MessageGroupId") for entry in batch["Entries"]] == ["g", "g", None]
    assert sorted(ids(take(broker, PLAIN))) == ["a", "b", "c"]
