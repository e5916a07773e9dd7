"""Logs for programs: every record one line of JSON, whatever is in it; and the set-up of a worker process's logging.

The lines are ASCII and hold no control character, so that nothing a message or an error quotes begins a line of its
own, or reaches a terminal as more than text.
"""

from __future__ import annotations

import json
import logging
import math
import os
import resource
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

from ebbtide.broker import current
from ebbtide.errors import EnvelopeError, dotted
from ebbtide.runners.report import facts

Form = Literal["text", "json"]
FORMS: tuple[Form, ...] = ("text", "json")

LOGGER = "ebbtide.worker"
"""What a worker process says itself."""

_OURS = {"event", "delivery", "outcome"}
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
_PEAK_IN_MB = 1 / (1024 * 1024 if sys.platform == "darwin" else 1024)


class JsonLines(logging.Formatter):
    """One JSON object a record.

    Always time (ISO 8601, UTC), level, event and pid. A task's end has its facts; anything else its message and
    logger, the `extra` it was given, the error, and the task that logged it. always: more that every line is to have,
    asked for anew for each.
    """

    def __init__(self, always: Callable[[], dict[str, str]] = dict) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        event = getattr(record, "event", "log")
        if hasattr(record, "outcome") and hasattr(record, "delivery"):
            about = facts(record.delivery, record.outcome) | {"memory_mb": peak_memory()}
            event = "task"
        else:
            about = _logged(record)
        return line(record.levelname, event, record.created, **about | self._always())


def line(level: str, event: str, at: float, **about: Any) -> str:
    """One event as a line of JSON, without its end. at: seconds since 1970; about: what else is to be said."""
    time = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    return json.dumps({"time": f"{time}Z", "level": level, "event": event, **about, "pid": os.getpid()})


def peak_memory() -> float:
    """The most memory this process has had so far, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_IN_MB, 1)


def set_up(level: str, form: Form) -> logging.Logger:
    """Have everything logged in this process written to standard error; the logger of the worker itself.

    As JSON, the worker tells successes at any level, and errors and warnings that Python would print are logged.
    """
    log = logging.getLogger(LOGGER)
    if form == "text":
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
        return log
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    log.setLevel(logging.INFO)
    return log


def _logged(record: logging.LogRecord) -> dict[str, Any]:
    about: dict[str, Any] = {"message": _message(record), "logger": record.name}
    if more := {name: _plain(value) for name, value in vars(record).items() if name not in _STANDARD | _OURS}:
        about["extra"] = more
    if record.exc_info and record.exc_info[1]:
        about["error"] = _error(record.exc_info[1])
    delivery = current.get()
    if delivery is not None:
        with suppress(EnvelopeError):
            about |= {"task": delivery.message.task, "id": delivery.message.id, "attempt": delivery.attempt}
    return about


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # arguments that do not fit: better told raw than not at all
        return f"{record.msg!s} {record.args!r}"


def _plain(value: object) -> str | float | None:
    """What JSON has as it is, anything else as Python would write it."""
    if value is None or isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    try:
        return repr(value)
    except Exception:
        return f"({type(value).__name__})"


def _error(error: BaseException) -> dict[str, str]:
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be shown: __str__ raised)"
    return {"type": dotted(type(error)), "message": message, "traceback": "".join(traceback.format_exception(error))}


def _uncaught(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
    logging.getLogger(LOGGER).critical("the process ends", exc_info=error, extra={"event": "process_ended_by_error"})
