"""One line a task, for the people who watch a worker."""

from __future__ import annotations

import logging

from ebbtide.broker import Delivery
from ebbtide.errors import EnvelopeError
from ebbtide.outcome import Failed, NotYet, Outcome, Succeeded, TryAgain


class Reporter:
    """Logs outcomes: success at INFO, another attempt at WARNING, the end of the line at ERROR."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._tells_success = log.isEnabledFor(logging.INFO)

    def __call__(self, delivery: Delivery, outcome: Outcome) -> None:
        if self._tells_success or not isinstance(outcome, (Succeeded, NotYet)):
            level, text = _line(outcome)
            attempt = f" (attempt {delivery.attempt})" if delivery.attempt > 1 else ""
            self._log.log(level, "%s %s%s", _name(delivery), text, attempt)


def _name(delivery: Delivery) -> str:
    try:
        return f"{delivery.message.task} {delivery.message.id}"
    except EnvelopeError:
        return f"a message on queue {delivery.queue} that is none of ours"


def _line(outcome: Outcome) -> tuple[int, str]:
    match outcome:
        case Succeeded(_, began, ended):
            return logging.INFO, f"succeeded in {_lasting(ended - began)}"
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
