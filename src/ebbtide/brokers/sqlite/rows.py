"""Between rows of the file and the core's values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ebbtide.broker import DeadLetter, Delivery, Depth, Settlement
from ebbtide.brokers.sqlite import payloads
from ebbtide.brokers.sqlite.schema import DEAD, DELAYED, DONE, READY, RUNNING
from ebbtide.result import Record, Report, Status, TaskError

_STATUS = {
    DELAYED: Status.READY,
    READY: Status.READY,
    RUNNING: Status.RUNNING,
    DONE: Status.SUCCESSFUL,
    DEAD: Status.FAILED,
}


def delivery(folder: Path, queue: str, lane: int, row: Sequence[Any]) -> Delivery:
    """What CLAIM returns as a delivery: rank, seq, id, claim, attempt, body, outside, errors if suspect.

    The receipt is the row's fence.
    """
    _, seq, id, claim, attempt, body, outside, errors = row
    body = payloads.get(folder, id) if outside else _bytes(body)
    return Delivery(body, queue, lane, f"{seq}:{claim}:{id}", attempt, fate=_errors(errors)[-1] if errors else None)


def held(delivery: Delivery) -> tuple[int, str, int]:
    """What a receipt stands for: seq, id and claim of the row."""
    seq, claim, id = delivery.receipt.split(":", 2)
    return int(seq), id, int(claim)


def claimed(delivery: Delivery) -> tuple[int, int]:
    """The row and the claim of it, as a holder notes them."""
    seq, _, claim = held(delivery)
    return seq, claim


def finished(settlement: Settlement) -> tuple[Any, ...]:
    """The parameters of KEEP."""
    report = _report(settlement)
    purge_at = (report.finished_at or 0.0) + report.keep
    return (report.value, report.started_at, report.finished_at, purge_at, *held(settlement.delivery))


def buried(settlement: Settlement) -> tuple[Any, ...]:
    """The parameters of BURY."""
    report = _report(settlement)
    failure, fate = report.error, settlement.delivery.fate
    assert failure is not None  # noqa: S101 - nothing is buried without a reason
    told = failure == fate  # the way its holder died is among its errors already
    times = (report.started_at, report.finished_at)
    return (*times, failure.attempt, told, error(settlement), *held(settlement.delivery))


def failed(settlement: Settlement) -> tuple[Any, ...]:
    """The parameters of FAIL."""
    report = _report(settlement)
    return ((report.finished_at or 0.0) + report.keep, *buried(settlement))


def error(settlement: Settlement) -> str:
    """A report's error as the file keeps it."""
    failure = _report(settlement).error
    assert failure is not None  # noqa: S101 - only failures are stored so
    return json.dumps([failure.exception_class, failure.message, failure.traceback, failure.attempt])


def record(row: Sequence[Any]) -> Record:
    """The result of RECORD as a record."""
    id, task, state, attempts, enqueued_at, started_at, finished_at, value, errors = row
    ended = state in (DONE, DEAD)
    begun = started_at if state not in (DELAYED, READY) else None
    status = Status.FAILED if state == DONE and value is None else _STATUS[state]
    return Record(
        id, task, status, attempts, enqueued_at, begun, finished_at if ended else None, value, _errors(errors)
    )


def depth(counts: Sequence[Any], now: float) -> Depth:
    """One lane of DEPTH."""
    ready, delayed, running, dead, oldest, due = counts
    return Depth(
        ready=ready,
        delayed=delayed,
        running=running,
        dead=dead,
        oldest=None if oldest is None else max(0.0, now - oldest),
        due_in=None if due is None else max(0.0, due - now),
    )


def dead_letter(folder: Path, row: Sequence[Any]) -> DeadLetter:
    """One row of DEAD_LETTERS."""
    id, task, queue, lane, errors, attempts, buried_at, body, outside = row
    body = payloads.get(folder, id) if outside else _bytes(body)
    return DeadLetter(id, task, queue, lane, _errors(errors)[-1], attempts, buried_at, body)


def _bytes(body: bytes | str) -> bytes:
    """A body as it came; one put there as text, by hand, counts as its UTF-8."""
    return body if isinstance(body, bytes) else body.encode("utf-8", "surrogateescape")


def _errors(stored: str | None) -> tuple[TaskError, ...]:
    return tuple(TaskError(*entry) for entry in json.loads(stored or "[]"))


def _report(settlement: Settlement) -> Report:
    assert settlement.report is not None  # noqa: S101 - settle() reports everything but what was not started
    return settlement.report
