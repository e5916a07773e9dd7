"""What a task's own queue hands over: envelopes, those that SQS moved there, and those kept in the stage's bucket."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.aws.simulator.account import Account
from tests.brokers.sqs.stage import Deployed, simulated, take
from tests.fakes import message

from ebbtide.app import App
from ebbtide.contrib.async_lambda import AsyncLambdaController, ManagedSQSEvent
from ebbtide.contrib.async_lambda.managed import Managed, _decoded
from ebbtide.contrib.async_lambda.wire import Envelope
from ebbtide.execute import execute

DELAYED = {"key": "k", "key_window": 60.0, "run_after": 1.0, "expires_at": 2.0}


def event_of(**fields: Any) -> dict[str, Any]:
    ours = message("m", "A", "A", **fields)
    return {"eventSource": "aws:sqs", "body": Envelope("B", "A", "i", "1", ours=ours).encode().decode()}


def test_key_and_times_of_a_message_are_those_it_was_sent_with() -> None:
    about = Managed(invoked=True).about("A", event_of(**DELAYED))
    assert {name: about[name] for name in DELAYED} == DELAYED


def test_a_message_that_sqs_moved_to_another_tasks_queue_leaves_its_key_and_times_behind() -> None:
    """Else it could expire there, or pass for done as the one before it under that key."""
    about = Managed(invoked=True).about("D", event_of(**DELAYED, priority=3))
    assert (about["id"], about["priority"]) == ("m", 3)
    assert not DELAYED.keys() & about.keys()


def test_nothing_of_a_message_is_kept_in_memory_once_it_is_read() -> None:
    trigger, event = Managed(invoked=True), event_of()
    assert trigger.reads("A", event)
    assert trigger.arguments(event) == ([1], {})
    trigger.about("A", event)
    assert _decoded.cache_info().currsize == 0


@pytest.fixture
def account() -> Iterator[Account]:
    made = Account()
    yield made
    made.timeline.close()


class Shop:
    """One task on a stage whose queues take a thousand bytes; `fails`: it does."""

    def __init__(self, account: Account) -> None:
        controller = AsyncLambdaController()
        self.seen: list[int] = []
        self.fails = False

        @controller.async_task("A", max_receive_count=2)
        def note(event: ManagedSQSEvent) -> None:
            if self.fails:
                raise ValueError("no")
            self.seen.append(len(event.payload))

        self.invoke = controller.async_invoke
        self.account = account
        self.app: App = controller.app()
        self.broker: Deployed = simulated(account, self.app.queues.values(), inline=1_000, app=self.app)
        self.app._ports = (self.broker, self.broker.records)
        self.app.now = account.timeline

    def run(self, after: float = 0.0) -> list[str]:
        """What becomes of what there is in so many seconds."""
        self.account.timeline.forward(after)
        return [type(execute(self.app, one)).__name__ for one in take(self.broker, self.app.queues["A"])]


def test_a_large_message_waits_in_the_stages_bucket_through_retries_dead_letters_and_long_delays(
    account: Account,
) -> None:
    shop = Shop(account)
    shop.fails = True
    shop.invoke("A", "x" * 5_000)
    assert [shop.run(), shop.run(after=1_000)] == [["TryAgain"], ["Failed"]]
    (letter,) = shop.broker.dead()
    assert (letter.queue, letter.task, len(letter.body) > 5_000) == ("A", "A", True)
    shop.fails = False
    shop.broker.redrive([letter.id])
    shop.invoke("A", "x" * 6_000, delay=2_000)
    assert [shop.run(), shop.run(after=2_100)] == [["Succeeded"], ["Succeeded"]]
    assert shop.seen == [5_000, 6_000]


def test_while_the_bucket_cannot_be_read_no_attempt_is_spent(account: Account) -> None:
    shop = Shop(account)
    shop.invoke("A", "x" * 5_000)
    s3 = shop.broker.clients.s3._client
    kept, s3.buckets = s3.buckets, {}
    assert [shop.run(after=100) for _ in range(4)] == [["NotYet"]] * 4
    s3.buckets = kept
    assert shop.run(after=100) == ["Succeeded"]
