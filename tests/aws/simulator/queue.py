"""One simulated SQS queue: what it holds, who has what on loan, and what it forgets.

Sources: Amazon SQS Developer Guide, "Amazon SQS visibility timeout", "Amazon SQS at-least-once delivery", "Using
dead-letter queues in Amazon SQS", "Exactly-once processing in Amazon SQS", and the API Reference of each action. Where
they leave it open what happens, it is drawn.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tests.aws.simulator.account import NUMBER, REGION, Account

DEDUPLICATION = 300.0
LONGEST_LOAN = 43_200.0
MOST_IN_FLIGHT = 120_000
NOT_VISIBLE = "ApproximateNumberOfMessagesNotVisible"
SWEEP = 60.0
"""Seconds between two looks for what is past its retention."""
NEARBY = 20
"""A standard queue gives messages in roughly the order sent: any of so many that came first."""

DEFAULTS = {
    "VisibilityTimeout": "30",
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
}


class Refused(Exception):
    """A verb on one message is refused. code: SQS's; its message is the exception's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Stored:
    """One message as a queue holds it. Times are seconds since 1970.

    hidden_until: not to be had before; held: on loan and not merely delayed. loan_from: when the newest loan began.
    """

    id: str
    body: str
    attributes: Mapping[str, Any]
    sent: float
    hidden_until: float
    sequence: int
    group: str | None = None
    deduplication: str | None = None
    received: int = 0
    first_received: float | None = None
    held: bool = False
    loan_from: float = 0.0
    source: str | None = None
    kept_from: float = 0.0
    again: bool = False  # it has come back after having been deleted
    hops: int = 0  # Lambda invocations it descends from

    @property
    def receipt(self) -> str:
        """The newest receipt handle."""
        return f"{self.id}#{self.sequence}#{self.received}"


