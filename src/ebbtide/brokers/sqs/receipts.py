"""From what SQS hands out to deliveries, and back: all that a holder must know stands in the delivery's receipt.

So a delivery made anew, with another body or a deadline, is still the same loan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ebbtide.broker import Delivery

Record = Mapping[str, Any]
"""One record of the event by which AWS Lambda hands over messages."""


class Taken(NamedTuple):
    """One message as SQS hands it out, to a receiver or to Lambda.

    id: SQS's MessageId. handle: its ReceiptHandle. receives: its ApproximateReceiveCount, 1 for the first time.
    source: the ARN of a queue that is none of this stage's; empty for the stage's own. record: what Lambda's record
    would say of it; a receiver's alone, for who gets it from Lambda has the record.
    """

    id: str
    handle: str
    body: str
    receives: int
    source: str = ""
    record: Record | None = None


class Receipt(NamedTuple):
    """What a delivery's receipt says. taken_at: seconds since 1970, from which SQS counts its twelve hours."""

    id: str
    receives: int
    taken_at: float
    source: str
    handle: str

    def __str__(self) -> str:
        return f"{self.id} {self.receives} {self.taken_at:.0f} {self.source} {self.handle}"


def receipt_of(delivery: Delivery) -> Receipt:
    """What stands in this delivery's receipt."""
    id, receives, taken_at, source, handle = delivery.receipt.split(" ", 4)
    return Receipt(id, int(receives), float(taken_at), source, handle)


def receipt(taken: Taken, now: float) -> str:
    """The receipt of what was taken now."""
    return str(Receipt(taken.id, taken.receives, now, taken.source, taken.handle))


def taken_of(record: Record, own: bool) -> Taken:
    """What a record of an SQS event hands over; own: it comes from a queue of this stage."""
    receives = int(record["attributes"]["ApproximateReceiveCount"])
    source = "" if own else record["eventSourceARN"]
    return Taken(record["messageId"], record["receiptHandle"], record["body"], receives, source)
