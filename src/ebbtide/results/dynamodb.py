"""Records in a stage's table: one item for each task, folded there by a condition on each write.

So a report that comes late, or a second time, never turns a finished record back, whoever sends it. Each attempt's
error is an attribute of its own, which makes a repeated write the same write. An item holds 400 kB: of many attempts
the first and the last errors are kept, and a value too big for it waits in the bucket. The table forgets a record by
itself some time after its retention, so each is looked at as it is read.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from ebbtide import strictjson
from ebbtide.physical import LONGEST_KEPT
from ebbtide.result import Record, Report, ResultStore, Status, TaskError
from ebbtide.table import Condition, Item, Table, Value, until

UNFINISHED = 366 * 86_400.0
"""Seconds a record is kept of a task that does not come to its end: its message was lost, or never sent."""

INLINE = 64 * 1024
"""Bytes of a value that stands in the item; a larger one goes to the bucket."""

FIRST, LAST = 4, 12
"""How many of a task's errors are kept: those of its first and of its last attempts."""

ERROR = 16 * 1024
"""Bytes of one error as JSON. A traceback is cut to fit, in its middle."""

SOONEST, SLOWEST = 0.05, 2.0
"""Seconds between two looks of a `wait`: at first, and at most."""


class Vault(Protocol):
    """Where values stand that are too big for an item. Both raise StorageError."""

    def put(self, name: str, body: bytes, keep: float) -> str | None:
        """Keep a body for so many seconds; the key to ask for it by, None if nothing is kept so long."""

    def get(self, key: str, size: int) -> bytes | None:
        """The body under a key; None if it is gone, or is another one, of another size."""


