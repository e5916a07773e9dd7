"""What SQS refuses in a message, before it looks at the queue.

Sources: SendMessage and SendMessageBatch in the Amazon SQS API Reference (characters, sizes, DelaySeconds), "Amazon SQS
message metadata" and "Amazon SQS message quotas" in its Developer Guide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.aws.simulator.queue import Refused, SimulatedQueue

BATCH_BYTES = 1_048_576
ENTRIES = 10
ATTRIBUTES = 10
LONGEST_DELAY = 900
LONGEST_VISIBILITY = 43_200

# #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF
_REFUSED_CHARACTERS = re.compile("[^\\x09\\x0a\\x0d\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)
_ATTRIBUTE_NAME = re.compile(r"(?!\.)(?!.*\.\.)(?!(?i:aws\.|amazon\.))[A-Za-z0-9_.-]{1,256}(?<!\.)", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,./:;<=>?@\[\\\]^_`{|}~-]{1,128}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def size(body: str, attributes: Mapping[str, Any]) -> int:
    """Bytes of a message: its body and the names, types and values of its attributes."""
    total = len(body.encode("utf-8", "surrogatepass"))
    for name, attribute in attributes.items():
        value = attribute.get("StringValue") or attribute.get("BinaryValue") or b""
        total += len(name.encode()) + len(attribute["DataType"].encode())
        total += len(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value)
    return total


def check_entry(queue: SimulatedQueue, entry: Mapping[str, Any]) -> None:
    """Raises Refused for a message this queue does not take."""
    body, attributes = entry["MessageBody"], entry.get("MessageAttributes", {})
    if not body:
        raise Refused("MissingParameter", "The request must contain the parameter MessageBody.")
    if _REFUSED_CHARACTERS.search(body):
        raise Refused(
            "InvalidMessageContents", "Invalid characters found. Valid unicode characters are #x9 | #xA | ..."
        )
    _check_attributes(attributes)
    most = int(queue.setting("MaximumMessageSize"))
    if size(body, attributes) > most:
        raise Refused(
            "InvalidParameterValue",
            f"One or more parameters are invalid. Reason: Message must be shorter than {most} bytes.",
        )
    _check_delay(queue, entry.get("DelaySeconds"))
    _check_groups(queue, entry)


def _check_attributes(attributes: Mapping[str, Any]) -> None:
    if len(attributes) > ATTRIBUTES:
        raise Refused(
            "InvalidParameterValue",
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [10].",
        )
    for name, attribute in attributes.items():
        kind = attribute["DataType"]
        value = attribute.get("BinaryValue" if kind.split(".")[0] == "Binary" else "StringValue")
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise Refused("InvalidParameterValue", f"The message attribute name '{name}' is invalid.")
        if kind.split(".")[0] not in ("String", "Number", "Binary") or len(kind) > 256:
            raise Refused("InvalidParameterValue", f"The type of message attribute '{name}' is invalid.")
        if not value:
            raise Refused("InvalidParameterValue", f"Message (user) attribute '{name}' must contain a non-empty value.")
        if isinstance(value, str) and _REFUSED_CHARACTERS.search(value):
            raise Refused("InvalidMessageContents", f"Invalid characters found in attribute '{name}'.")
        if kind.split(".")[0] == "Number" and not _NUMBER.fullmatch(value):
            raise Refused("InvalidParameterValue", f"Could not cast message attribute '{name}' value to number.")


def _check_delay(queue: SimulatedQueue, delay: int | None) -> None:
    if delay is None or (queue.fifo and delay == 0):
        return
    if queue.fifo:
        raise Refused(
            "InvalidParameterValue",
            f"Value {delay} for parameter DelaySeconds is invalid. Reason: The request include parameter that is not "
            "valid for this queue type.",
        )
    if not 0 <= delay <= LONGEST_DELAY:
        reason = "DelaySeconds must be >= 0 and <= 900."
        raise Refused("InvalidParameterValue", f"Value {delay} for parameter DelaySeconds is invalid. Reason: {reason}")


def _check_groups(queue: SimulatedQueue, entry: Mapping[str, Any]) -> None:
    group, once = entry.get("MessageGroupId"), entry.get("MessageDeduplicationId")
    for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", once)):
        if value is not None and not _TOKEN.fullmatch(value):
            reason = f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
            raise Refused("InvalidParameterValue", f"Value {value} for parameter {name} is invalid. Reason: {reason}")
    if queue.fifo and group is None:
        raise Refused("MissingParameter", "The request must contain the parameter MessageGroupId.")
    if queue.fifo and once is None and queue.settings.get("ContentBasedDeduplication") != "true":
        raise Refused(
            "InvalidParameterValue",
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
            "explicitly",
        )
    if not queue.fifo and once is not None:
        raise Refused(
            "InvalidParameterValue",
            f"Value {once} for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that "
            "is not valid for this queue type.",
        )


def check_ids(ids: list[str]) -> None:
    """The entries of a batch, by their ids. Raises Refused."""
    if not ids:
        raise Refused("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(ids) > ENTRIES:
        raise Refused(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {ENTRIES}. You have sent {len(ids)}.",
        )
    for id in ids:
        if not _ENTRY_ID.fullmatch(id):
            raise Refused(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most "
                "80 letters long.",
            )
    if len(set(ids)) < len(ids):
        twice = next(id for id in ids if ids.count(id) > 1)
        raise Refused("BatchEntryIdsNotDistinct", f"Id {twice} repeated.")
