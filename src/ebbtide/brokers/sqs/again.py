"""Attempts made before a wait that SQS cannot hold.

Such a message is scheduled anew, so that SQS counts its receives from one again. What it had before travels with it, as
a header of its envelope; a redriven letter loses it, to start as if for the first time.
"""

from __future__ import annotations

from dataclasses import replace

from ebbtide.errors import EnvelopeError
from ebbtide.message import Message

HEADER = "ebbtide-attempts"
_MARK = f'"{HEADER}"'.encode()


def with_attempts(message: Message, attempts: int) -> Message:
    """The message, to come again after so many attempts."""
    return replace(message, headers={**message.headers, HEADER: str(attempts)})


def without_attempts(body: str) -> str:
    """A body with its past forgotten."""
    if HEADER not in body:
        return body
    try:
        message = Message.decode(body.encode("utf-8", "surrogatepass"))
    except EnvelopeError:
        return body
    headers = {name: text for name, text in message.headers.items() if name != HEADER}
    return replace(message, headers=headers).encode().decode("ascii")


def attempts_before(body: bytes) -> int:
    """How many attempts this body had before its wait; 0 for what is none of ours."""
    if _MARK not in body:
        return 0
    try:
        text = Message.decode(body).headers.get(HEADER, "0")
    except EnvelopeError:
        return 0
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
