"""A holder that lost its loan: once somebody else has received the message, nothing it says has any effect.

Before that SQS takes its word, which harms nobody: it is still the last who had the message.
"""

from collections.abc import Callable

import pytest
from tests.brokers.sqs.stage import Deployed, again_in, dead, deployed, done, take, unspent
from tests.fakes import message

from ebbtide.broker import Delivery
from ebbtide.deploy.rehearsal.server import Server
from ebbtide.queue import Queue

QUEUE = Queue()

VERBS: dict[str, Callable[[Deployed, Delivery], int]] = {
    "ack": lambda broker, delivery: broker.ack([done(delivery)]),
    "retry": lambda broker, delivery: broker.retry([again_in(delivery)]),
    "hand back": lambda broker, delivery: broker.retry([unspent(delivery)]),
    "bury": lambda broker, delivery: broker.bury([dead(delivery)]),
    "extend": lambda broker, delivery: broker.extend([delivery], 0),
}


@pytest.mark.parametrize("since", ["given to another", "acknowledged by another", "buried", "redriven"])
def test_what_a_stale_holder_says_changes_nothing(aws: Server, since: str) -> None:
    broker = deployed(queues=[QUEUE])
    for number, verb in enumerate(VERBS):
        id = f"m{number}"
        broker.send([message(id)])
        (stale,) = take(broker, QUEUE)
        broker.retry([again_in(stale)])
        (other,) = take(broker, QUEUE)
        if since == "acknowledged by another":
            broker.ack([done(other)])
        if since in ("buried", "redriven"):
            broker.bury([dead(other)])
        if since == "redriven":
            broker.redrive([id])
        before = broker.depth("default"), broker.dead()
        assert VERBS[verb](broker, stale) == 0, verb
        assert (broker.depth("default"), broker.dead()) == before, verb
        broker.ack([done(delivery) for delivery in [other, *take(broker, QUEUE)]])


def test_of_a_batch_what_is_still_held_takes_effect(aws: Server) -> None:
    broker = deployed(queues=[QUEUE])
    broker.send([message("a"), message("b"), message("c")])
    a, b, c = take(broker, QUEUE)
    broker.ack([done(b)])
    assert broker.bury([dead(a), dead(b), dead(c)]) == 2
    assert sorted(letter.id for letter in broker.dead()) == sorted([a.message.id, c.message.id])
