"""The broker port: what every queue promises, which is what SQS promises and no more.

At least once. A received message is on loan; it comes back when its holder dies or the loan runs out. A receive count,
delays, batches, dead letters with reasons, order only within a FIFO group. Every write of a holder is fenced by its
receipt: a holder that was given up for dead changes nothing. `tests/brokers/test_contract.py` states these promises.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from ebbtide.message import Lineage, Message
from ebbtide.queue import Queue
from ebbtide.result import Report, TaskError

FENCED = 60.0
"""Seconds a loan is made to last while its message becomes a dead letter."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, init=False)
class Delivery:
    """A message on loan; also what a task declared with `takes_context=True` is given first.

    body: the envelope as it came, decoded on first use. attempt: how often it was received, this time included.
    deadline: when its queue's timeout kills the task, in seconds since 1970; set when the task starts.
    fate: how its last holder died while running it, if it did; a worker then runs it alone.
    """

    body: bytes
    queue: str
    lane: int
    receipt: str
    attempt: int
    deadline: float | None
    fate: TaskError | None

    def __init__(
        self,
        body: bytes,
        queue: str,
        lane: int,
        receipt: str,
        attempt: int,
        deadline: float | None = None,
        fate: TaskError | None = None,
    ) -> None:
        # As in Message: one update of the dict in place of a slow call for each member.
        vars(self).update(
            body=body, queue=queue, lane=lane, receipt=receipt, attempt=attempt, deadline=deadline, fate=fate
        )

    @property
    def message(self) -> Message:
        """The message. Raises EnvelopeError if the body is none of ours."""
        kept = vars(self)
        if "decoded" not in kept:
            kept["decoded"] = Message.decode(self.body)
        decoded: Message = kept["decoded"]
        return decoded

    @property
    def lineage(self) -> Lineage:
        """Where the message comes from."""
        return self.message.lineage

    @property
    def record(self) -> Mapping[str, Any]:
        """What its queue says of a body that may be another system's, as Lambda's records say it; empty if nothing."""
        said: Mapping[str, Any] = vars(self).get("record", _NOTHING)
        return said

    @property
    def parts(self) -> tuple[Delivery, ...]:
        """Those that ride together, each to be settled by itself; mostly this one alone."""
        return (self,)

    def read_as(self, message: Message) -> Delivery:
        """The same delivery, whose body, which stays as it came, is read as this message."""
        read = object.__new__(type(self))
        vars(read).update(vars(self), decoded=message)
        return read

    def until(self, deadline: float) -> Delivery:
        """The same delivery, to be killed at this time; what was decoded stays so."""
        limited = object.__new__(type(self))  # a broker's own kind stays of that kind
        vars(limited).update(vars(self), deadline=deadline)
        return limited


current: ContextVar[Delivery | None] = ContextVar("ebbtide.current", default=None)
"""The delivery whose task runs here and now: what is enqueued meanwhile inherits its lane and lineage."""

alone: list[Delivery] = []
"""The same in a process that runs one task at a time, for threads which that task begins: they see no `current`."""


def here() -> Delivery | None:
    """The delivery whose task runs here and now, on a thread of the task's own as well where only one runs."""
    return current.get() or (alone[0] if alone else None)


class Permit(Enum):
    """A broker's word on a task that is about to start; nearly always RUN.

    Where copies of one message may be out at once, a key decides. DONE: it was run to its end before, or another
    message under its key is; acknowledge it. BUSY: another holder runs it; hand it back unspent.
    """

    RUN = "run"
    DONE = "done"
    BUSY = "busy"


class Settlement(NamedTuple):
    """A holder's word on one delivery.

    report: for the task's record; None where no record is kept. wait: seconds until a retried message is visible.
    spent: whether the attempt counts; a message handed back unstarted gets its attempt back where the broker can.
    """

    delivery: Delivery
    report: Report | None = None
    wait: float = 0.0
    spent: bool = True


class Depth(NamedTuple):
    """How many messages a queue holds, by state.

    oldest: age in seconds of the ready one that came first. due_in: seconds until the next delayed one is due.
    """

    ready: int = 0
    delayed: int = 0
    running: int = 0
    dead: int = 0
    oldest: float | None = None
    due_in: float | None = None

    @property
    def pending(self) -> int:
        """Messages that still have to be run to their end."""
        return self.ready + self.delayed + self.running