class DynamoDbResults(ResultStore):
    """The records of one stage. now: seconds since 1970. sleep: takes seconds. Every verb raises StorageError."""

    def __init__(
        self,
        table: Table,
        vault: Vault,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = table
        self._vault = vault
        self._now = now
        self._sleep = sleep

    def save(self, reports: Sequence[Report]) -> None:
        """Fold these reports: those of new tasks many at a time, the others one by one."""
        known = [report for report in reports if report.id]  # what cannot be decoded has no id, and so no record
        new = {_name(report.id): self._changes(report) for report in known if _is_new(report)}
        taken = self._table.insert({name: _there(changes) for name, changes in new.items()}) if new else set()
        for report in known:
            if not _is_new(report) or _name(report.id) in taken:
                self._fold(_name(report.id), self._changes(report))

    def load(self, ids: Sequence[str]) -> dict[str, Record]:
        items = self._table.read(_name(id) for id in ids if _is_id(id))
        records = {id: self._record(id, items[_name(id)]) for id in ids if _name(id) in items}
        return {id: record for id, record in records.items() if record}

    def wait(self, id: str, timeout: float | None) -> Record | None:
        """As the port says. It looks ever more rarely, in the end every two seconds."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        pause = SOONEST
        while True:
            record = self.load([id]).get(id)
            left = end - time.monotonic()
            if record is None or record.status.finished or left <= 0:
                return record
            self._sleep(min(pause, left))
            pause = min(1.5 * pause, SLOWEST)

    def purge(self) -> int:
        """Nothing: the table forgets by itself."""
        return 0

    def anew(self, ids: Sequence[str]) -> None:
        """These are to be run as if for the first time, after they were dead."""
        ready: dict[str, Value | None] = {
            "status": Status.READY.value,
            "attempts": 0,
            "gone": until(self._now() + UNFINISHED),
        }
        kept = {"task", "enqueued_at"}
        for name, item in self._table.read(_name(id) for id in ids if _is_id(id)).items():
            forgotten: dict[str, Value | None] = dict.fromkeys(item.keys() - kept)
            self._table.change(name, forgotten | ready, only_if=[[("status", "=", Status.FAILED)]], or_absent=False)

    def forget(self, ids: Sequence[str]) -> None:
        """No record of these is wanted any more."""
        for id in filter(_is_id, ids):
            self._table.change(_name(id), {"gone": until(self._now() - 1)}, or_absent=False)

    def _fold(self, name: str, changes: dict[str, Value | None]) -> None:
        attempts = changes["attempts"]
        assert attempts is not None  # noqa: S101 - every report has them
        unfinished: Condition = [[*_NOT_FINISHED, ("attempts", "<=", attempts)]]
        if self._table.change(name, changes, only_if=unfinished):
            return
        now = self._now()
        there = self._table.read([name]).get(name, {})
        if float(there.get("gone", now)) <= now:  # forgotten, though not yet gone: nothing of it may show again
            self._table.change(name, dict.fromkeys(there, None) | changes, only_if=[[("gone", "<=", now)]])

    def _changes(self, report: Report) -> dict[str, Value | None]:
        """What this report writes. None removes what an earlier one wrote."""
        finished = report.status.finished
        kept = (report.finished_at or self._now()) + report.keep if finished else self._now() + UNFINISHED
        changes: dict[str, Value | None] = {
            "task": report.task,
            "status": report.status.value,
            "attempts": report.attempt,
            "enqueued_at": report.enqueued_at,
            "started_at": None if report.status is Status.READY else report.started_at,
            "finished_at": report.finished_at,
            "gone": until(kept),
        }
        if report.error:
            changes[_slot(report.error.attempt)] = _fitted(report.error)
        return changes | self._value(report.id, report.value, report.keep)

    def _value(self, id: str, value: str | None, keep: float) -> dict[str, Value | None]:
        if value is None or len(value) <= INLINE:  # JSON as we write it is ASCII: a character is a byte
            return {"value": value, "value_at": None, "value_bytes": None}
        # A name for each value: another attempt may end as well, and only one of the two is folded.
        name = _digest(f"{id}\0{value}")
        at = self._vault.put(f"result-{name}", value.encode("ascii"), min(keep, LONGEST_KEPT))
        return {"value": None, "value_at": at, "value_bytes": len(value)}

    def _record(self, id: str, item: Item) -> Record | None:
        """The record in an item; None if it is past its retention, or what it returned is gone."""
        if float(item["gone"]) <= self._now():
            return None
        value: str | None = _text(item, "value")
        if "value_at" in item:
            body = self._vault.get(str(item["value_at"]), int(item["value_bytes"]))
            if body is None:
                return None
            value = body.decode("ascii")
        return Record(
            id,
            str(item["task"]),
            Status(str(item["status"])),
            int(item["attempts"]),
            float(item["enqueued_at"]),
            _time(item, "started_at"),
            _time(item, "finished_at"),
            value,
            _errors(item),
        )


_NOT_FINISHED = [("status", "<>", status.value) for status in Status if status.finished]


def _digest(text: str) -> str:
    # Loaded for a large value alone: OpenSSL comes with it, which takes several milliseconds.
    return str(importlib.import_module("hashlib").sha256(text.encode("utf-8", "surrogatepass")).hexdigest())


def _name(id: str) -> str:
    return f"result/{id}"


def _is_id(id: str) -> bool:
    """Whether a message can have it: the envelope says so, and DynamoDB refuses to look for more."""
    return 0 < len(id) <= 200 and id.isprintable()


def _is_new(report: Report) -> bool:
    return report.status is Status.READY and report.attempt == 0


def _there(changes: dict[str, Value | None]) -> Item:
    return {name: value for name, value in changes.items() if value is not None}


def _text(item: Item, name: str) -> str | None:
    return str(item[name]) if name in item else None


def _time(item: Item, name: str) -> float | None:
    return float(item[name]) if name in item else None


def _slot(attempt: int) -> str:
    """The attribute for the error of an attempt: after the first few they take turns."""
    return f"error{attempt if attempt <= FIRST else FIRST + 1 + (attempt - FIRST - 1) % LAST:02}"


def _errors(item: Item) -> tuple[TaskError, ...]:
    found = [strictjson.loads(str(text)) for name, text in item.items() if name.startswith("error")]
    return tuple(sorted((TaskError(*members) for members in found), key=lambda error: error.attempt))


def _fitted(error: TaskError) -> str:
    """An error as JSON of ERROR bytes at most."""
    text = strictjson.dumps(list(error))
    while len(text) > ERROR:
        keep = len(error.traceback) * 3 // 4
        if keep > 100:
            error = error._replace(
                traceback=f"{error.traceback[: keep // 4]}\n  ...\n{error.traceback[-3 * keep // 4 :]}"
            )
        else:  # it is the rest that is so long
            error = TaskError(error.exception_class[:200], error.message[: len(error.message) // 2], "", error.attempt)
        text = strictjson.dumps(list(error))
    return text
