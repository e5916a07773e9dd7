"""Taking messages from SQS: every lane of every queue in turn, so that none starves."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

from ebbtide.broker import Delivery
from ebbtide.brokers.sqs.batches import ENTRIES
from ebbtide.brokers.sqs.clients import Clients
from ebbtide.brokers.sqs.deliveries import Deliveries
from ebbtide.brokers.sqs.polling import Polls, Source
from ebbtide.brokers.sqs.receipts import Taken
from ebbtide.brokers.sqs.urls import Urls
from ebbtide.queue import Queue


class Receiver:
    """Receives from the lanes of one stage. now: seconds since 1970. give_back: hands back what nobody came for."""

    def __init__(
        self,
        clients: Clients,
        urls: Urls,
        deliveries: Deliveries,
        now: Callable[[], float],
        give_back: Callable[[list[Delivery]], None],
    ) -> None:
        self._clients = clients
        self._urls = urls
        self._deliveries = deliveries
        self._now = now
        self._turn = 0
        self._give_back = give_back
        self._polls: dict[int, Polls] = {}

    @property
    def polls(self) -> Polls:
        """This process's long polls: a thread does not come along when a process is forked."""
        return self._polls.setdefault(os.getpid(), Polls(self._poll, self._give_back))

    def receive(self, queues: Sequence[Queue], limit: int, wait: float) -> list[Delivery]:
        """As `Broker.receive` promises."""
        sources = [
            Source(queue.name, lane, queue.loan)
            for queue in queues
            for lane in range(queue.lanes)
            if self._urls.is_there(queue.name, lane)
        ]
        self._turn = (self._turn + 1) % max(1, len(sources))
        sources = sources[self._turn :] + sources[: self._turn]
        if wait > 0:
            return self.polls.wait(sources, limit, wait)
        found = self.polls.found(sources, limit)
        for source in sources:
            found += self._drawn(source, limit - len(found))
        return found

    def _drawn(self, source: Source, limit: int) -> list[Delivery]:
        """What one lane holds now, up to the limit, in as many calls as that takes."""
        found: list[Delivery] = []
        while len(found) < limit:
            some = self._poll(source, limit - len(found), 0)
            found += some
            if not some:
                break
        return found

    def _poll(self, source: Source, limit: int, seconds: int) -> list[Delivery]:
        answer = self._clients.sqs.receive_message(
            QueueUrl=self._urls.lane(source.queue, source.lane),
            MaxNumberOfMessages=min(limit, ENTRIES),
            VisibilityTimeout=math.ceil(source.loan),
            WaitTimeSeconds=seconds,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "MessageGroupId", "SentTimestamp"],
        )
        taken = [_taken(message) for message in answer.get("Messages", [])]
        return self._deliveries.of(source.queue, source.lane, taken, self._now()) if taken else []


def _taken(message: dict[str, Any]) -> Taken:
    id, handle, about = message["MessageId"], message["ReceiptHandle"], message["Attributes"]
    record = {"eventSource": "aws:sqs", "messageId": id, "receiptHandle": handle, "attributes": about}
    return Taken(id, handle, message["Body"], int(about["ApproximateReceiveCount"]), record=record)
