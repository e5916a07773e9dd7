"""What a receiver hears of a message beside its body, for bodies that another system may have written."""

from typing import Any

from tests.aws.simulator.account import Account
from tests.brokers.sqs.stage import simulated, take
from tests.fakes import NOON

from ebbtide.app import App
from ebbtide.events import deliveries
from ebbtide.queue import Queue
from ebbtide.trigger import Trigger

QUEUE = Queue("mail")


class Text(Trigger):
    """Reads bare text."""

    def check(self, task: str, parameters: Any) -> None: ...

    def reads(self, task: str, event: Any) -> bool:
        return True

    def arguments(self, event: Any) -> tuple[list[Any], dict[str, Any]]:
        return [event["body"]], {}


def test_a_foreign_message_is_read_with_its_id_its_group_and_the_time_it_was_sent(account: Account) -> None:
    broker = simulated(account, [QUEUE])
    app = App("t", queues=[QUEUE], broker=lambda: broker)

    @app.task(Text(), queue="mail")
    def note(text: str) -> None: ...

    sqs = broker.clients.sqs
    url = sqs.get_queue_url(QueueName="t-test-mail")["QueueUrl"]
    sent = sqs.send_message(QueueUrl=url, MessageBody="hello", MessageGroupId="tenant")
    (taken,) = take(broker, QUEUE)
    (found,) = deliveries(app, taken)
    message = found.until(NOON).message
    assert (message.id, message.group, message.args) == (sent["MessageId"], "tenant", ["hello"])
    assert message.enqueued_at == account.timeline.now
