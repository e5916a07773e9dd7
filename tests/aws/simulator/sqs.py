"""boto3's `sqs` client over simulated queues: batches, long polls in virtual time, refusals, and SQS's own faults."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.aws.simulator.limits import BATCH_BYTES, LONGEST_VISIBILITY, check_entry, check_ids, size
from tests.aws.simulator.queue import Refused, SimulatedQueue, Stored
from tests.aws.simulator.service import Answer, Client

SENDER = "AIDASIMULATED"


class SqsClient(Client):
    """What the broker, the worker and the event source mapping call."""

    service = "sqs"
    legacy_prefix = "AWS.SimpleQueueService."

    # Queues

    def _create_queue(self, QueueName: str, Attributes: Mapping[str, str] | None = None, **_: Any) -> Answer:
        known = self.account.queues.get(QueueName)
        return {"QueueUrl": (known or SimulatedQueue(self.account, QueueName, Attributes or {})).url}

    def _get_queue_url(self, QueueName: str, **_: Any) -> Answer:
        return {"QueueUrl": self._queue("GetQueueUrl", QueueName).url}

    def _get_queue_attributes(self, QueueUrl: str, AttributeNames: Sequence[str] = (), **_: Any) -> Answer:
        queue = self._queue("GetQueueAttributes", QueueUrl)
        known = {
            **queue.settings,
            **{name: str(count) for name, count in queue.counts().items()},
            "QueueArn": queue.arn,
        }
        return {"Attributes": {name: value for name, value in known.items() if {"All", name} & set(AttributeNames)}}

    def _set_queue_attributes(self, QueueUrl: str, Attributes: Mapping[str, str], **_: Any) -> Answer:
        self._queue("SetQueueAttributes", QueueUrl).settings.update(Attributes)
        return {}

    def _purge_queue(self, QueueUrl: str, **_: Any) -> Answer:
        self._queue("PurgeQueue", QueueUrl).purge()
        return {}

    # Messages

    def _send_message(self, QueueUrl: str, **entry: Any) -> Answer:
        queue = self._queue("SendMessage", QueueUrl)
        try:
            check_entry(queue, entry)
        except Refused as refused:
            raise self.refusal("SendMessage", refused.code, str(refused)) from None
        return _sent(_put(queue, entry))

    def _send_message_batch(self, QueueUrl: str, Entries: Sequence[Mapping[str, Any]], **_: Any) -> Answer:
        queue = self._queue("SendMessageBatch", QueueUrl)

        def send(entry: Mapping[str, Any]) -> Answer:
            check_entry(queue, entry)
            return _sent(_put(queue, entry))

        self._check_ids("SendMessageBatch", Entries)
        total = sum(size(entry["MessageBody"], entry.get("MessageAttributes", {})) for entry in Entries)
        if total > BATCH_BYTES:
            told = f"Batch requests cannot be longer than {BATCH_BYTES} bytes. You have sent {total} bytes."
            raise self.refusal("SendMessageBatch", "BatchRequestTooLong", told)
        return self._one_by_one(Entries, send)

    def _receive_message(
        self,
        QueueUrl: str,
        MaxNumberOfMessages: int = 1,
        WaitTimeSeconds: int | None = None,
        VisibilityTimeout: int | None = None,
        AttributeNames: Sequence[str] = (),
        MessageSystemAttributeNames: Sequence[str] = (),
        MessageAttributeNames: Sequence[str] = (),
        **_: Any,
    ) -> Answer:
        queue = self._queue("ReceiveMessage", QueueUrl)
        wait = queue.setting("ReceiveMessageWaitTimeSeconds") if WaitTimeSeconds is None else WaitTimeSeconds
        visibility = queue.setting("VisibilityTimeout") if VisibilityTimeout is None else VisibilityTimeout
        self._between("ReceiveMessage", "MaxNumberOfMessages", MaxNumberOfMessages, 1, 10)
        self._between("ReceiveMessage", "WaitTimeSeconds", wait, 0, 20)
        self._between("ReceiveMessage", "VisibilityTimeout", visibility, 0, LONGEST_VISIBILITY)
        until = self.account.timeline.now + wait
        while True:
            try:
                taken = queue.take(MaxNumberOfMessages, visibility, short=not wait)
            except Refused as refused:
                raise self.refusal("ReceiveMessage", refused.code, str(refused)) from None
            if taken or self.account.timeline.now >= until:
                break
            self.account.timeline.wait(min(until, max(queue.next_visible(), queue.now + 0.001)), queue.name)
        asked = (*AttributeNames, *MessageSystemAttributeNames)
        shown = [_shown(message, asked, MessageAttributeNames) for message in taken]
        return {"Messages": shown} if shown else {}

    def _delete_message(self, QueueUrl: str, ReceiptHandle: str, **_: Any) -> Answer:
        try:
            self._queue("DeleteMessage", QueueUrl).delete(ReceiptHandle)
        except Refused as refused:
            raise self.refusal("DeleteMessage", refused.code, str(refused)) from None
        return {}

    def _delete_message_batch(self, QueueUrl: str, Entries: Sequence[Mapping[str, Any]], **_: Any) -> Answer:
        queue = self._queue("DeleteMessageBatch", QueueUrl)

        def delete(entry: Mapping[str, Any]) -> Answer:
            queue.delete(entry["ReceiptHandle"])
            return {}

        self._check_ids("DeleteMessageBatch", Entries)
        return self._one_by_one(Entries, delete)

    def _change_message_visibility(self, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int, **_: Any) -> Answer:
        self._between("ChangeMessageVisibility", "VisibilityTimeout", VisibilityTimeout, 0, LONGEST_VISIBILITY)
        try:
            self._queue("ChangeMessageVisibility", QueueUrl).change(ReceiptHandle, VisibilityTimeout)
        except Refused as refused:
            raise self.refusal("ChangeMessageVisibility", refused.code, str(refused)) from None
        return {}

    def _change_message_visibility_batch(self, QueueUrl: str, Entries: Sequence[Mapping[str, Any]], **_: Any) -> Answer:
        queue = self._queue("ChangeMessageVisibilityBatch", QueueUrl)

        def change(entry: Mapping[str, Any]) -> Answer:
            seconds = entry.get("VisibilityTimeout", 0)
            if not 0 <= seconds <= LONGEST_VISIBILITY:
                raise Refused(
                    "InvalidParameterValue", _out_of_range("VisibilityTimeout", seconds, 0, LONGEST_VISIBILITY)
                )
            queue.change(entry["ReceiptHandle"], seconds)
            return {}

        self._check_ids("ChangeMessageVisibilityBatch", Entries)
        return self._one_by_one(Entries, change)

    # Of several

    def _queue(self, operation: str, name_or_url: str) -> SimulatedQueue:
        found: SimulatedQueue | None = self.account.queues.get(name_or_url.rpartition("/")[2])
        if found is None:
            raise self.refusal(operation, "QueueDoesNotExist", "The specified queue does not exist.")
        return found

    def _check_ids(self, operation: str, entries: Sequence[Mapping[str, Any]]) -> None:
        try:
            check_ids([entry["Id"] for entry in entries])
        except Refused as refused:
            raise self.refusal(operation, refused.code, str(refused)) from None

    def _between(self, operation: str, name: str, value: float, least: int, most: int) -> None:
        if not least <= value <= most:
            raise self.refusal(operation, "InvalidParameterValue", _out_of_range(name, value, least, most))

    def _one_by_one(self, entries: Sequence[Mapping[str, Any]], do: Callable[[Mapping[str, Any]], Answer]) -> Answer:
        """Each entry succeeds or fails for itself; a part that is empty is not in the answer."""
        done: list[Answer] = []
        failed: list[Answer] = []
        for entry in entries:
            if self.account.happens(self.account.faults.entry):
                told = {"Code": "InternalError", "Message": "Internal Error", "SenderFault": False}
                failed.append({"Id": entry["Id"], **told})
                continue
            try:
                done.append({"Id": entry["Id"], **do(entry)})
            except Refused as refused:
                failed.append({"Id": entry["Id"], "Code": refused.code, "Message": str(refused), "SenderFault": True})
        return {**({"Successful": done} if done else {}), **({"Failed": failed} if failed else {})}


def _out_of_range(name: str, value: float, least: int, most: int) -> str:
    return f"Value {value} for parameter {name} is invalid. Reason: Must be >= {least} and <= {most}, if provided."


def _put(queue: SimulatedQueue, entry: Mapping[str, Any]) -> Stored:
    delay = entry.get("DelaySeconds") if not queue.fifo else None
    attributes = entry.get("MessageAttributes", {})
    return queue.put(
        entry["MessageBody"], attributes, delay, entry.get("MessageGroupId"), entry.get("MessageDeduplicationId")
    )


def _sent(message: Stored) -> Answer:
    answer = {"MessageId": message.id, "MD5OfMessageBody": md5(message.body)}
    return {**answer, "SequenceNumber": f"{message.sequence:020}"} if message.deduplication else answer


def _shown(message: Stored, system: Sequence[str], names: Sequence[str]) -> Answer:
    known = system_attributes(message)
    asked = {name: value for name, value in known.items() if {"All", name} & set(system)}
    given = {name: value for name, value in message.attributes.items() if _asked(name, names)}
    shown = {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": md5(message.body),
        "Body": message.body,
    }
    return {**shown, **({"Attributes": asked} if asked else {}), **({"MessageAttributes": given} if given else {})}


def md5(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def system_attributes(message: Stored) -> dict[str, str]:
    """What SQS itself says about a message; times in milliseconds."""
    known = {
        "SenderId": SENDER,
        "SentTimestamp": str(math.floor(message.sent * 1000)),
        "ApproximateReceiveCount": str(message.received),
        "ApproximateFirstReceiveTimestamp": str(math.floor((message.first_received or 0.0) * 1000)),
        "MessageGroupId": message.group,
        "MessageDeduplicationId": message.deduplication,
        "SequenceNumber": f"{message.sequence:020}" if message.deduplication else None,
        "DeadLetterQueueSourceArn": message.source,
    }
    return {name: value for name, value in known.items() if value is not None}


def _asked(name: str, names: Sequence[str]) -> bool:
    return any(
        wanted in ("All", ".*", name) or (wanted.endswith(".*") and name.startswith(wanted[:-2])) for wanted in names
    )
