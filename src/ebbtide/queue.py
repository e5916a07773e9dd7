"""Where tasks run and how big: a queue's runner, size, time limit, lanes and retention, as one frozen value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ebbtide.errors import DeclarationError
from ebbtide.names import OURS, THEIRS, queue_name, task_name

MAX_VISIBILITY = 43_200.0
"""Seconds: the longest loan SQS gives (12 hours from the receipt)."""

MAX_LANES = 100

RUNNERS = ("lambda", "fargate", "elsewhere")


@dataclass(frozen=True)
class Queue:
    """One named queue and the place that runs it.

    name: see `names.queue_name`; up to 80 characters for one that is run elsewhere.
    timeout: seconds a task may run before it is killed.
    visibility: seconds a message is on loan before it comes back; default 6 x timeout as AWS advises for Lambda, at
        most 43,200. A worker extends the loan of a task that runs longer.
    lanes: parallel channels, lane 0 being the default one.
    concurrency: tasks at once, over all workers: one number for each lane, or one for all lanes; None is no limit.
    attempts: runs in all for tasks without a retry policy of their own.
    results: seconds a finished task's record is kept, default a week; 0 keeps none.
    fifo: messages of one `group` are run one after another in the order sent.
    runner: "lambda" or "fargate", used when deployed; the embedded engine runs both in its worker processes.
        "elsewhere": another system runs its tasks, so that messages are sent there and nothing of this app takes them.
    memory (MB), cpu (vCPU), batch_window (seconds): used when deployed.
    batch: messages that one invocation is given when deployed, and the most that one call of a task that gathers is
        given everywhere.
    dead_letters: the name of the task that takes this queue's dead letters: each becomes a call of it with the same
        arguments, and headers that say why. None: they are set aside, for `ebbtide dlq`.
    storm_limit: messages that all descendants of one root may send to this queue; those beyond it become dead letters
        with the reason StormLimit, unrun. None is no limit. Used when deployed, where each is counted by a write; the
        embedded engine counts none, and only the app's depth budget ends a loop there.

    Raises DeclarationError, naming the queue and the field.
    """

    name: str = "default"
    timeout: float = 60.0
    visibility: float | None = None
    lanes: int = 1
    concurrency: int | Sequence[int | None] | None = None
    attempts: int = 5
    results: float = 7 * 86_400.0
    fifo: bool = False
    runner: str = "lambda"
    memory: int = 512
    cpu: float | None = None
    batch: int = 10
    batch_window: float = 0.0
    storm_limit: int | None = None
    dead_letters: str | None = None

    def __post_init__(self) -> None:
        queue_name(self.name, OURS if self.is_ours else THEIRS)
        for field in ("timeout", "results", "batch_window"):
            self._need(_number(getattr(self, field)), field, "a number of seconds")
        self._need(0 < self.timeout <= MAX_VISIBILITY, "timeout", "seconds, above 0 and at most 43,200")
        if self.visibility is not None:
            self._need(_number(self.visibility), "visibility", "a number of seconds")
            self._need(0 < self.visibility <= MAX_VISIBILITY, "visibility", "seconds, above 0 and at most 43,200")
        self._need(_whole(self.lanes) and 1 <= self.lanes <= MAX_LANES, "lanes", f"a number from 1 to {MAX_LANES}")
        self._need(_whole(self.attempts) and self.attempts >= 1, "attempts", "a whole number, 1 or more")
        self._need(0 <= self.results < float("inf"), "results", "seconds to keep results, 0 for none")
        self._need(self.runner in RUNNERS, "runner", "'lambda' or 'fargate', or 'elsewhere' if another system runs it")
        self._need(_whole(self.memory) and self.memory >= 128, "memory", "MB, 128 or more")
        self._need(_whole(self.batch) and 1 <= self.batch <= 10_000, "batch", "a number from 1 to 10,000")
        self._need(0 <= self.batch_window <= 300, "batch_window", "seconds, 0 to 300")
        limit = self.storm_limit
        self._need(limit is None or (_whole(limit) and limit >= 1), "storm_limit", "1 or more, or None")
        if self.dead_letters is not None:
            task_name(self.dead_letters)
            self._need(self.is_ours, "dead_letters", "what is run elsewhere has its dead letters there")
        object.__setattr__(self, "concurrency", self._per_lane())

    def _need(self, holds: bool, field: str, expected: str) -> None:
        if not holds:
            raise DeclarationError(f"Queue({self.name!r}, {field}={getattr(self, field)!r}): {expected}")

    def _per_lane(self) -> tuple[int | None, ...]:
        given = self.concurrency
        limits = (given,) * self.lanes if given is None or isinstance(given, int) else tuple(given)
        self._need(len(limits) == self.lanes, "concurrency", f"one number for each of the {self.lanes} lanes")
        for limit in limits:
            self._need(limit is None or (_whole(limit) and limit >= 1), "concurrency", "1 or more, or None")
        return limits

    @property
    def is_ours(self) -> bool:
        """Whether this app runs its tasks, rather than another system."""
        return self.runner != "elsewhere"

    @property
    def loan(self) -> float:
        """Seconds a message is on loan: `visibility`, or six timeouts up to SQS's twelve hours."""
        return self.visibility if self.visibility is not None else min(6 * self.timeout, MAX_VISIBILITY)

    def limit(self, lane: int) -> int | None:
        """How many tasks of this lane may run at once; None is no limit."""
        assert isinstance(self.concurrency, tuple)  # noqa: S101 - set by __post_init__
        return self.concurrency[lane] if lane < len(self.concurrency) else None


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
