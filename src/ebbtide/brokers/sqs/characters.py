"""What SQS takes as text: the envelope is ASCII JSON and always passes; names and reasons of errors may not."""

from __future__ import annotations

import re

from ebbtide.brokers.sqs.digest import sha256

# Compiled on first use: the second takes several milliseconds, which every start of a function would wait for.
_LABEL = r"""[A-Za-z0-9!"#$%&'()*+,./:;<=>?@\[\\\]^_`{|}~-]{1,128}"""
_REFUSED = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""What is not of XML 1.0's characters: SQS refuses a message in whose body or attributes one of these stands."""


def label(text: str) -> str:
    """A group's or deduplication id: the text itself if SQS takes it as such, else a digest of it."""
    if re.fullmatch(_LABEL, text):
        return text
    return sha256(text)


def escaped(text: str) -> str:
    """The text with what SQS refuses written as Python writes it: `\\\\x00`, `\\\\ud800`."""
    return re.sub(_REFUSED, lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def cut(text: str, limit: int) -> str:
    """At most `limit` bytes of the text, whole characters, its end more than its beginning: there the reason stands."""
    encoded = text.encode("utf-8")
    if len(encoded) <= limit:
        return text
    mark = "\n  ...\n"
    room = max(0, limit - len(mark))
    head = encoded[: room // 4].decode("utf-8", "ignore")
    tail = encoded[len(encoded) - (room - room // 4) :].decode("utf-8", "ignore")
    return f"{head}{mark}{tail}"
