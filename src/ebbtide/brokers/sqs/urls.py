"""Where a stage's queues are: SQS gives a URL for a name, asked for once in a process."""

from __future__ import annotations

from collections.abc import Mapping

from ebbtide.brokers.sqs.clients import Clients, account_of
from ebbtide.errors import StorageError
from ebbtide.names import nearest
from ebbtide.physical import Place
from ebbtide.queue import Queue

NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
"""SQS's words for a queue that is not there."""


class Urls:
    """URLs and ARNs of one stage's queues, by the names its app gives them."""

    def __init__(self, clients: Clients, place: Place, queues: Mapping[str, Queue]) -> None:
        self._clients = clients
        self._place = place
        self.queues = queues
        self._known: dict[tuple[str, str], str] = {}
        self._origins: dict[str, tuple[str, int, bool]] = {}
        self._absent: set[tuple[str, int]] = set()
        self._account = ""

    @property
    def account(self) -> str:
        """The number of the account the stage is in."""
        self._account = self._account or account_of(self.dead_letters(False))
        return self._account

    @property
    def kinds(self) -> list[bool]:
        """The kinds of queues the stage has: standard ones, FIFO ones, or both."""
        return sorted({queue.fifo for queue in self.queues.values() if queue.is_ours})

    def origin(self, arn: str, function: str) -> tuple[str, int, bool]:
        """Queue and lane that an ARN names, and whether it is this stage's own; else what `function` runs, lane 0."""
        if arn not in self._origins:
            account, name = arn.split(":")[4:6]
            lanes = ((queue, lane) for queue in self.queues.values() for lane in range(queue.lanes))
            own = next(((queue.name, lane) for queue, lane in lanes if self._place.queue(queue, lane) == name), None)
            if own:
                self._account = account
            self._origins[arn] = (*own, True) if own else (function, 0, False)
        return self._origins[arn]

    def declared(self, queue: str) -> Queue:
        """The app's queue of that name. Raises StorageError: a message for it has nowhere to go."""
        if queue not in self.queues:
            raise StorageError(f"app {self._place.app!r} has no queue {queue!r}.{nearest(queue, self.queues)}")
        return self.queues[queue]

    def lane(self, queue: str, lane: int) -> str:
        """The URL of one lane. Raises StorageError if the stage has none."""
        return self.named(self._place.queue(self.declared(queue), lane))

    def is_there(self, queue: str, lane: int) -> bool:
        """Whether the stage has this lane; it has none for a queue without tasks. Raises StorageError without stage."""
        if (queue, lane) in self._absent:
            return False
        try:
            self.lane(queue, lane)
        except StorageError as error:
            if error.code not in NO_QUEUE:
                raise
            self.dead_letters(False)  # which every stage has
            self._absent.add((queue, lane))
            return False
        return True

    def dead_letters(self, fifo: bool) -> str:
        """The URL of the stage's dead letters of one kind."""
        return self.named(self._place.dead_letters(fifo))

    def source(self, arn: str) -> str:
        """The URL of any queue, by its ARN (`arn:aws:sqs:eu-west-1:123456789012:orders`)."""
        account, name = arn.split(":")[4:6]
        return self.named(name, account)

    def named(self, name: str, account: str = "") -> str:
        """The URL of a queue by its physical name; account: whose it is, if not ours."""
        url = self._known.get((name, account))
        if url is None:
            owner = {"QueueOwnerAWSAccountId": account} if account else {}
            url = str(self._clients.sqs.get_queue_url(QueueName=name, **owner)["QueueUrl"])
            self._known[name, account] = url
            self._account = self._account or ("" if account else account_of(url))
        return url

    def arn(self, queue: str, lane: int) -> str:
        """The ARN of one lane."""
        name = self._place.queue(self.declared(queue), lane)
        return f"arn:{self._clients.partition}:sqs:{self._clients.region}:{self.account}:{name}"
