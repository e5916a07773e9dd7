"""A simulated event source mapping: pollers that take batches from a queue, invoke a function, and settle.

Sources: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS", "Creating and configuring an Amazon SQS event
source mapping", "Configuring scaling behavior for SQS event source mappings" and "Handling errors for an SQS event
source in Lambda" (what a partial batch response means; a throttled invocation is tried again until the visibility
timeout is over).
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from tests.aws.simulator.account import REGION, Account
from tests.aws.simulator.clock import NEVER
from tests.aws.simulator.function import MOST_BYTES, Function, Reply
from tests.aws.simulator.queue import Refused, SimulatedQueue, Stored
from tests.aws.simulator.sqs import md5, system_attributes

FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 60.0
POLLERS = 5
Record = dict[str, Any]


class Taken(NamedTuple):
    """One message as it was received: its record, how deep its chain is, and when."""

    record: Record
    hops: int
    at: float


class Wrong(ValueError):
    """AWS refuses this mapping."""


class Mapping:
    """One mapping, polling since it was made.

    batch, window (seconds), maximum_concurrency: as in the API. partial: ReportBatchItemFailures.
    """

    def __init__(
        self,
        account: Account,
        queue: SimulatedQueue,
        function: Function,
        batch: int = 10,
        window: float = 0.0,
        maximum_concurrency: int | None = None,
        partial: bool = True,
        pollers: int = POLLERS,
    ) -> None:
        self.account, self.queue, self.function = account, queue, function
        self.batch, self.window, self.partial = batch, window, partial
        self.lost = self.dropped = self.failed_whole = 0
        if fault := self._fault(maximum_concurrency):
            raise Wrong(fault)
        for number in range(min(pollers, maximum_concurrency or pollers)):
            account.timeline.start(f"{queue.name} poller {number}", self._poll)

    def _fault(self, maximum_concurrency: int | None) -> str | None:
        if self.queue.fifo and self.window:
            return "Batching window is not supported for FIFO queues"
        if not 1 <= self.batch <= (10 if self.queue.fifo else 10_000):
            return f"BatchSize {self.batch}"
        if self.batch > 10 and self.window < 1:
            return "MaximumBatchingWindowInSeconds must be at least 1 for a BatchSize over 10"
        if maximum_concurrency is not None and not 2 <= maximum_concurrency <= 1000:
            return "MaximumConcurrency must be from 2 to 1000"
        if self.function.timeout > self.queue.setting("VisibilityTimeout"):
            return "Queue visibility timeout is less than Function timeout"
        return None

    def _poll(self) -> None:
        while True:
            self.account.timeline.check()
            batch = self._gather()
            if self.account.happens(self.account.faults.lost_before):
                self.lost += 1  # with its batch; another poller takes its place
                continue
            records = [taken.record for taken in batch]
            expires = min(taken.at for taken in batch) + self.queue.setting("VisibilityTimeout")
            reply = self._invoke(records, max(taken.hops for taken in batch), expires)
            if reply is None or reply.kind != "answer":
                continue
            if self.account.happens(self.account.faults.lost_after):
                self.lost += 1
                continue
            self._settle(records, reply)

    def _gather(self) -> list[Taken]:
        """The next batch: what there is, or what comes within the window."""
        timeline, found = self.account.timeline, list[Taken]()
        until, size = NEVER, 0  # one long poll after another
        while True:
            taken = self.queue.take(min(10, self.batch - len(found)), self.queue.setting("VisibilityTimeout"))
            if taken and not found:
                until = timeline.now + self.window
            found += [Taken(self._record(message), message.hops, timeline.now) for message in taken]
            size += sum(len(json.dumps(message.body)) + 2_000 for message in taken)
            if len(found) >= self.batch or size > MOST_BYTES - 3_000_000 or timeline.now >= until:
                return found
            if not taken:
                timeline.wait(min(until, max(self.queue.next_visible(), timeline.now + 0.001)), self.queue.name)

    def _invoke(self, records: list[Record], hops: int, expires: float) -> Reply | None:
        """The reply; None if it was throttled until the messages came back."""
        wait = FIRST_BACKOFF
        while True:
            reply = self.function.invoke({"Records": records}, hops)
            if reply.kind != "throttled":
                return reply
            if self.account.timeline.now + wait >= expires:
                self.dropped += 1
                return None
            self.account.timeline.sleep(wait)
            wait = min(2 * wait, LONGEST_BACKOFF)

    def _record(self, message: Stored) -> Record:
        return {
            "messageId": message.id,
            "receiptHandle": message.receipt,
            "body": message.body,
            "attributes": system_attributes(message),
            "messageAttributes": {name: _attribute(value) for name, value in message.attributes.items()},
            "md5OfBody": md5(message.body),
            "eventSource": "aws:sqs",
            "eventSourceARN": self.queue.arn,
            "awsRegion": REGION,
        }

    def _settle(self, records: list[Record], reply: Reply) -> None:
        ids = {record["messageId"] for record in records}
        failed = failures(reply.payload, ids) if self.partial else set[str]()
        if failed is None:
            self.failed_whole += 1
            return
        if self.account.happens(self.account.faults.late):
            self.account.timeline.sleep(self.account.random.uniform(0, self.account.faults.late_by))
        for record in records:
            if record["messageId"] not in failed:
                try:
                    self.queue.delete(record["receiptHandle"])
                except Refused:
                    continue  # it came back meanwhile


def failures(payload: str, ids: set[str]) -> set[str] | None:
    """The message ids a function's answer reports; None if Lambda takes the whole batch for failed."""
    answer = json.loads(payload)
    if answer is None:
        return set()
    if not isinstance(answer, dict):
        return None
    reported = answer.get("batchItemFailures")
    if reported is None:
        return set()
    if not isinstance(reported, list):
        return None
    failed: set[Any] = {item.get("itemIdentifier") if isinstance(item, dict) else None for item in reported}
    return failed if failed <= ids else None


def _attribute(attribute: dict[str, Any]) -> Record:
    """A message attribute as events have it: small letters first, and all lists there."""
    shown: Record = {"stringListValues": [], "binaryListValues": [], "dataType": attribute["DataType"]}
    if "StringValue" in attribute:
        shown["stringValue"] = attribute["StringValue"]
    return shown
