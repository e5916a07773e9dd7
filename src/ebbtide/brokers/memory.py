"""The memory broker: the port's promises inside one process, for tests and for trying things out.

It keeps what it is told in dictionaries under one lock, loses all when the process ends, and knows no dead holders:
only a loan that runs out brings a message back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Condition

from ebbtide.broker import Broker, DeadLetter, DeadLetters, Delivery, Depth, Settlement
from ebbtide.errors import KeyConflict
from ebbtide.message import Message
from ebbtide.queue import Queue
from ebbtide.result import Record, Records, Report, Status, TaskError, fold


@dataclass
class _Entry:
    message: Message
    visible_at: float
    attempt: int = 0
    claim: int = 0
    loan: float | None = None  # monotonic end of the loan, while on loan
    began: float = 0.0  # when the loan began
    error: TaskError | None = None  # set once dead
    buried_at: float = 0.0


class MemoryBroker(Broker, DeadLetters, Records):
    """Broker, dead letters and records of one process. clock: seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._now = clock
        self._entries: dict[str, _Entry] = {}
        self._records: dict[str, tuple[Record, float]] = {}  # with the time it may be forgotten
        self._keys: dict[tuple[str, str], tuple[Message, float]] = {}
        self._changed = Condition()

    def send(self, messages: Sequence[Message]) -> list[str]:
        with self._changed:
            before = dict(self._keys), dict(self._entries), dict(self._records)
            try:
                return [self._send(message) for message in messages]
            except KeyConflict:
                self._keys, self._entries, self._records = before
                raise
            finally:
                self._changed.notify_all()

    def _send(self, message: Message) -> str:
        id = message.id if message.key is None else self._unique(message, message.key)
        if id == message.id and id not in self._entries and id not in self._records:
            self._entries[id] = _Entry(message, message.run_after or 0.0)
            record = Record(id, message.task, Status.READY, 0, message.enqueued_at)
            self._records[id] = (record, float("inf"))
        return id

    def _unique(self, message: Message, key: str) -> str:
        owner = (message.task, key)
        held, until = self._keys.get(owner, (None, 0.0))
        if held is None or not (self._pending(held.id) or until > self._now()):
            self._keys[owner] = (message, message.enqueued_at + message.key_window)
            return message.id
        if (held.args, held.kwargs) != (message.args, message.kwargs):
            raise KeyConflict(
                f"task {message.task!r}: key {key!r} is held by {held.id} with other arguments; "
                f"put what differs into the key"
            )
        return held.id

    def _pending(self, id: str) -> bool:
        entry = self._entries.get(id)
        return entry is not None and entry.error is None

    def receive(self, queues: Sequence[Queue], limit: int, wait: float = 0.0) -> list[Delivery]:
        end = time.monotonic() + wait
        with self._changed:
            while True:
                found = self._claim(queues, limit)
                left = end - time.monotonic()
                if found or left <= 0:
                    return found
                self._changed.wait(min(left, 0.05))  # loans run out and delays pass without a notice

    def _claim(self, queues: Sequence[Queue], limit: int) -> list[Delivery]:
        found: list[Delivery] = []
        by_name = {queue.name: queue for queue in queues}
        for entry in sorted(self._entries.values(), key=lambda e: -e.message.priority):
            queue = by_name.get(entry.message.queue)
            if queue and len(found) < limit and self._free(entry) and self._allowed(queue, entry):
                entry.attempt, entry.claim = entry.attempt + 1, entry.claim + 1
                entry.loan, entry.began = time.monotonic() + queue.loan, self._now()
                found.append(self._delivery(entry))
        return found

    def _free(self, entry: _Entry) -> bool:
        return entry.error is None and not _on_loan(entry) and entry.visible_at <= self._now()

    def _allowed(self, queue: Queue, entry: _Entry) -> bool:
        message = entry.message
        lane = [e for e in self._entries.values() if (e.message.queue, e.message.lane) == (queue.name, message.lane)]
        most = queue.limit(message.lane)
        if message.lane >= queue.lanes or (most is not None and sum(map(_on_loan, lane)) >= most):
            return False
        if not queue.fifo or message.group is None:
            return True
        place = (queue.name, message.group)
        group = (e for e in self._entries.values() if (e.message.queue, e.message.group) == place)
        return next(e for e in group if e.error is None) is entry

    def _delivery(self, entry: _Entry) -> Delivery:
        message = entry.message
        receipt = f"{message.id}:{entry.claim}"
        return Delivery(message.encode(), message.queue, message.lane, receipt, entry.attempt)

    def ack(self, settled: Sequence[Settlement]) -> int:
        with self._changed:
            held = list(self._held(settled))
            for settlement, entry in held:
                del self._entries[entry.message.id]
                self._record(entry, settlement.report)
        return len(held)

    def retry(self, settled: Sequence[Settlement]) -> int:
        with self._changed:
            held = list(self._held(settled))
            for settlement, entry in held:
                entry.loan = None
                entry.attempt -= not settlement.spent
                entry.visible_at = self._now() + settlement.wait if settlement.wait > 0 else 0.0
                if settlement.report:
                    self._record(entry, settlement.report._replace(keep=float("inf")))
            self._changed.notify_all()
        return len(held)

    def bury(self, settled: Sequence[Settlement]) -> int:
        with self._changed:
            held = list(self._held(settled))
            for settlement, entry in held:
                report = settlement.report
                assert report is not None  # noqa: S101 - nothing is buried without a reason
                entry.loan, entry.error, entry.buried_at = None, report.error, self._now()
                self._record(entry, report._replace(keep=float("inf")))
        return len(held)

    def extend(self, deliveries: Sequence[Delivery], seconds: float) -> int:
        with self._changed:
            held = list(self._held([Settlement(delivery) for delivery in deliveries]))
            for _, entry in held:
                entry.loan = time.monotonic() + seconds
        return len(held)

    def _held(self, settled: Sequence[Settlement]) -> Iterable[tuple[Settlement, _Entry]]:
        for settlement in settled:
            id, _, claim = settlement.delivery.receipt.rpartition(":")
            entry = self._entries.get(id)
            if entry and entry.claim == int(claim) and entry.loan is not None:
                yield settlement, entry

    def _record(self, entry: _Entry, report: Report | None) -> None:
        id = entry.message.id
        if report is None or not report.keep:
            self._records.pop(id, None)
        else:
            before = self._records.get(id)
            about = report._replace(id=id, task=entry.message.task, enqueued_at=entry.message.enqueued_at)
            self._records[id] = (fold(before[0] if before else None, about), self._now() + report.keep)

    def depth(self, queue: str) -> list[Depth]:
        with self._changed:
            entries = [e for e in self._entries.values() if e.message.queue == queue]
            lanes = range(max((e.message.lane for e in entries), default=0) + 1)
            return [self._depth([e for e in entries if e.message.lane == lane]) for lane in lanes]

    def _depth(self, entries: list[_Entry]) -> Depth:
        now = self._now()
        alive = [e for e in entries if e.error is None]
        ready = [e for e in alive if not _on_loan(e) and e.visible_at <= now]
        running = sum(map(_on_loan, alive))
        oldest = min((e.message.enqueued_at for e in ready), default=None)
        due = min((e.visible_at for e in alive if not _on_loan(e) and e.visible_at > now), default=None)
        return Depth(
            ready=len(ready),
            delayed=len(alive) - len(ready) - running,
            running=running,
            dead=len(entries) - len(alive),
            oldest=None if oldest is None else max(0.0, now - oldest),
            due_in=None if due is None else max(0.0, due - now),
        )

    def load(self, ids: Sequence[str]) -> dict[str, Record]:
        with self._changed:
            return {id: self._live(self._records[id][0]) for id in ids if id in self._records}

    def _live(self, record: Record) -> Record:
        entry = self._entries.get(record.id)
        if entry is None or not _on_loan(entry):
            return record
        return record._replace(status=Status.RUNNING, attempts=entry.attempt, started_at=entry.began)

    def wait(self, id: str, timeout: float | None) -> Record | None:
        end = float("inf") if timeout is None else time.monotonic() + timeout
        with self._changed:
            while True:
                record = self.load([id]).get(id)
                left = end - time.monotonic()
                if record is None or record.status.finished or left <= 0:
                    return record
                self._changed.wait(min(left, 0.05))

    def purge(self) -> int:
        with self._changed:
            past = [id for id, (_, until) in self._records.items() if until <= self._now()]
            for id in past:
                del self._records[id]
            return len(past)

    def dead(self, queue: str | None = None, limit: int = 100, after: str | None = None) -> list[DeadLetter]:
        with self._changed:
            entries = [e for e in self._entries.values() if e.error and queue in (None, e.message.queue)]
            letters = sorted(map(_letter, entries), key=lambda letter: letter.id)
            return [letter for letter in letters if letter.id > (after or "")][:limit]

    def redrive(self, ids: Sequence[str]) -> int:
        with self._changed:
            entries = [e for id in ids if (e := self._entries.get(id)) and e.error]
            for entry in entries:
                record, _ = self._records[entry.message.id]
                anew = record._replace(status=Status.READY, attempts=0, started_at=None, finished_at=None, errors=())
                self._records[entry.message.id] = (anew, float("inf"))
                entry.error, entry.attempt, entry.visible_at = None, 0, 0.0
            self._changed.notify_all()
        return len(entries)

    def drop(self, ids: Sequence[str]) -> int:
        with self._changed:
            dropped = [id for id in ids if (e := self._entries.get(id)) and e.error]
            for id in dropped:
                del self._entries[id]
                self._records.pop(id, None)
        return len(dropped)

    def close(self) -> None:
        return None


def _on_loan(entry: _Entry) -> bool:
    return entry.loan is not None and entry.loan > time.monotonic()


def _letter(entry: _Entry) -> DeadLetter:
    m = entry.message
    assert entry.error  # noqa: S101 - only dead entries come here
    return DeadLetter(m.id, m.task, m.queue, m.lane, entry.error, entry.attempt, entry.buried_at, m.encode())
