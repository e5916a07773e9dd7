"""Making dead letters: the body as it came goes to the stage's dead-letter queue, with the reason beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from ebbtide.broker import DeadLetter, Delivery, Settlement
from ebbtide.brokers.sqs.attributes import describing
from ebbtide.brokers.sqs.batches import Entry, carry_out, chunks
from ebbtide.brokers.sqs.characters import label
from ebbtide.brokers.sqs.clients import Clients
from ebbtide.brokers.sqs.deliveries import raw_of
from ebbtide.brokers.sqs.receipts import receipt_of
from ebbtide.brokers.sqs.urls import Urls
from ebbtide.errors import EnvelopeError, StorageError
from ebbtide.message import Message
from ebbtide.result import TaskError


class Buryer:
    """Puts messages on the dead-letter queues of one stage. now: seconds since 1970."""

    def __init__(
        self, clients: Clients, urls: Urls, now: Callable[[], float], pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._clients = clients
        self._urls = urls
        self.now = now
        self._pause = pause

    def bury(self, settled: Sequence[Settlement]) -> list[Settlement]:
        """These loans have come to their end; those that are dead letters now. Raises StorageError.

        One that SQS will not have as a letter, however often it is asked, stays where it is: it comes again, until the
        queue's redrive policy moves it. It must not keep the others from their end.
        """
        refused = self._send(
            (self._letter(one), raw_of(one.delivery), _group(one.delivery), receipt_of(one.delivery).id)
            for one in settled
        )
        return [one for one in settled if receipt_of(one.delivery).id not in refused]

    def refuse(self, message: Message, body: str, error: TaskError) -> None:
        """This was never on its queue, for this reason; body: what would have stood there."""
        letter = DeadLetter(message.id, message.task, message.queue, message.lane, error, 0, self.now(), b"")
        if self._send([(letter, body, message.group, message.id)]):
            raise StorageError(f"SQS refuses message {message.id} as a dead letter")

    def _letter(self, settlement: Settlement) -> DeadLetter:
        delivery, report = settlement.delivery, settlement.report
        assert report is not None  # noqa: S101 - nothing is buried without a reason
        error = report.error
        assert error is not None  # noqa: S101 - nor without an error
        try:
            id, task = delivery.message.id, delivery.message.task
        except (EnvelopeError, StorageError):
            id, task = receipt_of(delivery).id, ""
        at = report.finished_at or self.now()
        return DeadLetter(id, task, delivery.queue, delivery.lane, error, error.attempt, at, b"")

    def _send(self, letters: Iterable[tuple[DeadLetter, str, str | None, str]]) -> set[str]:
        """Send these, each with its body, its group and what tells it from others; which of the last SQS refuses."""
        entries: dict[bool, list[tuple[Entry, str]]] = {}
        refused: set[str] = set()
        for letter, body, group, once in letters:
            fifo = self._urls.declared(letter.queue).fifo
            entry = describing(letter, body, group)
            if fifo:  # a group for each letter, so that all can be listed; `once` differs from one burial to the next
                entry |= {"MessageGroupId": label(once), "MessageDeduplicationId": label(once)}
            entries.setdefault(fifo, []).append((entry, once))
        for fifo, ready in entries.items():
            url = self._urls.dead_letters(fifo)
            for run in chunks([entry for entry, _ in ready]):
                some = [ready[place][0] for place in run]
                for refusal in carry_out(self._clients.sqs.send_message_batch, url, some, self._pause):
                    if not refusal.ours:
                        raise StorageError(f"SQS failed to store a dead letter: {refusal.code}: {refusal.said}")
                    refused.add(ready[run[refusal.number]][1])
        return refused


def _group(delivery: Delivery) -> str | None:
    try:
        return delivery.message.group
    except (EnvelopeError, StorageError):
        return None
