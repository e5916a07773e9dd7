"""SQS's batches: at most ten entries and 1 MiB a call, and an answer that may refuse single entries.

Whatever fails for a reason of SQS's own is tried again, alone with its like; what fails for a reason of ours is told.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ebbtide.errors import StorageError

ENTRIES = 10
"""Entries in a batch (SQS)."""

BYTES = 1_048_576
"""Bytes in a message, its attributes included, and in a batch (SQS)."""

TRIES = 5
_FIRST_PAUSE = 0.1

Entry = dict[str, Any]
"""One entry of a batch as SQS wants it, but for its Id."""


class Refusal(NamedTuple):
    """What SQS would not do. number: the entry's place. ours: whether the entry is at fault, so trying is in vain."""

    number: int
    code: str
    said: str
    ours: bool


def size(entry: Entry) -> int:
    """Bytes that count: body and attributes, with their names and types."""
    attributes = entry.get("MessageAttributes", {})
    named = sum(len(name) + len(value["DataType"]) + _bytes(value["StringValue"]) for name, value in attributes.items())
    return _bytes(entry.get("MessageBody", "")) + named


def chunks(entries: Sequence[Entry]) -> Iterator[range]:
    """The entries' places, in order, in runs that fit a batch."""
    start, held = 0, 0
    for number, entry in enumerate(entries):
        more = size(entry)
        if number > start and (number - start == ENTRIES or held + more > BYTES):
            yield range(start, number)
            start, held = number, 0
        held += more
    if entries:
        yield range(start, len(entries))


def carry_out(
    call: Callable[..., Any], url: str, entries: Sequence[Entry], pause: Callable[[float], None] = time.sleep
) -> list[Refusal]:
    """Have SQS do this for at most one batch of entries; what it refused in the end.

    Raises StorageError if the first call fails; of a later one what is left is refused, for the rest is done.
    """
    left = dict(enumerate(entries))
    final: list[Refusal] = []
    again: list[Refusal] = []
    for tried in range(TRIES):
        if tried:
            pause(_FIRST_PAUSE * 2**tried * (0.5 + random.random()))  # noqa: S311 - spreads load, guards nothing
        try:
            answer = call(QueueUrl=url, Entries=[{"Id": str(place), **entry} for place, entry in left.items()])
        except StorageError as error:
            if not tried:
                raise
            again = [Refusal(place, error.code, str(error), False) for place in left]
            continue
        refused = [_refusal(failed) for failed in answer.get("Failed", [])]
        final += [refusal for refusal in refused if refusal.ours]
        again = [refusal for refusal in refused if not refusal.ours]
        left = {refusal.number: left[refusal.number] for refusal in again}
        if not left:
            break
    return final + again


def _refusal(failed: dict[str, Any]) -> Refusal:
    said = str(failed.get("Message") or failed["Code"])
    return Refusal(int(failed["Id"]), str(failed["Code"]), said, bool(failed.get("SenderFault")))


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
