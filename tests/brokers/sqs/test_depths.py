"""How full a stage's queues are, as far as SQS tells."""

from typing import Any

import pytest
from tests.aws.simulator.account import Account
from tests.aws.simulator.service import Answer
from tests.aws.simulator.sqs import SqsClient
from tests.brokers.sqs.stage import Deployed, dead, simulated, take
from tests.fakes import NOON, message

from ebbtide.broker import Depth
from ebbtide.brokers.sqs.letters import FRESH
from ebbtide.errors import StorageError
from ebbtide.queue import Queue

QUEUE = Queue(lanes=3)
OTHER = Queue("other")
NOT_DEPLOYED = Queue("idle")


@pytest.fixture
def broker(account: Account) -> Deployed:
    return simulated(account, [QUEUE, OTHER])


def test_each_lane_is_counted_by_state(broker: Deployed) -> None:
    broker.send([message("a"), message("b"), message("c", run_after=NOON + 60), message("d", lane=2)])
    take(broker, Queue(), limit=1)
    assert broker.depth("default") == [Depth(ready=1, delayed=1, running=1), Depth(), Depth(ready=1)]


def test_letters_are_counted_on_the_lane_they_are_of(broker: Deployed) -> None:
    broker.send([message("a", lane=1), message("b", lane=1), message("c", queue="other")])
    broker.bury([dead(delivery) for delivery in take(broker, QUEUE) + take(broker, OTHER)])
    assert [depth.dead for depth in broker.depth("default")] == [0, 2]
    assert [depth.dead for depth in broker.depth("other")] == [1]


def test_to_look_again_soon_does_not_list_the_letters_anew(broker: Deployed) -> None:
    broker.send([message("a")])
    broker.bury([dead(take(broker, QUEUE)[0])])
    broker.depth("default")
    looks = len(broker.clients.sqs._client.calls)
    broker.depth("default")
    calls = [name for name, _ in broker.clients.sqs._client.calls[looks:]]
    assert set(calls) == {"GetQueueAttributes"}
    assert FRESH > 1


def test_the_only_lane_of_its_kind_needs_no_list(account: Account) -> None:
    broker = simulated(account, [OTHER])
    broker.send([message("a", queue="other")])
    broker.bury([dead(take(broker, OTHER)[0])])
    before = len(broker.clients.sqs._client.calls)
    assert broker.depth("other") == [Depth(dead=1)]
    assert "ReceiveMessage" not in [name for name, _ in broker.clients.sqs._client.calls[before:]]


def test_a_queue_that_is_declared_and_not_deployed_is_empty(broker: Deployed) -> None:
    queues = broker._urls.queues
    assert isinstance(queues, dict)
    queues["idle"] = NOT_DEPLOYED
    assert broker.depth("idle") == [Depth()]
    assert take(broker, NOT_DEPLOYED) == []


def test_a_stage_that_is_not_there_is_an_error(broker: Deployed) -> None:
    for queue in list(broker.clients.sqs._client.account.queues):
        del broker.clients.sqs._client.account.queues[queue]
    with pytest.raises(StorageError, match="get_queue_url for the simulated stage") as error:
        broker.depth("default")
    assert error.value.code == "AWS.SimpleQueueService.NonExistentQueue"
    with pytest.raises(StorageError):
        take(broker, QUEUE)


class Guarded(SqsClient):
    """SQS whose dead letters nobody may look at, as for a worker's role."""

    def _receive_message(self, QueueUrl: str, *positional: Any, **given: Any) -> Answer:
        if "dead-letters" in QueueUrl:
            raise self.refusal("ReceiveMessage", "AccessDenied", "no", status=403)
        return super()._receive_message(QueueUrl, *positional, **given)


def test_who_may_not_look_at_the_letters_is_told_of_none(account: Account) -> None:
    broker = simulated(account, [QUEUE, OTHER], sqs=Guarded)
    broker.send([message("a"), message("b")])
    broker.bury([dead(take(broker, QUEUE, limit=1)[0])])
    assert broker.depth("default") == [Depth(ready=1)]
    with pytest.raises(StorageError, match="AccessDenied"):
        broker.dead()
