"""How much the queues of a stage hold, as SQS tells it: approximately, and a little late."""

from __future__ import annotations

from ebbtide.broker import Depth
from ebbtide.brokers.sqs.clients import Clients
from ebbtide.brokers.sqs.letters import Letters
from ebbtide.brokers.sqs.urls import Urls
from ebbtide.errors import StorageError

_READY = "ApproximateNumberOfMessages"
_RUNNING = "ApproximateNumberOfMessagesNotVisible"
_DELAYED = "ApproximateNumberOfMessagesDelayed"


class Depths:
    """Counts of one stage. What SQS cannot tell is None: how old the oldest is, and when the next one is due.

    What waits for a retry counts as running, since SQS does not tell the two apart; what waits as a schedule is in no
    count. dead: a stage's queues share one dead-letter queue, so where several do and it is not empty, its letters are
    listed and counted by queue, at most every 20 seconds.
    """

    def __init__(self, clients: Clients, urls: Urls, letters: Letters) -> None:
        self._clients = clients
        self._urls = urls
        self._letters = letters

    def of(self, queue: str) -> list[Depth]:
        """A Depth for each lane up to the last one that holds anything; one for a queue the app does not have."""
        if queue not in self._urls.queues:
            return [Depth()]
        lanes = self._urls.queues[queue].lanes
        dead = self._dead(queue, lanes)
        depths = [self._lane(queue, lane, dead[lane]) for lane in range(lanes)]
        used = max((lane for lane in range(lanes) if depths[lane] != Depth()), default=0)
        return depths[: used + 1]

    def _lane(self, queue: str, lane: int, dead: int) -> Depth:
        if not self._urls.is_there(queue, lane):
            return Depth(dead=dead)
        counts = self._counts(self._urls.lane(queue, lane))
        return Depth(ready=counts[_READY], delayed=counts[_DELAYED], running=counts[_RUNNING], dead=dead)

    def _dead(self, queue: str, lanes: int) -> list[int]:
        fifo = self._urls.queues[queue].fifo
        alike = [other for other in self._urls.queues.values() if other.fifo == fifo and other.is_ours]
        try:
            held = sum(self._counts(self._urls.dead_letters(fifo)).values())
            if not held or (len(alike) == 1 and lanes == 1):
                return [held] * lanes
            found = self._letters.by_lane()
        except StorageError as error:
            if error.code not in ("AccessDenied", "AccessDeniedException"):
                raise
            return [0] * lanes  # who may not look at the letters is no operator: a worker asks what there is to run
        return [found[queue, lane] for lane in range(lanes)]

    def _counts(self, url: str) -> dict[str, int]:
        names = [_READY, _RUNNING, _DELAYED]
        answer = self._clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return {name: int(answer["Attributes"][name]) for name in names}
