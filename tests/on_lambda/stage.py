"""A deployed function without AWS: a broker that does what a stage's does in memory, and events as the poller makes."""

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

from ebbtide.app import App, Middleware
from ebbtide.broker import Delivery, Permit, Settlement
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.errors import StorageError
from ebbtide.message import Message
from ebbtide.on_lambda.handler import Function
from ebbtide.on_lambda.settings import Settings
from ebbtide.queue import Queue
from ebbtide.result import Record, Report, ResultStore, fold

ARN = "arn:aws:sqs:eu-west-1:123456789012:t-prod-default"


class Mapped(MemoryBroker, ResultStore):
    """Says what it was told. trouble: verbs that raise StorageError, each with the task ids it concerns (None: all)."""

    def __init__(self) -> None:
        super().__init__()
        self.acked: list[str] = []
        self.retried: list[Settlement] = []
        self.buried: list[Settlement] = []
        self.begun: list[str] = []
        self.flushed: list[list[str]] = []
        """What was over at each call of `flush`."""
        self.records: dict[str, Record] = {}
        self.permits: dict[str, Permit] = {}
        self.trouble: dict[str, set[str] | None] = {}
        self.hear: Callable[[str], object] = lambda verb: None
        """Told each verb before it is done."""

    def forget(self) -> None:
        """Forget what was said so far."""
        for said in (self.acked, self.retried, self.buried, self.begun, self.flushed, self.records):
            said.clear()

    def send(self, messages: Sequence[Message]) -> list[str]:
        self._refuse("send", [])
        return super().send(messages)

    def finish(self, report: Report) -> None:
        """As if the queue's function had run it."""
        record, until = self._records[report.id]
        self._records[report.id] = (fold(record, report), until)

    def delivered(self, records: Sequence[dict[str, Any]]) -> list[Delivery]:
        self._refuse("delivered", [])
        return [
            Delivery(
                record["body"].encode(),
                "default",
                0,
                record["receiptHandle"],
                int(record["attributes"]["ApproximateReceiveCount"]),
            )
            for record in records
        ]

    def begin(self, delivery: Delivery) -> Permit:
        self._refuse("begin", [delivery])
        self.begun.append(delivery.receipt)
        return self.permits.get(delivery.receipt, Permit.RUN)

    def holds(self, delivery: Delivery) -> bool:
        return True

    def ack(self, settled: Sequence[Settlement]) -> int:
        self._refuse("ack", [one.delivery for one in settled])
        self.acked += [one.delivery.receipt for one in settled]
        return len(settled)

    def retry(self, settled: Sequence[Settlement]) -> int:
        self._refuse("retry", [one.delivery for one in settled])
        self.retried += settled
        return len(settled)

    def bury(self, settled: Sequence[Settlement]) -> int:
        self._refuse("bury", [one.delivery for one in settled])
        self.buried += settled
        return len(settled)

    def flush(self) -> None:
        self._refuse("flush", [])
        self.flushed.append([*self.acked, *(one.delivery.receipt for one in self.buried)])

    def save(self, reports: Sequence[Report]) -> None:
        for report in reports:
            self.records[report.id] = fold(self.records.get(report.id), report)

    @property
    def given_back(self) -> list[str]:
        """Receipts of what was handed back unspent."""
        return [one.delivery.receipt for one in self.retried if not one.spent]

    def _refuse(self, verb: str, concerned: Sequence[Delivery]) -> None:
        self.hear(verb)
        if verb in self.trouble:
            only = self.trouble[verb]
            if only is None or any(delivery.receipt in only for delivery in concerned):
                raise StorageError(f"{verb} is refused, as planned")


class Context:
    """What Lambda hands over beside the event. left: seconds."""

    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"

    def __init__(self, left: float = 600.0) -> None:
        self._end = time.monotonic() + left

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - time.monotonic()) * 1000)


class Stage:
    """An app deployed as stage `prod`, and the function of its default queue."""

    def __init__(
        self,
        queue: Queue | None = None,
        *,
        settings: Settings | None = None,
        middleware: Sequence[Middleware] = (),
        exit: Callable[[int], object] = lambda code: None,
    ) -> None:
        self.broker = Mapped()
        queue = queue or Queue()
        self.app = App("t", queues=[queue], broker=lambda: self.broker, middleware=middleware)
        self.settings = settings or Settings("t:app", queue=queue.name, stage="prod")
        self._exit = exit
        self._function: Function | None = None

    @property
    def function(self) -> Function:
        """The function, once all tasks are declared."""
        self._function = self._function or Function(self.app, self.settings, self._exit)
        return self._function

    def invoke(self, *records: dict[str, Any], left: float = 600.0) -> list[str]:
        """Run an event of these records; the ids it names as failed, the shape of the answer checked."""
        answer = self.function({"Records": list(records)}, Context(left))
        assert answer.keys() == {"batchItemFailures"}
        assert all(failure.keys() == {"itemIdentifier"} for failure in answer["batchItemFailures"])
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


_numbers = itertools.count(1)


def record(body: Message | str, count: int = 1, *, group: str | None = None, arn: str = ARN) -> dict[str, Any]:
    """A record as in an SQS event. Its id, and here its receipt, are the message's id."""
    text = body if isinstance(body, str) else body.encode().decode()
    id = f"m{next(_numbers)}" if isinstance(body, str) else body.id
    attributes = {
        "ApproximateReceiveCount": str(count),
        "SentTimestamp": "1545082649183",
        "SenderId": "AIDAIENQZJOLO23YVJ4VO",
        "ApproximateFirstReceiveTimestamp": "1545082649185",
    }
    if group is not None:
        attributes |= {"MessageGroupId": group, "SequenceNumber": "18849496460467696128"}
        arn = f"{arn}.fifo" if not arn.endswith(".fifo") else arn
    return {
        "messageId": id,
        "receiptHandle": id,
        "body": text,
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": "eu-west-1",
    }
