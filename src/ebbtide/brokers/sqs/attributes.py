"""A dead letter on SQS: the body as it came, and beside it, as message attributes, why it died.

SQS's own redrive carries no reason, so we send the letter ourselves. An attribute is text, ten of them go with a
message (SQS), and all count as bytes of it: what is longest is cut first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ebbtide.broker import DeadLetter
from ebbtide.brokers.sqs.batches import BYTES, Entry, size
from ebbtide.brokers.sqs.characters import cut, escaped
from ebbtide.result import TaskError

TRACEBACK = 16_000
"""Bytes kept of a traceback, less where the body leaves less room."""

_MESSAGE = 4_000
_PREFIX = "ebbtide."
_UNKNOWN = "ebbtide.errors.WorkerDied"
_MOVED = "SQS moved it here by its redrive policy: it was received too often, and nothing that ran it left a word"


class Found(NamedTuple):
    """A dead letter on loan. url, handle: where it is and whose; body: as it stands there; group: that of its message.

    once: SQS's id of this letter, which no other sending of the same message has.
    """

    letter: DeadLetter
    url: str
    handle: str
    body: str
    group: str | None
    once: str


def describing(letter: DeadLetter, body: str, group: str | None) -> Entry:
    """The body and attributes of a message that holds this dead letter; within SQS's limits."""
    error = letter.error
    said = {
        "reason": error.exception_class,
        "error": cut(escaped(error.message), _MESSAGE),
        "attempt": str(letter.attempts),
        "queue": letter.queue,
        "lane": str(letter.lane),
        "task": letter.task,
        "id": letter.id,
        "buried_at": f"{letter.buried_at:.3f}",
        "group": group or "",
    }
    room = BYTES - size(_entry(body, said)) - len(f"{_PREFIX}tracebackString")
    if room > 0 and error.traceback:
        said["traceback"] = cut(escaped(error.traceback), min(TRACEBACK, room))
    entry = _entry(body, said)
    if size(entry) > BYTES:  # none of our bodies leaves so little room
        entry = _entry(body, {"reason": said["reason"]})
    return entry if size(entry) <= BYTES else _entry(body, {})


def _entry(body: str, said: Mapping[str, str]) -> Entry:
    attributes = {_PREFIX + name: {"DataType": "String", "StringValue": text} for name, text in said.items() if text}
    return {"MessageBody": body, "MessageAttributes": attributes}


def found_in(url: str, message: Mapping[str, Any]) -> Found:
    """The dead letter in a message received from a dead-letter queue, whoever put it there."""
    said = {
        name.removeprefix(_PREFIX): str(value.get("StringValue", ""))
        for name, value in message.get("MessageAttributes", {}).items()
        if name.startswith(_PREFIX)
    }
    letter = _letter(said, message)
    return Found(letter, url, message["ReceiptHandle"], message["Body"], said.get("group"), message["MessageId"])


def _letter(said: Mapping[str, str], message: Mapping[str, Any]) -> DeadLetter:
    system = message.get("Attributes", {})
    attempts = _number(said.get("attempt", "0"))
    error = TaskError(
        said.get("reason", _UNKNOWN),
        said.get("error", "") if "reason" in said else _MOVED,
        said.get("traceback", ""),
        int(attempts),
    )
    return DeadLetter(
        said.get("id") or str(message["MessageId"]),
        said.get("task", ""),
        said.get("queue", ""),
        int(_number(said.get("lane", "0"))),
        error,
        int(attempts),
        _number(said.get("buried_at", "")) or _number(system.get("SentTimestamp", "0")) / 1000,
        message["Body"].encode("utf-8", "surrogatepass"),
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
