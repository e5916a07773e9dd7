"""Messages on loan from SQS: which attempt it is, and a body that may have to be fetched.

SQS counts receives, not starts: a throttled invocation, a batch handed back and a neighbour's crash count as well. So
only a first receive is taken at its word; from the second on the ledger says how many starts there were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ebbtide.broker import Delivery
from ebbtide.brokers.sqs.again import attempts_before
from ebbtide.brokers.sqs.claims import ClaimCheck
from ebbtide.brokers.sqs.ledger import Ledger, Written
from ebbtide.brokers.sqs.receipts import Taken, receipt
from ebbtide.errors import EnvelopeError, PayloadGone


class Returned(Delivery):
    """A delivery received before, whose first receipt counts as an attempt unless its task has no more than one.

    Which task it is, an event says only when it has been read; so the attempt is told when it is asked for.
    """

    doubtful: bool
    once: Callable[[Delivery], bool]

    @property
    def attempt(self) -> int:
        """Which one it is."""
        kept = vars(self)
        received: int = kept["attempt"]
        return received - 1 if kept["doubtful"] and received > 1 and self.once(self) else received


class Claimed(Returned):
    """A delivery whose body waits in the bucket; it is fetched when first asked for, which may raise StorageError."""

    raw: str
    claims: ClaimCheck

    @property
    def fetched(self) -> bool:
        """Whether its body, or what was read of it, is here."""
        return not vars(self).keys().isdisjoint(("content", "decoded"))

    @property
    def body(self) -> bytes:  # read only, as the member of the dataclass is
        kept = vars(self)
        if "gone" in kept:
            raise PayloadGone(*kept["gone"])
        try:
            content: bytes = kept["content"] if "content" in kept else self.claims.fetch(self.raw.encode())
        except PayloadGone as error:
            kept["gone"] = error.args
            raise
        kept["content"] = content
        return content

    @property
    def attempt(self) -> int:
        """Which one it is, as far as is known: those before a long wait are told by the body."""
        return super().attempt + attempts_before(vars(self).get("content", b""))


class Deliveries:
    """Makes deliveries of what SQS hands out. is_once: whether the task of this name has a single attempt."""

    def __init__(self, ledger: Ledger, claims: ClaimCheck, is_once: Callable[[str], bool]) -> None:
        self._ledger = ledger
        self._claims = claims
        self._is_once = is_once

    def of(self, queue: str, lane: int, taken: Sequence[Taken], now: float) -> list[Delivery]:
        """These messages as deliveries, in their order. Reads the ledger once if one of them came before."""
        before = [one.id for one in taken if one.receives > 1]
        written = self._ledger.of(queue, before) if before else {}
        made = [self._one(queue, lane, one, written.get(one.id, Written()), now) for one in taken]
        for delivery, one in zip(made, taken, strict=True):
            if one.record:
                vars(delivery)["record"] = one.record
        return made

    def _one(self, queue: str, lane: int, taken: Taken, written: Written, now: float) -> Delivery:
        body = taken.body.encode("utf-8", "surrogatepass")
        first = taken.receives <= 1
        attempt = max(1, 1 if first else 2 + written.starts - written.unused)
        made = Delivery(body, queue, lane, receipt(taken, now), attempt)
        if taken.source:  # strangers wrote it: it points to nothing of ours, and says nothing of attempts
            pointer, before = False, 0
        else:
            pointer, before = self._claims.is_pointer(body), attempts_before(body)
        if first and not pointer:
            return made if not before else Delivery(body, queue, lane, made.receipt, attempt + before)
        kind = Claimed if pointer else Returned
        other = object.__new__(kind)
        more = {"raw": taken.body, "claims": self._claims} if pointer else {}
        doubtful = not first and not written.unused
        vars(other).update(vars(made), attempt=attempt + before, doubtful=doubtful, once=self.once, **more)
        return other

    def once(self, delivery: Delivery) -> bool:
        """Whether the task of this delivery has a single attempt, as far as is known without fetching its body."""
        try:
            if isinstance(delivery, Claimed) and not delivery.fetched:
                return self._is_once(self._claims.task_of(delivery.raw.encode()))
            return self._is_once(delivery.message.task)
        except EnvelopeError:  # an event that is not read yet, or nothing of ours
            return False


def raw_of(delivery: Delivery) -> str:
    """The body as it stood on the queue: a pointer where the rest is in the bucket."""
    raw: str | None = vars(delivery).get("raw")
    return delivery.body.decode("utf-8", "surrogatepass") if raw is None else raw
