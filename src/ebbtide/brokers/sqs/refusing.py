"""Stopping a storm: what is beyond a queue's `storm_limit` becomes a dead letter instead of a message.

The task that sends it is not told: it did nothing wrong that it could mend. The letters and the records tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ebbtide.brokers.sqs.burying import Buryer
from ebbtide.brokers.sqs.sending import Sender
from ebbtide.brokers.sqs.storm import Storm
from ebbtide.brokers.sqs.urls import Urls
from ebbtide.errors import StormLimit, dotted
from ebbtide.message import Message
from ebbtide.result import Report, Status, TaskError


class Storms:
    """The storm limits of one stage."""

    def __init__(self, storm: Storm, sender: Sender, buryer: Buryer, urls: Urls) -> None:
        self._storm = storm
        self._sender = sender
        self._buryer = buryer
        self._urls = urls

    def beyond(self, messages: Sequence[Message]) -> set[str]:
        """The ids of those that are beyond their queue's limit; the others are counted."""
        limited = [one for one in messages if one.lineage.depth and self._limit(one) is not None]
        beyond: set[str] = set()
        for (root, queue), count in Counter((one.lineage.root, one.queue) for one in limited).items():
            alike = [one for one in limited if (one.lineage.root, one.queue) == (root, queue)]
            admitted = self._storm.admit(root, queue, count, self._limit(alike[0]) or 0)
            beyond |= {one.id for one in alike[admitted:]}
        return beyond

    def refuse(self, message: Message) -> Report:
        """Make it a dead letter with the reason; what its record is to say."""
        root, limit = message.lineage.root, self._limit(message)
        path = " > ".join((*message.lineage.path, message.task))
        said = f"root {root} has sent queue {message.queue!r} the {limit} messages of its storm_limit: ... > {path}; "
        said += "end the loop or raise the limit, then redrive"
        error = TaskError(dotted(StormLimit), said, "", 0)
        at, keep = self._buryer.now(), self._urls.declared(message.queue).results
        self._buryer.refuse(message, self._sender.body(message), error)
        return Report(message.id, message.task, Status.FAILED, 0, keep, message.enqueued_at, None, at, None, error)

    def _limit(self, message: Message) -> int | None:
        return self._urls.declared(message.queue).storm_limit
