"""A stage as the template makes it, made by hand: queues, dead letters, table, bucket, schedule group."""

import os
import time
from collections.abc import Callable, Iterable, Sequence

from tests.aws.ministack import unique
from tests.aws.simulator.account import Account
from tests.aws.simulator.dynamodb import DynamoDbClient
from tests.aws.simulator.s3 import S3Client
from tests.aws.simulator.scheduler import SchedulerClient
from tests.aws.simulator.sqs import SqsClient
from tests.aws.simulator.stage import SimulatedClients

from ebbtide.app import App
from ebbtide.broker import Broker, Delivery, Settlement
from ebbtide.brokers.sqs import Clients, SqsBroker
from ebbtide.brokers.sqs.clients import account_of
from ebbtide.message import Message
from ebbtide.physical import Place
from ebbtide.queue import Queue
from ebbtide.result import Record, Records, Report, Status, TaskError
from ebbtide.results.dynamodb import DynamoDbResults


def made(clients: Clients, place: Place, queues: Iterable[Queue]) -> None:
    """Have all of it in the clients' account."""
    url = ""
    kinds = set()
    for queue in queues:
        kinds.add(queue.fifo)
        for lane in range(queue.lanes):
            url = create(clients, place.queue(queue, lane))
    for fifo in kinds | {False}:
        create(clients, place.dead_letters(fifo))
    clients.dynamodb.create_table(
        TableName=place.prefix,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    where = {} if clients.region == "us-east-1" else {"LocationConstraint": clients.region}
    more = {"CreateBucketConfiguration": where} if where else {}
    clients.s3.create_bucket(Bucket=place.bucket(account_of(url), clients.region), **more)
    clients.scheduler.create_schedule_group(Name=place.prefix)


def create(clients: Clients, name: str) -> str:
    """A queue of this name; its URL."""
    attributes = {"MessageRetentionPeriod": "1209600"}
    if name.endswith(".fifo"):
        attributes["FifoQueue"] = "true"
    return str(clients.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


class Deployed(SqsBroker, Records):
    """A stage's broker with its records told as `App.submit` and `execute.settle` tell them."""

    place: Place
    clients: Clients
    records: DynamoDbResults

    def send(self, messages: Sequence[Message]) -> list[str]:
        self.records.save([Report(m.id, m.task, Status.READY, 0, 60.0, m.enqueued_at) for m in messages])
        return super().send(messages)

    def ack(self, settled: Sequence[Settlement]) -> int:
        self._save(settled)
        return super().ack(settled)

    def retry(self, settled: Sequence[Settlement]) -> int:
        self._save(settled)
        return super().retry(settled)

    def bury(self, settled: Sequence[Settlement]) -> int:
        self._save(settled)
        return super().bury(settled)

    def _save(self, settled: Sequence[Settlement]) -> None:
        self.records.save([one.report for one in settled if one.report and one.report.keep])

    def load(self, ids: Sequence[str]) -> dict[str, Record]:
        return self.records.load(ids)

    def wait(self, id: str, timeout: float | None) -> Record | None:
        return self.records.wait(id, timeout)

    def purge(self) -> int:
        return self.records.purge()


QUEUES = (Queue(lanes=3), Queue("money", lanes=2), Queue("other"), Queue("one"), Queue("two"))
"""What the contract's tests send to."""

_clients: dict[str, Clients] = {}


def clients_here() -> Clients:
    """Clients of the stand-in that the environment names, made once."""
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    return _clients.setdefault(endpoint, Shared())


class Shared(Clients):
    """Clients of many tests, which none of them closes: to make them anew takes longer than a test."""

    def close(self) -> None:
        return None


def deployed(
    clock: Callable[[], float] = time.time, queues: Iterable[Queue] = QUEUES, mapped: str | None = None
) -> Deployed:
    """The broker of a new stage. The environment says where AWS, or what stands in for it, is."""
    place = Place(unique("t"), "test")
    queues = tuple(queues)
    made(clients_here(), place, queues)
    return again(place, clock, queues, mapped)


def again(
    place: Place, clock: Callable[[], float], queues: Iterable[Queue] = QUEUES, mapped: str | None = None
) -> Deployed:
    """Another broker of a stage."""
    broker = Deployed(place, {queue.name: queue for queue in queues}, clients_here(), mapped=mapped, clock=clock)
    broker.place, broker.clients = place, clients_here()
    broker.records = DynamoDbResults(broker.table, broker.claims, clock)
    return broker


def simulated(
    account: Account,
    queues: Iterable[Queue] = QUEUES,
    mapped: str | None = None,
    inline: int = 262_144,
    sqs: type[SqsClient] = SqsClient,
    app: App | None = None,
) -> Deployed:
    """The broker of a new stage in a simulated account, by its clock."""
    services = {
        "sqs": sqs(account),
        "dynamodb": DynamoDbClient(account),
        "s3": S3Client(account),
        "scheduler": SchedulerClient(account),
    }
    clients = SimulatedClients(services)
    place, queues, time = Place("t", "test"), tuple(queues), account.timeline
    made(clients, place, queues)
    by_name = {queue.name: queue for queue in queues}
    tasks = app.tasks if app else {}
    broker = Deployed(place, by_name, clients, tasks=tasks, mapped=mapped, inline=inline, clock=time, sleep=time.sleep)
    broker.place, broker.clients = place, clients
    broker.records = DynamoDbResults(broker.table, broker.claims, time, time.sleep)
    return broker


# What tests say of a delivery, as a runner would


def take(broker: Broker, queue: Queue, limit: int = 100, wait: float = 0.0) -> list[Delivery]:
    return broker.receive([queue], limit, wait)


def ids(deliveries: Iterable[Delivery]) -> list[str]:
    return [delivery.message.id for delivery in deliveries]


def report(delivery: Delivery, status: Status, error: TaskError | None = None) -> Report:
    sent = delivery.message
    at = sent.enqueued_at
    return Report(sent.id, sent.task, status, delivery.attempt, 60.0, at, at, at + 1, error=error)


def done(delivery: Delivery) -> Settlement:
    return Settlement(delivery, report(delivery, Status.SUCCESSFUL)._replace(value="1"))


def again_in(delivery: Delivery, wait: float = 0.0) -> Settlement:
    error = TaskError("shop.Boom", "no", "Traceback", delivery.attempt)
    return Settlement(delivery, report(delivery, Status.READY, error)._replace(finished_at=None), wait)


def dead(delivery: Delivery, said: str = "no", traceback: str = "Traceback") -> Settlement:
    error = TaskError("shop.Boom", said, traceback, delivery.attempt)
    return Settlement(delivery, report(delivery, Status.FAILED, error))


def unspent(delivery: Delivery, wait: float = 0.0) -> Settlement:
    return Settlement(delivery, None, wait, spent=False)
