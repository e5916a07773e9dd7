"""A table's stream: its records run in their order, until the first that does not succeed.

The answer names that one, and Lambda tries again from there; its mapping halves a batch that fails as a whole. A
stream has no dead letters of its own: a record whose attempts are used up is buried by us, with its reason, and the
stream goes on. How often one was tried is known to the container alone, so the mapping's own limit and its on-failure
destination are the net below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event
from types import MappingProxyType
from typing import Any

from ebbtide import strictjson
from ebbtide.app import App
from ebbtide.broker import Delivery
from ebbtide.brokers.sqs.receipts import Taken, receipt
from ebbtide.errors import KeyConflict, PayloadError, StorageError
from ebbtide.events import deliveries
from ebbtide.execute import describe, overrun, settle
from ebbtide.on_lambda.limits import timeout_of
from ebbtide.on_lambda.logs import log
from ebbtide.on_lambda.runner import Ended, Runner
from ebbtide.outcome import Failed, NotYet, Outcome, Skipped, Succeeded
from ebbtide.trigger import LOGICAL_ID

Record = Mapping[str, Any]

REMEMBERED = 1000
"""Records whose attempts a container remembers."""


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

    def answer(self, event: Mapping[str, Any], left: Callable[[], float]) -> dict[str, Any]:
        """What is to be answered to this event: the record from which to go on. Raises nothing."""
        began = False
        for record in event["Records"]:
            try:
                seconds = self._room(left(), began)
                over = bool(seconds) and self._over(record, seconds)
            except StorageError as error:
                log.error("%s; the stream waits", error, extra={"event": "storage_trouble"})
                over = False
            except BaseException as error:  # ours, for what a task raises is an outcome
                log.critical("the handler failed", exc_info=error, extra={"event": "handler_failed"})
                over = False
            if not over:
                return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
            began = True
        return {"batchItemFailures": []}

    def _room(self, left: float, began: bool) -> float:
        wanted = self._app.queues[self._queue].timeout
        return wanted if wanted <= left else 0.0 if began else max(0.0, left)

    def _over(self, record: Record, seconds: float) -> bool:
        """Whether the stream may go on behind this record, which is run."""
        id = str(record["eventID"])
        if named := self._tables.get(record["eventSourceARN"].partition(":table/")[2].partition("/")[0]):
            record = {**record, LOGICAL_ID: named}
        attempt = self._tried.get(id, 0) + 1
        body = strictjson.dumps(record)
        loan = receipt(Taken(id, "", body, 1, record["eventSourceARN"]), self._app.now())
        whole = Delivery(body.encode(), self._queue, 0, loan, attempt)
        found = deliveries(self._app, whole, record, own=False)
        if len(found) == 1:
            delivery = found[0]
            outcome = self._run(delivery, seconds)
        else:
            delivery, outcome = whole, self._submitted(found)
        self._tell(delivery, outcome)
        self._remember(id, attempt, outcome)
        if isinstance(outcome, (Succeeded, Failed)):
            settle(self._app, [(delivery, outcome)])
        return isinstance(outcome, (Succeeded, Skipped, Failed))

    def _submitted(self, calls: list[Delivery]) -> Outcome:
        """What becomes of a record that several tasks read: each call is stored, for itself."""
        try:
            if calls:
                self._app.submit([call.message for call in calls])
            return Skipped()
        except (PayloadError, KeyConflict) as error:
            now = self._app.now()
            return Failed(describe(error, 1), now, now)

    def _run(self, delivery: Delivery, seconds: float) -> Outcome:
        ended = Event()
        outcomes: list[Outcome] = []
        since = self._app.now()

        def end(delivery: Delivery, outcome: Outcome) -> None:
            outcomes.append(outcome)
            ended.set()

        def late() -> None:
            outcome = overrun(self._app, delivery, timeout_of(seconds), since)
            self._tell(delivery, outcome)
            self._end()

        self._runner.start(delivery.until(since + seconds), seconds, end, late)
        ended.wait()
        return outcomes[0]

    def _remember(self, id: str, attempt: int, outcome: Outcome) -> None:
        self._tried.pop(id, None)
        if not isinstance(outcome, (Succeeded, Skipped, Failed, NotYet)):
            self._tried[id] = attempt
            while len(self._tried) > REMEMBERED:
                del self._tried[next(iter(self._tried))]
