"""SQS's broker: the port's verbs over the queues of one stage, and beside them what SQS cannot hold.

Its promises are SQS's own. A table keeps what SQS does not know, attempts and keys; a bucket what is too big; schedules
what waits too long. Each part is a story of its own; here they are put together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from ebbtide.broker import FENCED, Broker, DeadLetter, DeadLetters, Delivery, Depth, Permit, Settlement
from ebbtide.brokers.sqs.again import with_attempts, without_attempts
from ebbtide.brokers.sqs.attributes import Found
from ebbtide.brokers.sqs.beside import Beside
from ebbtide.brokers.sqs.burying import Buryer
from ebbtide.brokers.sqs.claims import ClaimCheck
from ebbtide.brokers.sqs.clients import Clients
from ebbtide.brokers.sqs.deliveries import Claimed, Deliveries
from ebbtide.brokers.sqs.depths import Depths
from ebbtide.brokers.sqs.digest import sha256
from ebbtide.brokers.sqs.keys import Keys
from ebbtide.brokers.sqs.later import Later
from ebbtide.brokers.sqs.ledger import Ledger
from ebbtide.brokers.sqs.letters import Letters
from ebbtide.brokers.sqs.receipts import Record, receipt_of, taken_of
from ebbtide.brokers.sqs.receiving import Receiver
from ebbtide.brokers.sqs.refusing import Storms
from ebbtide.brokers.sqs.sending import Sender
from ebbtide.brokers.sqs.settling import Settler
from ebbtide.brokers.sqs.storm import Storm
from ebbtide.brokers.sqs.table import DynamoDbTable
from ebbtide.brokers.sqs.urls import Urls
from ebbtide.errors import EnvelopeError, KeyConflict, PartlyStored, PayloadError, StorageError
from ebbtide.message import Message
from ebbtide.physical import Place
from ebbtide.queue import Queue
from ebbtide.task import Task

INLINE = 262_144
"""Bytes a body may have on a queue; a larger one waits in the bucket."""

MOST_INLINE = 1_024_000
"""Bytes: the most that can be set. A dead letter's reason goes beside its body, within SQS's 1 MiB."""


class SqsBroker(Broker, DeadLetters):
    """The broker of one stage. Raises StorageError from every method, and never an error of AWS's library.

    place: which stage of which app. queues: the app's, by name. inline: bytes a body may have on a queue, at most
    MOST_INLINE. clock: seconds since 1970. sleep: takes seconds, between tries of what SQS failed to do.

    tasks: the app's, by name; those with a single attempt have each start written down.

    mapped: the name of the queue whose Lambda function this process is; its deliveries come in events, and AWS deletes
    what the function's answer does not name. None elsewhere.
    """

    def __init__(
        self,
        place: Place,
        queues: Mapping[str, Queue],
        clients: Clients,
        *,
        tasks: Mapping[str, Task[Any, Any, Any]] = MappingProxyType({}),
        mapped: str | None = None,
        inline: int = INLINE,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clients = clients
        self._mapped = mapped
        self._now = clock
        urls = self._urls = Urls(clients, place, queues)
        table = self.table = DynamoDbTable(clients, place.prefix, sleep)
        claims = self.claims = ClaimCheck(clients, lambda: place.bucket(urls.account, clients.region))
        self.records: Beside | None = None
        """The records beside this broker, if they are to be told of what it does with dead letters."""
        self._keys = Keys(table, clock)
        self._ledger = Ledger(table, clock)
        self._tasks = tasks
        self._deliveries = Deliveries(self._ledger, claims, self._is_once)
        self._sender = Sender(clients, urls, claims, Later(clients, place), inline=inline, now=clock, pause=sleep)
        self._settler = Settler(clients, urls, clock, sleep)
        self._receiver = Receiver(clients, urls, self._deliveries, clock, self._give_back)
        buryer = self._buryer = Buryer(clients, urls, clock, sleep)
        self._storms = Storms(Storm(self.table, clock), self._sender, buryer, urls)
        self._letters = Letters(clients, urls, claims, self._send_back)
        self._depths = Depths(clients, urls, self._letters)
        self._begun: set[str] = set()  # receipts whose start stands in the ledger
        self._over: list[Delivery] = []  # mapped: settled; AWS deletes them, if `flush` does not before

    def send(self, messages: Sequence[Message]) -> list[str]:
        ids: list[str] = []
        ours: list[Message] = []
        stored: Sequence[str] = ()
        beyond = self._storms.beyond(messages)
        try:
            for message in messages:
                holder = self._keys.reserve(message) if message.key is not None else None
                ids.append(message.id if holder is None else holder)
                ours += [message] if holder is None else []
            self._sender.send([message for message in ours if message.id not in beyond])
            self._refuse([message for message in ours if message.id in beyond])
            stored = [message.id for message in ours if message.id not in beyond]
        except PartlyStored as error:
            stored = error.stored
            raise
        finally:
            keyed = [message for message in ours if message.key is not None]
            with suppress(StorageError):  # what is stored is stored, and what is not was told; a key frees itself
                self._keys.queued(message for message in keyed if message.id in stored)
                self._keys.release(message for message in keyed if message.id not in stored)
                self._forget({message.id for message in messages} - beyond - set(stored))
        return ids

    def _forget(self, ids: set[str]) -> None:
        """Drop the records of messages that are not stored: an earlier one holds their key, or SQS refused them."""
        if self.records and ids:
            self.records.forget(sorted(ids))

    def _refuse(self, messages: Sequence[Message]) -> None:
        refused = [self._storms.refuse(message) for message in messages]
        if self.records and refused:
            self.records.save([report for report in refused if report.keep])

    def receive(self, queues: Sequence[Queue], limit: int, wait: float = 0.0) -> list[Delivery]:
        return self._receiver.receive(queues, limit, wait)

    def delivered(self, records: Sequence[Record]) -> list[Delivery]:
        """The deliveries in the records of an SQS event, in order: those of one invocation of this function."""
        self._over.clear()
        self._begun.clear()
        if not records:
            return []
        queue, lane, own = self._urls.origin(records[0]["eventSourceARN"], self._mapped or "default")
        taken = [taken_of(record, own) for record in records]
        return self._deliveries.of(queue, lane, taken, self._now())

    def begin(self, delivery: Delivery) -> Permit:
        with suppress(EnvelopeError):  # what becomes of it then is for `decide` to say
            _ = delivery.message
        if self._is_keyed(delivery):
            permit = self._keys.begin(delivery, self._now() + self._urls.declared(delivery.queue).timeout)
            if permit is not Permit.RUN:
                return permit
        receipt = receipt_of(delivery)
        if delivery.receipt in self._begun:
            return Permit.RUN
        if self._deliveries.once(delivery):
            if delivery.attempt > 1:  # it has begun before; `decide` has the word
                return Permit.RUN
            if not self._ledger.begun_only(delivery.queue, receipt.id, sha256(delivery.receipt)):
                return Permit.BUSY
            self._begun.add(delivery.receipt)
        elif receipt.receives > 1:
            self._ledger.begun(delivery.queue, receipt.id)
            self._begun.add(delivery.receipt)
        return Permit.RUN

    def ack(self, settled: Sequence[Settlement]) -> int:
        deliveries = [settlement.delivery for settlement in settled]
        for delivery in deliveries:  # first, so that a copy delivered after a crash here is not run
            if self._is_keyed(delivery):
                self._keys.done(delivery)
        return self._delete(deliveries)

    def retry(self, settled: Sequence[Settlement]) -> int:
        soon: list[tuple[Delivery, float]] = []
        effect = 0
        for settlement in settled:
            delivery = settlement.delivery
            self._count(settlement)
            if self._is_keyed(delivery):
                self._keys.again(delivery, settlement.wait)
            if settlement.wait > self._settler.room(delivery) and self._schedule(settlement):
                effect += len(self._settler.delete([delivery]))  # by us even if mapped: AWS is told that it comes again
            else:
                soon.append((delivery, settlement.wait))
        effect += len(self._settler.end_in(soon))
        self._begun -= {settlement.delivery.receipt for settlement in settled}
        return effect

    def _count(self, settlement: Settlement) -> None:
        """Note what this attempt counts, where SQS's count of receives will say something else. Called again, as after
        a call that failed, it changes nothing."""
        delivery = settlement.delivery
        receipt = receipt_of(delivery)
        first, begun = receipt.receives == 1, delivery.receipt in self._begun
        if settlement.spent and not begun and not (first and not self._deliveries.once(delivery)):
            self._ledger.begun(delivery.queue, receipt.id)
            self._begun.add(delivery.receipt)
        elif not settlement.spent and begun:
            self._ledger.unspent(delivery.queue, receipt.id)
            self._begun.discard(delivery.receipt)
        elif not settlement.spent and first:
            self._ledger.unused(delivery.queue, receipt.id)

    def _is_once(self, task: str) -> bool:
        return task in self._tasks and self._tasks[task].retry.attempts == 1

    def _is_keyed(self, delivery: Delivery) -> bool:
        """Whether its message has a key, as far as is known without fetching it."""
        if isinstance(delivery, Claimed) and not delivery.fetched:
            return False
        try:
            return delivery.message.key is not None
        except EnvelopeError:
            return False

    def _schedule(self, settlement: Settlement) -> bool:
        """Have it come again by a schedule, as the wait is longer than SQS can hold it; whether it can be read."""
        delivery = settlement.delivery
        attempts = delivery.attempt if settlement.spent else delivery.attempt - 1
        try:
            self._sender.schedule(with_attempts(delivery.message, attempts), self._now() + settlement.wait)
        except (EnvelopeError, PayloadError):  # then it comes again as late as SQS can have it, and waits once more
            return False
        return True

    def bury(self, settled: Sequence[Settlement]) -> int:
        if not self._mapped:  # a stale holder must not make a dead letter of what another one has
            deliveries = [settlement.delivery for settlement in settled]
            ours = {delivery.receipt for delivery in self._settler.end_in([(one, FENCED) for one in deliveries])}
            settled = [settlement for settlement in settled if settlement.delivery.receipt in ours]
        buried = [settlement.delivery for settlement in self._buryer.bury(settled)]
        for delivery in buried:
            if self._is_keyed(delivery):
                self._keys.failed(delivery)
        return self._delete(buried)

    def holds(self, delivery: Delivery) -> bool:
        return self._mapped is not None or super().holds(delivery)  # AWS ends an invocation before its loans end

    def extend(self, deliveries: Sequence[Delivery], seconds: float) -> int:
        return len(self._settler.end_in([(delivery, seconds) for delivery in deliveries]))

    def _delete(self, deliveries: Sequence[Delivery]) -> int:
        self._begun -= {delivery.receipt for delivery in deliveries}
        if self._mapped:
            self._over += deliveries
            return len(deliveries)
        return len(self._settler.delete(deliveries))

    def warm(self, service: str) -> None:
        """Make now what calling a service takes, which is mostly loading AWS's library. Calls nobody."""
        self._clients.of(service)

    def flush(self) -> None:
        if self._over:
            over, self._over = self._over, []
            self._settler.delete(over)

    def _give_back(self, deliveries: list[Delivery]) -> None:
        self.retry([Settlement(delivery, spent=False) for delivery in deliveries])

    def depth(self, queue: str) -> list[Depth]:
        return self._depths.of(queue)

    def dead(self, queue: str | None = None, limit: int = 100, after: str | None = None) -> list[DeadLetter]:
        return self._letters.dead(queue, limit, after)

    def redrive(self, ids: Sequence[str]) -> int:
        return len(self._letters.redrive(ids))

    def _send_back(self, found: Found) -> None:
        body = without_attempts(found.body)
        keyed: list[Message] = []
        with suppress(EnvelopeError, KeyConflict):  # it is no envelope, or its key is another call's by now
            message = Message.decode(body.encode("utf-8", "surrogatepass"))
            keyed += [message] if message.key is not None and self._keys.reserve(message) is None else []
        if self.records:  # first, for it may be run to its end before this returns
            self.records.anew([found.letter.id])
        self._sender.send_back(found._replace(body=body))
        self._keys.queued(keyed)

    def drop(self, ids: Sequence[str]) -> int:
        dropped = self._letters.drop(ids)
        if self.records:
            self.records.forget(dropped)
        return len(dropped)

    def wake(self) -> None:
        self._receiver.polls.wake()

    def close(self) -> None:
        self._receiver.polls.close()
        self._clients.close()