def total(lanes: Iterable[Depth]) -> Depth:
    """A queue's lanes as one."""
    found = list(lanes)
    return Depth(
        ready=sum(lane.ready for lane in found),
        delayed=sum(lane.delayed for lane in found),
        running=sum(lane.running for lane in found),
        dead=sum(lane.dead for lane in found),
        oldest=max((lane.oldest for lane in found if lane.oldest is not None), default=None),
        due_in=min((lane.due_in for lane in found if lane.due_in is not None), default=None),
    )


class DeadLetter(NamedTuple):
    """A message at the end of its line, with the reason; body holds its bytes as they came."""

    id: str
    task: str
    queue: str
    lane: int
    error: TaskError
    attempts: int
    buried_at: float
    body: bytes


class Broker(ABC):
    """Port. All writing verbs take batches; those of a holder return how many settlements took effect."""

    @abstractmethod
    def send(self, messages: Sequence[Message]) -> list[str]:
        """Store messages and return the ids under which they are stored, once they are safe.

        A message whose `key` is held by an earlier one is not stored: its place in the list has that one's id. Raises
        KeyConflict if the earlier one has other arguments, StorageError; then none of the batch is stored.
        """

    @abstractmethod
    def receive(self, queues: Sequence[Queue], limit: int, wait: float = 0.0) -> list[Delivery]:
        """Up to `limit` messages of these queues, on loan; waits at most `wait` seconds for the first, asleep."""

    def listen(self, queues: Sequence[Queue], wait: float) -> bool:
        """Wait until a receive may find something, at most `wait` seconds; whether it may. Claims nothing."""
        return True

    @abstractmethod
    def ack(self, settled: Sequence[Settlement]) -> int:
        """These are done."""

    @abstractmethod
    def retry(self, settled: Sequence[Settlement]) -> int:
        """Make these visible again after their `wait`; any length."""

    @abstractmethod
    def bury(self, settled: Sequence[Settlement]) -> int:
        """Set these aside as dead letters with their report's error as the reason."""

    @abstractmethod
    def extend(self, deliveries: Sequence[Delivery], seconds: float) -> int:
        """Make these loans last `seconds` from now."""

    def holds(self, delivery: Delivery) -> bool:
        """Whether this loan is still its holder's; if so, for a minute at least. Asked before what no fence of this
        broker can undo: a dead letter that is sent to a task."""
        return self.extend([delivery], FENCED) > 0

    @abstractmethod
    def depth(self, queue: str) -> list[Depth]:
        """What the queue holds, one Depth for each lane in use, lane 0 first."""

    def flush(self) -> None:
        """Have safe what this process has settled. A settlement may wait for this, a send never does: lost with the
        power, it would only be run again. Quick if there is nothing."""
        return None

    def begin(self, delivery: Delivery) -> Permit:
        """The task of this delivery starts now, if it may: should the holder die, the attempt is spent. Cheap, and on
        no disk."""
        return Permit.RUN

    def together(self) -> AbstractContextManager[object]:
        """What is called within is one write where the broker can do that."""
        return nullcontext()

    def workers(self) -> int | None:
        """How many processes that receive live, this one included if it does. None: nobody can know."""
        return None

    def last_words(self) -> int | None:
        """A file descriptor where a dying process may say why; the broker quotes it as the reason. None: nowhere."""
        return None

    def wake(self) -> None:
        """Make a `receive` that waits in this process return soon, empty. Safe to call in a signal handler."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections; loans still held come back. Closing twice is fine."""


class DeadLetters(ABC):
    """Port: the dead letters of a broker that can list them."""

    @abstractmethod
    def dead(self, queue: str | None = None, limit: int = 100, after: str | None = None) -> list[DeadLetter]:
        """Dead letters of one queue or all, by id, which is by age; `after` is the id the page before ended with."""

    @abstractmethod
    def redrive(self, ids: Sequence[str]) -> int:
        """Send these back to their queues, to be run as if for the first time; how many there were."""

    @abstractmethod
    def drop(self, ids: Sequence[str]) -> int:
        """Forget these for good, with their records; how many there were."""
