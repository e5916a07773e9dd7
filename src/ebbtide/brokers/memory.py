"""The memory broker: the port's promises inside one process, for tests and for trying things out.

It keeps what it is told in dictionaries under one lock, loses all when the process ends, and knows no dead holders:
only a loan that runs out brings a message back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count as counting
from threading import Condition

from ebbtide.broker import Broker, DeadLetter, DeadLetters, Delivery, Depth, Settlement
from ebbtide.errors import KeyConflict, WorkerDied, dotted
from ebbtide.figures import SPAN, Count, Figures, Minute, count, minute_of
from ebbtide.message import Message
from ebbtide.purge import Chosen, Place, Purgeable
from ebbtide.queue import Queue
from ebbtide.result import Record, Records, Report, Status, TaskError, fold
from ebbtide.ticks import Cursor, Ticks


@dataclass
class _Entry:
    message: Message
    visible_at: float
    attempt: int = 0
    claim: int = 0  # the number in its current receipt
    loan: float | None = None  # monotonic end of the loan, until the message is settled or taken back
    began: float = 0.0  # when the loan began
    fate: TaskError | None = None  # how its last holder was lost, if it was
    error: TaskError | None = None  # set once dead
    buried_at: float = 0.0


class MemoryBroker(Broker, DeadLetters, Records, Figures, Purgeable, Ticks):
    """Broker, dead letters and records of one process. clock: seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._now = clock
        self._entries: dict[str, _Entry] = {}
        self._records: dict[str, tuple[Record, float]] = {}  # with the time it may be forgotten
        self._keys: dict[tuple[str, str], tuple[Message, float]] = {}
        self._minutes: dict[tuple[int, str, str], Count] = {}
        self._done_in: dict[str, str] = {}  # the queues of what is done and kept, by id
        self._cursors: dict[str, Cursor] = {}  # of schedules
        self._changed = Condition()
        self._claims = counting(1)  # no receipt fits two messages, not even of one id

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
            self._entries[id] = _Entry(message, self._visible_at(message.run_after or 0.0))
            record = Record(id, message.task, Status.READY, 0, message.enqueued_at)
            self._records[id] = (record, float("inf"))
        return id

    def _visible_at(self, due: float) -> float:
        return due if due > self._now() else 0.0

    def _unique(self, message: Message, key: str) -> str:
        owner = (message.task, key)
        held, until = self._keys.get(owner, (None, 0.0))
        if held is None or not (self._pending(held.id) or until > self._now()):
            self._keys[owner] = (message, message.enqueued_at + message.key_window)
            return message.id
        if _call(held) != _call(message):
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
        self._tidy()
        found: list[Delivery] = []
        by_name = {queue.name: queue for queue in queues}
        for entry in sorted(self._entries.values(), key=lambda e: -e.message.priority):
            queue = by_name.get(entry.message.queue)
            if queue and len(found) < limit and self._free(entry) and self._allowed(queue, entry):
                entry.attempt, entry.claim = entry.attempt + 1, next(self._claims)
                entry.loan, entry.began = time.monotonic() + queue.loan, self._now()
                found.append(self._delivery(entry))
        return found

    def _tidy(self) -> None:
        """What is due stays so, even if the clock goes back; what is held past its loan comes back."""
        now = self._now()
        for entry in self._entries.values():
            if entry.visible_at <= now:
                entry.visible_at = 0.0
            if entry.loan is not None and not _on_loan(entry):
                entry.loan = None
                entry.fate = TaskError(dotted(WorkerDied), _LOAN_RAN_OUT, "", entry.attempt)
                m = entry.message
                told = Report(m.id, m.task, Status.READY, entry.attempt, _FOR_EVER, m.enqueued_at, error=entry.fate)
                self._record(entry, told)

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
        return Delivery(message.encode(), message.queue, message.lane, receipt, entry.attempt, fate=entry.fate)

    def ack(self, settled: Sequence[Settlement]) -> int:
        with self._changed:
            held = list(self._held(settled))
            for settlement, entry in held:
                del self._entries[entry.message.id]
                report = settlement.report
                self._record(entry, report._replace(error=_news(report.error, entry)) if report else None)
                if entry.message.id in self._records:
                    self._done_in[entry.message.id] = entry.message.queue
            self._count(held)
        return len(held)

    def retry(self, settled: Sequence[Settlement]) -> int:
        with self._changed:
            held = list(self._held(settled))
            for settlement, entry in held:
                entry.loan = None
                entry.fate = None if settlement.spent else entry.fate
                entry.attempt -= not settlement.spent
                entry.visible_at = self._visible_at(self._now() + max(0.0, settlement.wait))
                if settlement.report:
                    self._record(entry, settlement.report._replace(keep=_FOR_EVER, started_at=None))
            self._count(held)
            self._changed.notify_all()
        return len(held)

    def bury(self, settled: Sequence[Settlement]) -> int:
        with self._changed:
            held = list(self._held(settled))
            for settlement, entry in held:
                report = settlement.report
                assert report is not None  # noqa: S101 - nothing is buried without a reason
                failure = report.error
                assert failure is not None  # noqa: S101 - nor without an error
                entry.loan, entry.error, entry.attempt = None, failure, failure.attempt
                entry.buried_at = report.finished_at or self._now()
                kept = report._replace(keep=_FOR_EVER, attempt=failure.attempt, error=_news(failure, entry))
                self._record(entry, kept)
            self._count(held)
        return len(held)

    def extend(self, deliveries: Sequence[Delivery], seconds: float) -> int:
        with self._changed:
            held = list(self._held([Settlement(delivery) for delivery in deliveries]))
            for _, entry in held:
                entry.loan = time.monotonic() + seconds
        return len(held)

    def _held(self, settled: Sequence[Settlement]) -> Iterable[tuple[Settlement, _Entry]]:
        by_receipt = {settlement.delivery.receipt: settlement for settlement in settled}  # each counts once
        for receipt, settlement in by_receipt.items():
            id, _, claim = receipt.rpartition(":")
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
            until = (report.finished_at or self._now()) + report.keep
            self._records[id] = (fold(before[0] if before else None, about), until)

    def _count(self, held: Sequence[tuple[Settlement, _Entry]]) -> None:
        minute = minute_of(self._now())
        for place, counted in count((settlement for settlement, _ in held), len(held)).items():
            self._minutes[minute, *place] = self._minutes.get((minute, *place), Count()).plus(counted)
        for past in [key for key in self._minutes if key[0] < minute - SPAN]:
            del self._minutes[past]

    def minutes(self, since: float) -> list[Minute]:
        with self._changed:
            return [Minute(*key, self._minutes[key]) for key in sorted(self._minutes) if key[0] >= minute_of(since)]

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
        oldest = ready[0].message.enqueued_at if ready else None  # of the first in line; a redriven one stands behind
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
                self._forget(id)
            for owner in [owner for owner, held in self._keys.items() if self._stale(*held)]:
                del self._keys[owner]
            return len(past)

    def _stale(self, message: Message, until: float) -> bool:
        return until <= self._now() and message.id not in self._entries

    def _forget(self, id: str) -> None:
        self._entries.pop(id, None)
        self._records.pop(id, None)
        self._done_in.pop(id, None)

    def purgeable(self, chosen: Chosen) -> dict[Place, int]:
        with self._changed:
            found = {place: len(self._meant(place, chosen.before)) for place in chosen.places}
        return {place: number for place, number in found.items() if number}

    def remove(self, chosen: Chosen) -> Iterator[int]:
        for place in chosen.places:
            with self._changed:
                meant = self._meant(place, chosen.before)
                for id in meant:
                    self._forget(id)
                if place[1] != "done":
                    self._keys = {key: held for key, held in self._keys.items() if held[0].id not in meant}
                self._changed.notify_all()
            yield len(meant)

    def _meant(self, place: Place, before: float) -> set[str]:
        queue, state = place
        if state == "done":
            kept = (self._records[id][0] for id in self._done_in if self._done_in[id] == queue and id in self._records)
            return {record.id for record in kept if (record.finished_at or 0.0) <= before}
        return {
            id
            for id, entry in self._entries.items()
            if entry.message.queue == queue and self._state(entry) == state
            if (entry.buried_at if entry.error else entry.message.enqueued_at) <= before
        }

    def _state(self, entry: _Entry) -> str:
        if entry.error:
            return "dead"
        return "running" if _on_loan(entry) else "ready" if entry.visible_at <= self._now() else "delayed"

    def dead(self, queue: str | None = None, limit: int = 100, after: str | None = None) -> list[DeadLetter]:
        with self._changed:
            entries = [e for e in self._entries.values() if e.error and queue in (None, e.message.queue)]
            letters = sorted(map(_letter, entries), key=lambda letter: letter.id)
            return [letter for letter in letters if letter.id > (after or "")][:limit]

    def redrive(self, ids: Sequence[str]) -> int:
        with self._changed:
            entries = [e for id in dict.fromkeys(ids) if (e := self._entries.get(id)) and e.error]
            for entry in entries:
                self._entries[entry.message.id] = self._entries.pop(entry.message.id)  # queues up anew, as in SQS
                record, _ = self._records[entry.message.id]
                anew = record._replace(status=Status.READY, attempts=0, started_at=None, finished_at=None, errors=())
                self._records[entry.message.id] = (anew, float("inf"))
                entry.error, entry.fate, entry.attempt, entry.visible_at = None, None, 0, 0.0
            self._changed.notify_all()
        return len(entries)

    def drop(self, ids: Sequence[str]) -> int:
        with self._changed:
            dropped = [id for id in dict.fromkeys(ids) if (e := self._entries.get(id)) and e.error]
            for id in dropped:
                del self._entries[id]
                self._records.pop(id, None)
        return len(dropped)

    def cursor(self, name: str, now: float) -> Cursor:
        with self._changed:
            return self._cursors.setdefault(name, Cursor(now))

    def cursors(self, names: Iterable[str]) -> dict[str, Cursor]:
        with self._changed:
            return {name: self._cursors[name] for name in names if name in self._cursors}

    def fire(self, name: str, seen: Cursor, tick: float, messages: Sequence[Message]) -> bool:
        with self._changed:
            if self._cursors.get(name) != seen:
                return False
            self.send(messages)
            self._cursors[name] = seen._replace(fired=tick)
        return True

    def close(self) -> None:
        return None


_FOR_EVER = float("inf")
_LOAN_RAN_OUT = "its holder neither settled it nor extended the loan before the visibility timeout"


def _news(failure: TaskError | None, entry: _Entry) -> TaskError | None:
    """The error, unless it is the way its holder was lost, which is among the message's errors already."""
    return None if failure == entry.fate else failure


def _call(message: Message) -> str:
    """The arguments, to be compared as JSON tells them apart: 1, 1.0 and true are three."""
    return json.dumps([message.args, message.kwargs], sort_keys=True)


def _on_loan(entry: _Entry) -> bool:
    return entry.loan is not None and entry.loan > time.monotonic()


def _letter(entry: _Entry) -> DeadLetter:
    m = entry.message
    assert entry.error  # noqa: S101 - only dead entries come here
    return DeadLetter(m.id, m.task, m.queue, m.lane, entry.error, entry.attempt, entry.buried_at, m.encode())
