"""A holder's word on its loans: deletions and changes of visibility, in batches by queue.

SQS fences them by the receipt handle: that of a loan somebody else has by now changes nothing. Mostly it is refused,
and counts as no effect; of a deletion SQS may say it was done all the same ("DeleteMessage", SQS's API reference).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence

from ebbtide.broker import Delivery
from ebbtide.brokers.sqs.batches import Entry, Refusal, carry_out, chunks
from ebbtide.brokers.sqs.clients import Clients
from ebbtide.brokers.sqs.receipts import receipt_of
from ebbtide.brokers.sqs.urls import Urls
from ebbtide.errors import StorageError
from ebbtide.queue import MAX_VISIBILITY

Wanted = tuple[Delivery, float]
"""A loan and the seconds from now at which it is to end."""


class Settler:
    """Settles loans on the queues of one stage. now: seconds since 1970."""

    def __init__(
        self, clients: Clients, urls: Urls, now: Callable[[], float], pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._clients = clients
        self._urls = urls
        self._now = now
        self._pause = pause

    def delete(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Delete these; those it was done for."""
        handles: list[Entry] = [{"ReceiptHandle": receipt_of(delivery).handle} for delivery in deliveries]
        return self._each("delete_message_batch", deliveries, handles)

    def end_in(self, wanted: Sequence[Wanted]) -> list[Delivery]:
        """Have these loans end so many seconds from now, or as late as SQS allows; those it was done for."""
        entries: list[Entry] = []
        for delivery, seconds in wanted:
            receipt = receipt_of(delivery)
            longest = max(0, int(MAX_VISIBILITY - max(0.0, self._now() - receipt.taken_at)))
            seconds = min(math.ceil(max(0.0, seconds)), longest)
            entries.append({"ReceiptHandle": receipt.handle, "VisibilityTimeout": seconds})
        return self._each("change_message_visibility_batch", [delivery for delivery, _ in wanted], entries)

    def room(self, delivery: Delivery) -> float:
        """Seconds from now at which this loan can end at the latest."""
        return MAX_VISIBILITY - max(0.0, self._now() - receipt_of(delivery).taken_at)

    def _each(self, operation: str, deliveries: Sequence[Delivery], entries: Sequence[Entry]) -> list[Delivery]:
        by_url: dict[str, dict[str, int]] = {}  # the place of each handle, so that each counts once
        for place, delivery in enumerate(deliveries):
            by_url.setdefault(self.url(delivery), {}).setdefault(receipt_of(delivery).handle, place)
        done: list[Delivery] = []
        for url, handles in by_url.items():
            places = list(handles.values())
            for run in chunks([entries[place] for place in places]):
                some = [places[number] for number in run]
                call = getattr(self._clients.sqs, operation)
                refused = carry_out(call, url, [entries[place] for place in some], self._pause)
                _lost(operation, refused)
                stale = {refusal.number for refusal in refused}
                done += [deliveries[place] for number, place in enumerate(some) if number not in stale]
        return done

    def url(self, delivery: Delivery) -> str:
        """Where this delivery came from."""
        source = receipt_of(delivery).source
        return self._urls.source(source) if source else self._urls.lane(delivery.queue, delivery.lane)


def _lost(operation: str, refused: Iterable[Refusal]) -> None:
    """Raise StorageError if one of these is SQS's own failure, for which another try may do."""
    for refusal in refused:
        if not refusal.ours:
            fault = StorageError(f"{operation}: SQS failed after several tries: {refusal.code}: {refusal.said}")
            fault.code = refusal.code
            raise fault
