"""One event a task, for the people and programs that watch a worker: its line in words, and its facts.

What stands on a queue may have been written by anyone, so that the words keep to one line whatever they quote.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from ebbtide.broker import Delivery
from ebbtide.errors import EnvelopeError, StorageError
from ebbtide.execute import waited_for
from ebbtide.message import Message
from ebbtide.outcome import Failed, NotYet, Outcome, Skipped, Succeeded, TryAgain

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_STATUS = {
    Succeeded: "succeeded",
    Skipped: "skipped",
    NotYet: "postponed",
    TryAgain: "retried",
    Failed: "failed",
}


class Reporter:
    """Logs outcomes: success at INFO, another attempt at WARNING, the end of the line at ERROR.

    Each record carries its delivery and outcome, for a formatter that wants facts instead of words.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._tells_success = log.isEnabledFor(logging.INFO)

    def __call__(self, delivery: Delivery, outcome: Outcome) -> None:
        if self._tells_success or not isinstance(outcome, (Succeeded, Skipped, NotYet)):
            level, text = _line(outcome)
            attempt = f" (attempt {delivery.attempt})" if delivery.attempt > 1 else ""
            about = {"delivery": delivery, "outcome": outcome}
            self._log.log(level, "%s %s%s", _name(delivery), on_one_line(text), attempt, extra=about)


def on_one_line(text: str) -> str:
    """The text with every line break and control character escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def facts(delivery: Delivery, outcome: Outcome) -> dict[str, Any]:
    """The same as plain JSON values; times in milliseconds. What is not known is left out."""
    message = _message(delivery)
    told: dict[str, Any] = {"task": message.task, "id": message.id} if message else {}
    told |= {"queue": delivery.queue, "lane": delivery.lane, "attempt": delivery.attempt}
    told["status"] = _STATUS[type(outcome)]
    if not isinstance(outcome, (NotYet, Skipped)):
        waited = waited_for(delivery, outcome.started_at) if message else None
        if waited is not None:
            told["wait_ms"] = _milliseconds(waited)
        told["duration_ms"] = _milliseconds(outcome.finished_at - outcome.started_at)
    if isinstance(outcome, (NotYet, TryAgain)):
        told["again_in_ms"] = _milliseconds(outcome.wait)
    if isinstance(outcome, (TryAgain, Failed)):
        told["error"] = {"type": outcome.error.exception_class, "message": outcome.error.message}
    return told | (_chain(message) if message else {})


def _chain(message: Message) -> dict[str, Any]:
    """Where the message comes from: the chain of enqueues, and the trace if it is part of one."""
    chain: dict[str, Any] = {"root": message.lineage.root}
    if message.lineage.parent:
        chain["parent"] = message.lineage.parent
    if trace := _TRACEPARENT.fullmatch(message.headers.get("traceparent", "")):
        chain["trace_id"] = trace[1]
    return chain


def _message(delivery: Delivery) -> Message | None:
    try:
        return delivery.message
    except (EnvelopeError, StorageError):
        return None


def _name(delivery: Delivery) -> str:
    try:
        message = delivery.message
    except EnvelopeError:
        return f"a message on queue {delivery.queue} that is none of ours"
    except StorageError:
        return f"a message on queue {delivery.queue} whose body cannot be fetched"
    return on_one_line(f"{message.task} {message.id}")


def _line(outcome: Outcome) -> tuple[int, str]:
    match outcome:
        case Succeeded(_, began, ended):
            return logging.INFO, f"succeeded in {_lasting(ended - began)}"
        case Skipped():
            return logging.INFO, "was run to its end before; this copy of it is not run"
        case NotYet(wait, why) if why:
            return logging.INFO, f"waits {_lasting(wait)}: {on_one_line(why)}"
        case NotYet(wait):
            return logging.INFO, f"is not due for {_lasting(wait)}"
        case TryAgain(error, wait) if not error.traceback:
            return logging.INFO, f"asks to run again, in {_lasting(wait)}: {error.message}"
        case TryAgain(error, wait):
            return logging.WARNING, f"failed, again in {_lasting(wait)}: {error}"
        case Failed(error):
            return logging.ERROR, f"failed for good, now a dead letter: {error}"


def _lasting(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
