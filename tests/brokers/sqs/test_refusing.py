"""The storm limit at the broker: what is beyond it is a dead letter with the reason, and nothing else is touched."""

import pytest
from tests.aws.simulator.account import Account
from tests.brokers.sqs.stage import Deployed, ids, simulated, take
from tests.fakes import NOON

from ebbtide.message import Lineage, Message
from ebbtide.queue import Queue
from ebbtide.result import Status

QUEUE = Queue(storm_limit=3)
CALM = Queue("calm")


@pytest.fixture
def broker(account: Account) -> Deployed:
    return simulated(account, [QUEUE, CALM])


def child(id: str, root: str = "root", queue: str = "default") -> Message:
    return Message(id, "work", queue, Lineage(root, "parent", 1, ("start",)), NOON)


def test_descendants_beyond_the_limit_are_letters_that_say_why(broker: Deployed) -> None:
    sent = [child(f"m{number}") for number in range(5)]
    assert broker.send(sent) == [message.id for message in sent]
    assert sorted(ids(take(broker, QUEUE))) == ["m0", "m1", "m2"]
    letters = broker.dead()
    assert [letter.id for letter in letters] == ["m3", "m4"]
    assert letters[0].error.exception_class == "ebbtide.errors.StormLimit"
    assert letters[0].error.message == (
        "root root has sent queue 'default' the 3 messages of its storm_limit: ... > start > work; "
        "end the loop or raise the limit, then redrive"
    )
    assert broker.load(["m0", "m3"])["m0"].status is Status.READY
    assert broker.load(["m0", "m3"])["m3"].status is Status.FAILED


def test_the_limit_is_of_one_root_on_one_queue_and_not_for_who_starts_a_chain(broker: Deployed) -> None:
    broker.send([child(f"a{number}", root="a") for number in range(3)])
    broker.send([child(f"b{number}", root="b") for number in range(3)])
    broker.send([child(f"c{number}", queue="calm") for number in range(9)])
    broker.send([Message(f"d{number}", "work", "default", Lineage(f"d{number}"), NOON) for number in range(9)])
    assert broker.dead() == []
    broker.send([child("late", root="a")])
    assert [letter.id for letter in broker.dead()] == ["late"]


def test_a_letter_of_a_storm_can_be_redriven(broker: Deployed) -> None:
    broker.send([child(f"m{number}") for number in range(4)])
    assert broker.redrive(["m3"]) == 1
    assert sorted(ids(take(broker, QUEUE))) == ["m0", "m1", "m2", "m3"]