class SimulatedQueue:
    """A queue of an account, made with SQS's own attributes (all text)."""

    def __init__(self, account: Account, name: str, attributes: Mapping[str, str]) -> None:
        self.account = account
        self.name = name
        self.fifo = name.endswith(".fifo")
        self.settings = {**DEFAULTS, **attributes}
        self.url = f"https://sqs.{REGION}.amazonaws.com/{NUMBER}/{name}"
        self.arn = f"arn:aws:sqs:{REGION}:{NUMBER}:{name}"
        self.stored: dict[str, Stored] = {}
        self.redriven: list[Stored] = []
        """What SQS itself has moved from here to the dead-letter queue."""
        self._ready: dict[str, Stored] = {}  # of a standard queue, in order of arrival here
        self._hidden: list[tuple[float, int, str]] = []
        self.most_in_flight = MOST_IN_FLIGHT
        self._numbers = 0
        self._swept = 0.0
        self._recent: dict[tuple[str | None, str], tuple[float, Stored]] = {}
        account.queues[name] = self

    def setting(self, name: str) -> float:
        return float(self.settings[name])

    @property
    def now(self) -> float:
        return self.account.timeline.now

    # Sending

    def put(
        self, body: str, attributes: Mapping[str, Any], delay: float | None, group: str | None, once: str | None
    ) -> Stored:
        """Store a message; the earlier one if it is a duplicate on a FIFO queue."""
        if self.fifo and once is None:
            once = hashlib.sha256(body.encode()).hexdigest()
        scope = group if self.settings.get("DeduplicationScope") == "messageGroup" else None
        if self.fifo and once is not None:
            at, earlier = self._recent.get((scope, once), (-DEDUPLICATION, None))
            if earlier is not None and self.now - at < DEDUPLICATION:
                return earlier
        made = self._made(body, attributes, self.setting("DelaySeconds") if delay is None else delay)
        made.group, made.deduplication = group, once
        if once is not None:
            self._recent[scope, once] = (self.now, made)
        self._keep(made)
        return made

    def _made(self, body: str, attributes: Mapping[str, Any], delay: float) -> Stored:
        self._numbers += 1
        id = str(uuid.UUID(int=self.account.random.getrandbits(128), version=4))
        now = self.now
        actor = self.account.timeline.current
        return Stored(
            id, body, attributes, now, now + delay, self._numbers, kept_from=now, hops=actor.hops if actor else 0
        )

    def _keep(self, message: Stored) -> None:
        self.stored[message.id] = message
        self._hide(message, message.hidden_until)
        self.account.timeline.notify(self.name)  # also of what comes later: whoever waits looks how long

    def _hide(self, message: Stored, until: float) -> None:
        message.hidden_until = until
        if self.fifo:
            return
        if until <= self.now:
            self._ready[message.id] = message
        else:
            self._ready.pop(message.id, None)
            heapq.heappush(self._hidden, (until, message.sequence, message.id))

    # Receiving

    def take(self, limit: int, visibility: float, short: bool = False) -> list[Stored]:
        """Up to `limit` messages, on loan; what was received too often goes to the dead letters instead."""
        self._settle()
        if len(self.stored) >= self.most_in_flight and self.counts()[NOT_VISIBLE] >= self.most_in_flight:
            if self.fifo:
                return []
            raise Refused("OverLimit", "Too many messages in flight.")
        taken: list[Stored] = []
        for message in self._in_turn(limit):
            if len(taken) == limit:
                break
            if short and not self.fifo and self.account.happens(self.account.faults.unseen):
                continue
            if self._redrive(message):
                continue
            taken.append(self._lend(message, visibility))
        if taken:  # there may be more, and these come back one day
            self.account.timeline.notify(self.name, self.now if self.fifo else self.next_visible())
        return taken

    def _settle(self) -> None:
        """What has become visible, and what is too old."""
        now, oldest = self.now, self.now - self.setting("MessageRetentionPeriod")
        while self._hidden and self._hidden[0][0] <= now:
            _, _, id = heapq.heappop(self._hidden)
            message = self.stored.get(id)
            if message and message.hidden_until <= now:
                self._ready[id] = message
        if now >= self._swept + SWEEP:
            self._swept = now
            for message in [message for message in self.stored.values() if message.kept_from <= oldest]:
                self._forget(message)

    def _in_turn(self, limit: int) -> Iterator[Stored]:
        if not self.fifo:
            seen: set[str] = set()
            while near := list(islice((m for m in self._ready.values() if m.id not in seen), NEARBY + limit)):
                self.account.random.shuffle(near)
                seen.update(message.id for message in near)
                yield from near
            return
        blocked: set[str | None] = {
            message.group for message in self.stored.values() if message.held and message.hidden_until > self.now
        }
        for message in sorted(self.stored.values(), key=lambda message: message.sequence):
            if message.group in blocked:
                continue
            if message.hidden_until > self.now:  # delayed: its group waits behind it
                blocked.add(message.group)
                continue
            yield message

    def _redrive(self, message: Stored) -> bool:
        policy = json.loads(self.settings.get("RedrivePolicy", "null"))
        if not policy or message.received < int(policy["maxReceiveCount"]):
            return False
        self._forget(message)
        self.redriven.append(message)
        target = self.account.queues[policy["deadLetterTargetArn"].rpartition(":")[2]]
        target.accept(message, self.arn)
        return True

    def accept(self, message: Stored, source: str) -> None:
        """A dead letter moved here by SQS: its age goes on on a standard queue, and starts anew on a FIFO queue."""
        self._numbers += 1
        message.held, message.hidden_until, message.source = False, self.now, source
        message.sequence = self._numbers
        if self.fifo:
            message.kept_from = self.now
        self._keep(message)

    def _lend(self, message: Stored, visibility: float) -> Stored:
        message.received += 1
        message.loan_from = self.now
        message.first_received = message.first_received or self.now
        message.held = True
        self._hide(message, self.now + visibility)
        if not self.fifo and self.account.happens(self.account.faults.duplicate):
            self._ready[message.id] = message  # a copy on another server
        return message

    def next_visible(self) -> float:
        """When something may next be had: now, or later, or never."""
        self._settle()
        if self._ready:
            return self.now
        if self.fifo:
            return min(
                (m.hidden_until for m in self.stored.values() if m.hidden_until > self.now), default=float("inf")
            )
        return self._hidden[0][0] if self._hidden else float("inf")

    # Settling

    def delete(self, receipt: str) -> None:
        """Raises Refused. What is gone already is gone."""
        message, newest = self._named(receipt)
        if message is None:
            return
        if self.fifo and not (newest and message.hidden_until > self.now):
            raise Refused("InvalidParameterValue", self._expired(receipt))
        if not newest and not self.account.happens(self.account.faults.stale):
            if self.account.happens(self.account.faults.silent):
                return
            raise Refused("InvalidParameterValue", self._expired(receipt))
        if not self.fifo and not message.again and self.account.happens(self.account.faults.ghost):
            message.again, message.held = True, False
            self._hide(message, self.now + self.account.random.uniform(0, self.account.faults.ghost_within))
            self.account.timeline.notify(self.name)
            return
        self._forget(message)

    def change(self, receipt: str, seconds: float) -> None:
        """Raises Refused."""
        message, newest = self._named(receipt)
        if message is None:
            reason = "Message does not exist or is not available for visibility timeout change."
            raise Refused(
                "InvalidParameterValue", f"Value {receipt} for parameter ReceiptHandle is invalid. Reason: {reason}"
            )
        if self.fifo and not (newest and message.hidden_until > self.now):
            raise Refused("InvalidParameterValue", self._expired(receipt))
        if not message.held or message.hidden_until <= self.now:
            raise Refused("MessageNotInflight", "The message referred to is not in flight.")
        if not newest and not self.account.happens(self.account.faults.stale):
            raise Refused("InvalidParameterValue", self._expired(receipt))
        if self.now + seconds - message.loan_from > LONGEST_LOAN:
            raise Refused(
                "InvalidParameterValue",
                f"Value {seconds:.0f} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for "
                f"the message is beyond the limit [{LONGEST_LOAN:.0f} seconds].",
            )
        self._hide(message, self.now + seconds)
        message.held = seconds > 0
        self.account.timeline.notify(self.name)

    def _named(self, receipt: str) -> tuple[Stored | None, bool]:
        """The message of a receipt handle, if it is still there, and whether the handle is its newest."""
        parts = receipt.split("#")
        if len(parts) != 3 or not parts[1].isdigit() or not parts[2].isdigit():
            raise Refused(
                "ReceiptHandleIsInvalid", f'The input receipt handle "{receipt}" is not a valid receipt handle.'
            )
        message = self.stored.get(parts[0])
        return message, message is not None and message.receipt == receipt

    @staticmethod
    def _expired(receipt: str) -> str:
        return f"Value {receipt} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."

    def _forget(self, message: Stored) -> None:
        self.stored.pop(message.id, None)
        self._ready.pop(message.id, None)
        self.account.timeline.notify(self.name)  # its group may go on

    def purge(self) -> None:
        for message in list(self.stored.values()):
            self._forget(message)

    # Looking

    def counts(self) -> dict[str, int]:
        """SQS's three figures; here they are exact."""
        self._settle()
        now = self.now
        hidden = [message for message in self.stored.values() if message.hidden_until > now]
        held = sum(message.held for message in hidden)
        return {
            "ApproximateNumberOfMessages": len(self.stored) - len(hidden),
            NOT_VISIBLE: held,
            "ApproximateNumberOfMessagesDelayed": len(hidden) - held,
        }
