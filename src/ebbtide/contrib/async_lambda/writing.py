"""The layer around every enqueue that puts async-lambda's envelope on the queue in place of ours.

So it is the same whoever sends: a task, a schedule, the command line, or a dead letter on its way to another task.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ebbtide import strictjson
from ebbtide.app import Send
from ebbtide.broker import here
from ebbtide.contrib.async_lambda.wire import DESTINATION, INVOCATION, S3_KEY, SOURCE, Envelope
from ebbtide.errors import PayloadError
from ebbtide.message import Message

SPILL = 250_000
"""Bytes of a payload's JSON, written as JSON once more, from which it goes to the bucket, as async-lambda has it."""

SPILL_LATE = 150_000
"""The same where a schedule carries the message, which holds less."""

LATE = 900.0
"""Seconds of a delay beyond which that is so."""

BUCKET = "ASYNC_LAMBDA_PAYLOAD_S3_BUCKET"
"""The variable with the payload bucket's name; elsewhere, as on a laptop, the broker keeps large messages itself."""


class Writer:
    """app: the app's name; external: ids of other apps' tasks, `{app}-{task}`."""

    def __init__(self, app: str, external: Iterable[str]) -> None:
        self._app = app
        self._external = frozenset(external)

    def __call__(self, messages: Sequence[Message], send_next: Send) -> list[str]:
        return send_next([self._written(message) for message in messages])

    def _written(self, message: Message) -> Message:
        message = replace(message, headers={**message.headers, **origin(message)})
        told, outside = message.headers, message.task in self._external
        text = strictjson.dumps(_payload(message))
        late = (message.run_after or 0.0) - message.enqueued_at > LATE
        key = told.get(S3_KEY) or self._spilled(message.task, text, outside, SPILL_LATE if late else SPILL)
        envelope = Envelope(
            told.get(SOURCE),
            told.get(DESTINATION, message.task),
            told[INVOCATION],
            None if key else text,
            key,
            self._app if outside else None,
            message,
        )
        return message.as_written(envelope.encode())

    def _spilled(self, task: str, text: str, outside: bool, limit: int) -> str | None:
        """Where a large payload is; None for one that travels with its message. Raises PayloadError, StorageError."""
        if len(text) < limit // 2 or len(strictjson.dumps(text)) < limit:
            return None
        if outside:
            raise PayloadError(
                f"task {task!r} is another app's, which cannot read this one's bucket: a payload of {len(text):,} "
                f"bytes is too large for its queue; store the data and pass where it is"
            )
        if BUCKET not in os.environ:
            return None
        # It takes AWS's library.
        made: str = importlib.import_module("ebbtide.contrib.async_lambda.spill").spill(text)
        return made


def _payload(message: Message) -> Any:
    return message.args[0] if message.args else next(iter(message.kwargs.values()), None)


def origin(message: Message) -> dict[str, str]:
    """Who sent it, unless that is known: a dead letter keeps what its own envelope said."""
    if INVOCATION in message.headers:
        return {}
    parent = here()
    source = {SOURCE: parent.message.task} if parent else {}
    inherited = parent.message.headers.get(INVOCATION) if parent else None
    return {**source, INVOCATION: inherited or uuid4()}


def uuid4() -> str:
    """A new one, as text."""
    # Twenty times quicker to load than the module uuid.
    drawn = os.urandom(16).hex()
    variant = "89ab"[int(drawn[16], 16) & 3]
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-{variant}{drawn[17:20]}-{drawn[20:]}"
