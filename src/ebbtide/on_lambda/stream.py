"""A table's stream: its records run in their order, until the first that does not succeed.

A task that gathers is called once for all that are new; where that fails they run one by one from then on.
The answer names that one, and Lambda tries again from there; its mapping halves a batch that fails as a whole. A
stream has no dead letters of its own: a record whose attempts are used up is buried by us, with its reason, and the
stream goes on. How often one was tried is known to the container alone, so the mapping's own limit and its on-failure
destination are the net below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ebbtide import strictjson
from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.brokers.sqs.receipts import Taken, receipt
from ebbtide.errors import StorageError
from ebbtide.execute import overrun, read, ride_together, settle
from ebbtide.gathered import gathering
from ebbtide.on_lambda.limits import timeout_of
from ebbtide.on_lambda.logs import log
from ebbtide.on_lambda.runner import Ended, Runner
from ebbtide.outcome import Failed, NotYet, Outcome, Skipped, Succeeded, TryAgain
from ebbtide.trigger import LOGICAL_ID

Record = Mapping[str, Any]

REMEMBERED = 10_000
"""Records whose attempts a container remembers: as many as a batch may have."""


class Streamed:
    """The stream records of one function. queue: whose tasks have the trigger. tables: logical ids by name on AWS."""

    def __init__(
        self,
        app: App,
        runner: Runner,
        queue: str,
        tell: Ended,
        end: Callable[[], None],
        tables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._app = app
        self._runner = runner
        self._queue = queue
        self._tell = tell
        self._end = end
        self._tables = tables
        self._tried: dict[str, int] = {}  # by event id
        self._found: dict[str, tuple[Delivery, Outcome | None]] = {}  # the same; of the invocation that runs

    def answer(self, event: Mapping[str, Any], left: Callable[[], float]) -> dict[str, Any]:
        """What is to be answered to this event: the record from which to go on. Raises nothing."""
        began = False
        waiting: list[Record] = list(event["Records"])
        self._found.clear()
        while waiting:
            try:
                seconds = self._room(left(), began)
                over = self._over(waiting, seconds) if seconds else 0
            except StorageError as error:
                log.error("%s; the stream waits", error, extra={"event": "storage_trouble"})
                over = 0
            except BaseException as error:  # ours, for what a task raises is an outcome
                log.critical("the handler failed", exc_info=error, extra={"event": "handler_failed"})
                over = 0
            if not over:
                return {"batchItemFailures": [{"itemIdentifier": waiting[0]["dynamodb"]["SequenceNumber"]}]}
            del waiting[:over]
            began = True
        return {"batchItemFailures": []}

    def _room(self, left: float, began: bool) -> float:
        wanted = self._app.queues[self._queue].timeout
        return wanted if wanted <= left else 0.0 if began else max(0.0, left)

    def _over(self, waiting: Sequence[Record], seconds: float) -> int:
        """Behind how many of these records the stream may go on. The first is run, with those that ride with it."""
        delivery, instead = self._call_of(waiting[0])
        if instead is None:
            delivery = self._with_others(delivery, waiting[1:])
        outcome = instead or self._run(delivery, seconds)
        if len(delivery.parts) > 1 and isinstance(outcome, Failed):  # one is to blame, and alone it will be seen which
            outcome = TryAgain(outcome.error, 0.0, outcome.started_at, outcome.finished_at)
        for record, part in zip(waiting, delivery.parts, strict=False):
            self._tell(part, outcome)
            self._remember(str(record["eventID"]), part.attempt, outcome)
        if isinstance(outcome, (Succeeded, Failed)):
            settle(self._app, [(delivery, outcome)])
        return len(delivery.parts) if isinstance(outcome, (Succeeded, Skipped, Failed)) else 0

    def _with_others(self, delivery: Delivery, waiting: Sequence[Record]) -> Delivery:
        """This one, with those right behind it if its task gathers and all of them may start."""
        riders, task = [delivery], gathering(self._app, delivery)
        for record in waiting if task else ():
            other, instead = self._call_of(record)
            if instead or gathering(self._app, other) is not task:
                break
            riders.append(other)
        together, others = ride_together(self._app, riders) if len(riders) > 1 else (None, [])
        return delivery if others or together is None else together

    def _call_of(self, record: Record) -> tuple[Delivery, Outcome | None]:
        """The call this record asks for, and what becomes of it if it asks for none, or for several. It is read once in
        an invocation, for calls of several tasks are stored by that."""
        id = str(record["eventID"])
        if id not in self._found:
            self._found[id] = self._read(record, id)
        return self._found[id]

    def _read(self, record: Record, id: str) -> tuple[Delivery, Outcome | None]:
        if named := self._tables.get(record["eventSourceARN"].partition(":table/")[2].partition("/")[0]):
            record = {**record, LOGICAL_ID: named}
        attempt = self._tried.get(id, 0) + 1
        body = strictjson.dumps(record)
        loan = receipt(Taken(id, "", body, 1, record["eventSourceARN"]), self._app.now())
        whole = Delivery(body.encode(), self._queue, 0, loan, attempt)
        return read(self._app, whole, record, own=False)

    def _run(self, delivery: Delivery, seconds: float) -> Outcome:
        since = self._app.now()

        def late() -> None:
            outcome = overrun(self._app, delivery, timeout_of(seconds), since)
            self._tell(delivery, outcome)
            self._end()

        return self._runner.to_the_end(delivery.until(since + seconds), seconds, late)

    def _remember(self, id: str, attempt: int, outcome: Outcome) -> None:
        self._tried.pop(id, None)
        if not isinstance(outcome, (Succeeded, Skipped, Failed, NotYet)):
            self._tried[id] = attempt
            while len(self._tried) > REMEMBERED:
                del self._tried[next(iter(self._tried))]
