"""What a caller may read of a task: its record, the errors of its attempts, and the handle `Result` on both.

The words are Django Tasks': READY, RUNNING, FAILED, SUCCESSFUL. A runner writes `Report`s, one for each attempt; a
store folds them into one `Record` for each task.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from ebbtide.errors import TaskFailed, TaskNotFinished, UnknownResult
from ebbtide.strictjson import loads

R = TypeVar("R")


class Status(StrEnum):
    """READY: not started, or waiting for its next attempt. RUNNING, FAILED (for good), SUCCESSFUL."""

    READY = "READY"
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    SUCCESSFUL = "SUCCESSFUL"

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self in (Status.FAILED, Status.SUCCESSFUL)


class TaskError(NamedTuple):
    """Why one attempt failed: dotted exception class, its message, the traceback as text, the attempt (from 1)."""

    exception_class: str
    message: str
    traceback: str
    attempt: int

    def __str__(self) -> str:
        name = self.exception_class.rpartition(".")[2]
        return f"{name}: {self.message}" if self.message else name


class Report(NamedTuple):
    """What one attempt came to, for a result store. Times are seconds since 1970.

    value: the return value as JSON text, if it succeeded. keep: seconds the record is kept once finished.
    ran: seconds the attempt took. waited: seconds from when it was due to its start; None but for a first attempt.
    """

    id: str
    task: str
    status: Status
    attempt: int
    keep: float
    enqueued_at: float
    started_at: float | None = None
    finished_at: float | None = None
    value: str | None = None
    error: TaskError | None = None
    ran: float = 0.0
    waited: float | None = None


class Record(NamedTuple):
    """Everything stored of one task. Times are seconds since 1970; value is JSON text."""

    id: str
    task: str
    status: Status
    attempts: int
    enqueued_at: float
    started_at: float | None = None
    finished_at: float | None = None
    value: str | None = None
    errors: tuple[TaskError, ...] = ()


class Records(ABC):
    """Port: where records are read. The embedded brokers keep them in the message's own row: no second write."""

    @abstractmethod
    def load(self, ids: Sequence[str]) -> dict[str, Record]:
        """The records there are, by id; ids without one are left out."""

    @abstractmethod
    def wait(self, id: str, timeout: float | None) -> Record | None:
        """The record once it is finished, or as it is after `timeout` seconds (None waits for ever)."""

    @abstractmethod
    def purge(self) -> int:
        """Forget records past their retention; how many went. Done in slices, so that nobody waits long."""


class ResultStore(Records):
    """Port: records kept beside a broker that keeps none itself."""

    @abstractmethod
    def save(self, reports: Sequence[Report]) -> None:
        """Fold these reports into their records; `fold` states the rule."""


class Result(Generic[R]):
    """A caller's handle on one enqueued task.

    Attributes other than `id` and `task` are those of the record last read: the first one asked for reads it,
    `refresh()` reads again. They raise UnknownResult where no record is kept.
    """

    def __init__(self, id: str, task: str, records: Callable[[], Records], unpack: Callable[[str], R]) -> None:
        self.id = id
        self.task = task
        self._records = records
        self._unpack = unpack
        self._record: Record | None = None

    def __repr__(self) -> str:
        return f"<Result {self.id} of {self.task}: {self._record.status if self._record else 'not read yet'}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Result) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def record(self) -> Record:
        """The record as last read."""
        return self._record or self.refresh().record

    def refresh(self) -> Result[R]:
        """Read the record anew. Returns itself; raises UnknownResult."""
        return self._take(self._records().load([self.id]).get(self.id))

    def wait(self, timeout: float | None = None) -> Result[R]:
        """Wait until the task has ended, at most `timeout` seconds. Raises TaskNotFinished, UnknownResult."""
        self._take(self._records().wait(self.id, timeout))
        if not self.is_finished:
            raise TaskNotFinished(f"{self.task} {self.id} is still {self.status} after {timeout} s")
        return self

    def get(self, timeout: float | None = None) -> R:
        """Wait and return the task's value. Raises TaskFailed with its last error, TaskNotFinished, UnknownResult."""
        return self.wait(timeout).return_value

    def _take(self, record: Record | None) -> Result[R]:
        if record is None:
            raise UnknownResult(
                f"no result of {self.task} {self.id}: its queue keeps none (results=0), "
                f"its retention has passed, or the broker is another one"
            )
        self._record = record
        return self

    @property
    def status(self) -> Status:
        """READY, RUNNING, FAILED or SUCCESSFUL, as last read."""
        return self.record.status

    @property
    def is_finished(self) -> bool:
        """Whether the task had ended when last read."""
        return self.status.finished

    @property
    def return_value(self) -> R:
        """What the task returned. Raises TaskFailed if it failed, TaskNotFinished if it has not ended."""
        if self.status is Status.FAILED:
            errors = self.record.errors
            raise TaskFailed(f"{self.task} {self.id} failed: {errors[-1] if errors else 'no error was recorded'}")
        if self.record.value is None:
            raise TaskNotFinished(f"{self.task} {self.id} is {self.status}: no return value yet")
        return self._unpack(self.record.value)

    @property
    def errors(self) -> list[TaskError]:
        """One error for each failed attempt, oldest first."""
        return list(self.record.errors)

    @property
    def attempts(self) -> int:
        """How often the task has been started."""
        return self.record.attempts

    @property
    def enqueued_at(self) -> datetime:
        """When it was enqueued (UTC)."""
        return datetime.fromtimestamp(self.record.enqueued_at, UTC)

    @property
    def started_at(self) -> datetime | None:
        """When its last attempt started (UTC)."""
        return _moment(self.record.started_at)

    @property
    def finished_at(self) -> datetime | None:
        """When it ended (UTC)."""
        return _moment(self.record.finished_at)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def fold(record: Record | None, report: Report) -> Record:
    """The record after this report; the rule every store keeps.

    A finished record stays as it is, and a report of an earlier attempt changes nothing.
    """
    if record and (record.status.finished or report.attempt < record.attempts):
        return record
    before = record.errors if record else ()
    error = (report.error,) if report.error and report.error not in before[-1:] else ()  # a report may be repeated
    return Record(
        id=report.id,
        task=report.task,
        status=report.status,
        attempts=report.attempt,
        enqueued_at=report.enqueued_at,
        started_at=report.started_at,
        finished_at=report.finished_at,
        value=report.value,
        errors=(*before, *error),
    )


def as_json(record: Record) -> dict[str, Any]:
    """A record as plain JSON values, for a command line or an HTTP answer; times as ISO 8601 in UTC."""
    times = {name: _moment(getattr(record, name)) for name in ("enqueued_at", "started_at", "finished_at")}
    return {
        "id": record.id,
        "task": record.task,
        "status": record.status.value,
        "attempts": record.attempts,
        **{name: moment and moment.isoformat() for name, moment in times.items()},
        "return_value": None if record.value is None else loads(record.value),
        "errors": [
            {"attempt": e.attempt, "exception_class": e.exception_class, "message": e.message, "traceback": e.traceback}
            for e in record.errors
        ],
    }
