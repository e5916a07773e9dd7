"""Messages on loan from SQS: which attempt it is, and a body that may have to be fetched.

SQS counts receives, not starts: a throttled invocation, a batch handed back and a neighbour's crash count as well. So
only a first receive is taken at its word; from the second on the ledger says how many starts there were.
"""

from __future__ import annotations

from collections.abc import Sequence

from ebbtide.broker import Delivery
from ebbtide.brokers.sqs.again import attempts_before
from ebbtide.brokers.sqs.claims import ClaimCheck
from ebbtide.brokers.sqs.ledger import Ledger
from ebbtide.brokers.sqs.receipts import Taken, receipt
from ebbtide.errors import PayloadGone


class Claimed(Delivery):
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
        kept = vars(self)
        received: int = kept["attempt"]
        return received + attempts_before(kept.get("content", b""))


class Deliveries:
    """Makes deliveries of what SQS hands out."""

    def __init__(self, ledger: Ledger, claims: ClaimCheck) -> None:
        self._ledger = ledger
        self._claims = claims

    def of(self, queue: str, lane: int, taken: Sequence[Taken], now: float) -> list[Delivery]:
        """These messages as deliveries, in their order. Reads the ledger once if one of them came before."""
        before = [one.id for one in taken if one.receives > 1]
        starts = self._ledger.starts(queue, before) if before else {}
        return [self._one(queue, lane, one, starts.get(one.id, 0), now) for one in taken]

    def _one(self, queue: str, lane: int, taken: Taken, starts: int, now: float) -> Delivery:
        body = taken.body.encode("utf-8", "surrogatepass")
        attempt = max(1, 1 if taken.receives <= 1 else 2 + starts) + attempts_before(body)
        made = Delivery(body, queue, lane, receipt(taken, now), attempt)
        if not self._claims.is_pointer(body):
            return made
        claimed = object.__new__(Claimed)
        vars(claimed).update(vars(made), raw=taken.body, claims=self._claims)
        return claimed


def raw_of(delivery: Delivery) -> str:
    """The body as it stood on the queue: a pointer where the rest is in the bucket."""
    raw: str | None = vars(delivery).get("raw")
    return delivery.body.decode("utf-8", "surrogatepass") if raw is None else raw
