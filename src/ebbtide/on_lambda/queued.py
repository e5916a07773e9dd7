"""SQS events: from records to deliveries, and from what became of them to the answer that AWS's poller reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, cast

from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.errors import StorageError
from ebbtide.on_lambda.batch import Batch, Item
from ebbtide.on_lambda.logs import log
from ebbtide.on_lambda.runner import Ended, Runner
from ebbtide.physical import Place
from ebbtide.queue import Queue

Record = Mapping[str, Any]


class Mapped(Protocol):
    """What the broker of a deployed stage does beside the port: it reads its deliveries from an event's records.

    Its `ack` and `bury` leave the deletion to AWS, which deletes what the answer does not name. `flush` deletes what
    was acknowledged or buried, since the last `delivered`, at once.
    """

    def delivered(self, records: Sequence[Record]) -> list[Delivery]:
        """A delivery for each record, in order. Raises StorageError."""

    def warm(self, service: str) -> None:
        """Make what calling this service of AWS takes, by botocore's name for it. Raises StorageError."""


class ComeAgain(Exception):
    """Some messages of an event are not over; AWS is to count it as the function's failure, and hand them out again."""


class Queued:
    """The SQS events of one function. names: the queues of this stage; what comes from others was sent by strangers.

    raises: whether what must come again is told by failing, which every mapping understands, and not by the answer,
    for which a mapping needs ReportBatchItemFailures: without it AWS would take that for a success.
    """

    def __init__(
        self,
        app: App,
        runner: Runner,
        names: frozenset[str],
        tell: Ended,
        end: Callable[[], None],
        *,
        raises: bool = False,
    ) -> None:
        self._app = app
        self._tell = tell
        self._runner = runner
        self._names = names
        self._end = end
        self._raises = raises

    def answer(self, event: Mapping[str, Any], left: Callable[[], float]) -> dict[str, Any]:
        """What is to be answered to this event: the messages that must come again.

        Raises nothing; where failures are to be raised, ComeAgain if there are such.
        """
        records: list[Record] = event["Records"]
        over: set[str] = set()
        try:
            deliveries = cast(Mapped, self._app.broker).delivered(records)
            items = map(self._item, records, deliveries)
            batch = Batch(self._app, self._runner, items, left, self._tell, self._end)
            over = batch.over
            batch.run()
        except StorageError as error:
            log.error("%s; the messages come again", error, extra={"event": "storage_trouble"})
        except BaseException as error:  # ours, for what a task raises is an outcome: it must not cost a message
            log.critical("the handler failed", exc_info=error, extra={"event": "handler_failed"})
        failed = [record["messageId"] for record in records if record["messageId"] not in over]
        if failed and self._raises:
            self._delete_what_is_over()
            raise ComeAgain(f"{len(failed)} of {len(records)} messages must come again")
        return {"batchItemFailures": [{"itemIdentifier": id} for id in failed]}

    def _delete_what_is_over(self) -> None:
        """At once, for after a failure AWS deletes nothing."""
        try:
            self._app.broker.flush()
        except StorageError as error:
            log.error("%s; what has ended runs again", error, extra={"event": "storage_trouble"})

    def _item(self, record: Record, delivery: Delivery) -> Item:
        about, name = record["attributes"], record["eventSourceARN"].rpartition(":")[2]
        group = about.get("MessageGroupId") if name.endswith(".fifo") else None
        suspect = int(about["ApproximateReceiveCount"]) > 1
        return Item(record["messageId"], delivery, group, suspect, record, name in self._names)


def names_of(place: Place, queues: Iterable[Queue]) -> frozenset[str]:
    """What SQS calls all lanes of these queues."""
    return frozenset(place.queue(queue, lane) for queue in queues for lane in range(queue.lanes))
