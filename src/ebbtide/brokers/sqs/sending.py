"""Storing messages on SQS: in batches, each where it belongs, and never twice by a hop.

What is due within 900 s waits on the queue itself; what is due later is a schedule that sends it then. What is large
waits in the bucket, and a pointer to it goes on the queue.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from itertools import compress
from typing import NamedTuple

from ebbtide.brokers.sqs.attributes import Found
from ebbtide.brokers.sqs.batches import BYTES, Entry, carry_out, chunks
from ebbtide.brokers.sqs.characters import label
from ebbtide.brokers.sqs.claims import ClaimCheck
from ebbtide.brokers.sqs.clients import Clients
from ebbtide.brokers.sqs.later import Later
from ebbtide.brokers.sqs.urls import Urls
from ebbtide.errors import EnvelopeError, PartlyStored, StorageError
from ebbtide.message import Message
from ebbtide.queue import Queue

LONGEST_DELAY = 900.0
"""Seconds: the longest DelaySeconds of a message (SQS); on a FIFO queue a message can have none."""

RETENTION = 14 * 86_400.0
"""Seconds a message stays on our queues, and SQS's longest."""

SCHEDULED = 190_000
"""Bytes of a body that a schedule carries: its limit is 256 KiB, and at worst escapes make a third more of it."""


class Addressed(NamedTuple):
    """A message with what SQS is to be given for it."""

    message: Message
    url: str
    entry: Entry


class Sender:
    """Sends to the lanes of one stage. inline: bytes a body may have on a queue. now: seconds since 1970."""

    def __init__(
        self,
        clients: Clients,
        urls: Urls,
        claims: ClaimCheck,
        later: Later,
        *,
        inline: int,
        now: Callable[[], float],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clients = clients
        self._urls = urls
        self._claims = claims
        self._later = later
        self._inline = inline
        self._now = now
        self._pause = pause

    def send(self, messages: Sequence[Message]) -> None:
        """Store all of these. Raises PartlyStored if some were and some were not, else StorageError, PayloadError."""
        stored: set[str] = set()
        now = self._now()
        late = [self._is_late(message, now) for message in messages]
        delayed = [(message, self._scheduled(message)) for message in compress(messages, late)]
        at_once = [message for message, is_late in zip(messages, late, strict=True) if not is_late]
        by_url = self._by_url(at_once, now)  # by now all bodies are where they have to be
        try:
            for url, ready in by_url.items():
                for places in chunks([one.entry for one in ready]):
                    self._batch(url, [ready[place] for place in places], stored)
            for message, body in delayed:
                self._schedule(message, body, message.run_after or now)
                stored.add(message.id)
        except StorageError as error:
            raise _of_all(error, messages, stored) from None

    def schedule(self, message: Message, at: float) -> None:
        """Have this sent to its lane at this time, by a schedule. Raises StorageError, PayloadError."""
        self._schedule(message, self._scheduled(message, at), at)

    def _scheduled(self, message: Message, at: float | None = None) -> str:
        return self.body(message, message.run_after or 0.0 if at is None else at, SCHEDULED)

    def _schedule(self, message: Message, body: str, at: float) -> None:
        group = group_of(message) if self._urls.declared(message.queue).fifo else None
        self._later.schedule(message.id, body, self._urls.arn(message.queue, message.lane), at, group)

    def send_back(self, found: Found) -> None:
        """Put a dead letter's body on its queue."""
        letter = found.letter
        name, lane = (letter.queue, letter.lane) if letter.queue else _told_by(found)
        queue = self._urls.declared(name)
        entry: Entry = {"MessageBody": found.body}
        if queue.fifo:
            group = found.group or letter.task or letter.id
            entry |= {"MessageGroupId": label(group), "MessageDeduplicationId": label(found.once)}
        elif found.group:
            entry["MessageGroupId"] = label(found.group)
        self._clients.sqs.send_message(QueueUrl=self._urls.lane(name, min(lane, queue.lanes - 1)), **entry)

    def _is_late(self, message: Message, now: float) -> bool:
        wait = (message.run_after or 0.0) - now
        return wait > 0 if self._urls.declared(message.queue).fifo else wait > LONGEST_DELAY

    def _by_url(self, messages: Sequence[Message], now: float) -> dict[str, list[Addressed]]:
        by_url: dict[str, list[Addressed]] = {}
        for message in messages:
            addressed = self._addressed(message, self._urls.declared(message.queue), now)
            by_url.setdefault(addressed.url, []).append(addressed)
        return by_url

    def _addressed(self, message: Message, queue: Queue, now: float) -> Addressed:
        url = self._urls.lane(message.queue, message.lane)
        entry: Entry = {"MessageBody": self.body(message, now)}
        wait = (message.run_after or 0.0) - now
        if wait > 0:
            entry["DelaySeconds"] = math.ceil(wait)
        if queue.fifo:
            entry |= {"MessageGroupId": group_of(message), "MessageDeduplicationId": label(message.id)}
        elif message.group is not None:
            entry["MessageGroupId"] = label(message.group)
        return Addressed(message, url, entry)

    def body(self, message: Message, at: float = 0.0, limit: int = BYTES) -> str:
        """What is to stand on its queue, there from `at` on: the envelope, or a pointer to it in the bucket."""
        body = message.encode()
        if len(body) > min(limit, self._inline):
            body = self._claims.store(message, body, max(0.0, at - self._now()) + RETENTION)
        return body.decode("ascii")

    def _batch(self, url: str, some: list[Addressed], stored: set[str]) -> None:
        refused = carry_out(self._clients.sqs.send_message_batch, url, [one.entry for one in some], self._pause)
        failed = {some[refusal.number].message.id for refusal in refused}
        stored |= {one.message.id for one in some} - failed
        if refused:
            first = refused[0]
            fault = StorageError(f"SQS refused {some[first.number].message.id}: {first.code}: {first.said}")
            fault.code = first.code
            raise fault


def group_of(message: Message) -> str:
    """The group of a message on a FIFO queue, where each has one: its own, or that of its task."""
    return label(message.group if message.group is not None else message.task)


def _told_by(found: Found) -> tuple[str, int]:
    """Queue and lane of a letter that SQS moved here itself: as its message says."""
    try:
        message = Message.decode(found.body.encode("utf-8", "surrogatepass"))
    except EnvelopeError:
        raise StorageError(f"dead letter {found.letter.id} does not say whose it is; it can only be dropped") from None
    return message.queue, message.lane


def _of_all(error: StorageError, messages: Sequence[Message], stored: set[str]) -> StorageError:
    """The error of a batch: as it came if none of it was stored."""
    if not stored:
        return error
    ids = [message.id for message in messages]
    there, missing = [id for id in ids if id in stored], [id for id in ids if id not in stored]
    told = f"{error}. Of {len(ids)} messages {len(missing)} are not stored: {_named(missing)}; stored: {_named(there)}"
    fault = PartlyStored(told, tuple(there), tuple(missing))
    fault.code = error.code
    return fault


def _named(ids: Sequence[str]) -> str:
    return ", ".join(ids[:10]) + (f" and {len(ids) - 10} more" if len(ids) > 10 else "")
