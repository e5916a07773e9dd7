"""What a broker promises, as a model one can see to be right: a list of messages and plain loops over it.

It states SQS's promises (BAR R12). Where a broker may choose, as which lane it serves first, the model does not predict
but judges: `received` takes what the broker gave, says what is wrong with it, and goes on from there. Of each broker
that is judged there is one model, and `Promises` says what it promises beyond SQS.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ebbtide.broker import DeadLetter, Delivery, Depth, Settlement
from ebbtide.errors import WorkerDied, dotted
from ebbtide.message import Message
from ebbtide.purge import Chosen, Place
from ebbtide.queue import Queue
from ebbtide.result import Record, Status, TaskError

FOR_EVER = float("inf")


class Promises(NamedTuple):
    """What a broker promises beyond SQS.

    complete: a receive gives all there is, up to its limit. ordered: a lane goes by priority, then by arrival, also
    after a retry. tells: the next holder and the record learn how the last holder was lost. gives_back: the attempt of
    what is handed back unstarted is not counted. limits: no more of a lane are on loan than its concurrency.

    counts: every loan is an attempt; else the first one is, and of the others those that began. alone: of a group one
    message is on loan at a time; else as many as one receive gave, and what waits for a retry is on loan as well.
    grouped: a message of a FIFO queue may have no group; else it is in its task's. across: a group is one over all
    lanes. exact: depths tell what waits for a retry from what is on loan, and how long; dead letters hold the error's
    very text, and go back in the order asked for.
    """

    complete: bool = True
    ordered: bool = True
    tells: bool = True
    gives_back: bool = True
    limits: bool = True
    counts: bool = True
    alone: bool = True
    grouped: bool = True
    across: bool = True
    exact: bool = True


class Difference(Exception):
    """A broker did what it does not promise."""


@dataclass
class Task:
    """One message from its sending to the end of its record."""

    message: Message
    status: Status = Status.READY
    due: float = 0.0  # wall clock; 0 once it has been found to be due
    attempt: int = 0
    receipt: str | None = None  # of the current loan
    buried: int = 0
    redriven: int = 0
    receives: int = 0
    starts: int = 0  # beyond those of the first loan
    begun: bool = False
    lost: bool = False  # its last holder was
    errors: list[TaskError] = field(default_factory=list)
    started_at: float | None = None
    finished_at: float | None = None
    value: str | None = None
    forget_at: float = FOR_EVER
    perhaps_gone: bool = False  # past its retention when somebody may have purged

    @property
    def pending(self) -> bool:
        return not self.status.finished

    def ready(self, now: float) -> bool:
        return self.status is Status.READY and self.due <= now

    def record(self) -> Record:
        """What may be read of it."""
        m, finished = self.message, self.finished_at if self.status.finished else None
        started = None if self.status is Status.READY else self.started_at
        return Record(
            *(m.id, m.task, self.status, self.attempt, m.enqueued_at, started, finished, self.value),
            tuple(self.errors),
        )


class Key(NamedTuple):
    """Who holds an idempotency key: a task, with which arguments, and until when even after its end."""

    id: str
    call: str
    until: float


class Model:
    """One broker's messages. `now` is moved by whoever moves the broker's clock."""

    def __init__(self, now: float, promises: Promises) -> None:
        self.now = now
        self.buried = 0
        self.promises = promises
        self.tasks: dict[str, Task] = {}  # in order of arrival
        self.keys: dict[tuple[str, str], Key] = {}
        self.keys_perhaps_gone: set[tuple[str, str]] = set()
        self.receipts: dict[str, int] = {}  # with how often its message had been redriven by then

    # Sending

    def send(self, messages: Sequence[Message]) -> list[str] | None:
        """The ids to be answered; None if a key is held with other arguments: then nothing is stored."""
        before = dict(self.tasks), dict(self.keys), set(self.keys_perhaps_gone)
        ids = []
        for message in messages:
            key = self._key(message)
            if key is None:
                self.tasks, self.keys, self.keys_perhaps_gone = before
                return None
            if key.id == message.id and message.id not in self.tasks:
                later = message.run_after is not None and message.run_after > self.now
                self.tasks[message.id] = Task(message, due=message.run_after or 0.0 if later else 0.0)
            ids.append(key.id)
        return ids

    def _key(self, message: Message) -> Key | None:
        call = json.dumps([message.args, message.kwargs], sort_keys=True)
        own = Key(message.id, call, message.enqueued_at + message.key_window)
        if message.key is None:
            return own
        owner = (message.task, message.key)
        held = self.keys.get(owner)
        if held and (held.until > self.now or self._is_pending(held.id)):
            return held if held.call == call else None
        self.keys[owner] = own
        self.keys_perhaps_gone.discard(owner)
        return own

    def _is_pending(self, id: str) -> bool:
        return id in self.tasks and self.tasks[id].pending

    def unforeseeable(self, message: Message) -> bool:
        """Whether the answer to sending this hangs on a purge that may have been."""
        known = self.tasks.get(message.id)
        if message.key is None or (message.task, message.key) not in self.keys_perhaps_gone:
            return bool(known and known.perhaps_gone)
        key = self.keys[message.task, message.key]
        return bool(known and known.perhaps_gone) or key.until > self.now or self._is_pending(key.id)

    # Receiving

    def received(self, queues: Sequence[Queue], limit: int, deliveries: Sequence[Delivery]) -> None:
        """Judge what a receive gave. Raises Difference."""
        self._found_due()
        self._perhaps_purged()
        free = {place: found for queue in queues for place, found in self._free(queue)}
        most = min(limit, sum(map(len, free.values())))
        if len(deliveries) > most or (self.promises.complete and len(deliveries) < most):
            raise Difference(f"a receive gave {len(deliveries)} messages where {most} could be had")
        taken: Counter[tuple[str, int]] = Counter()
        self._judge_groups(queues, deliveries, free)
        for delivery in deliveries:
            place = (delivery.queue, delivery.lane)
            self._take(delivery, free.get(place, []), taken[place])
            taken[place] += 1

    def _free(self, queue: Queue) -> Iterator[tuple[tuple[str, int], list[Task]]]:
        """What each lane could give now, first first."""
        here = [task for task in self.tasks.values() if task.message.queue == queue.name and task.pending]
        waiting = self._held_up(queue, here)
        for lane in range(queue.lanes):
            there = [task for task in here if task.message.lane == lane]
            ready = [task for task in there if task.ready(self.now) and task.message.id not in waiting]
            ready.sort(key=lambda task: -task.message.priority if self.promises.ordered else 0)
            running = sum(task.status is Status.RUNNING for task in there)
            limit = queue.limit(lane) if self.promises.limits else None
            yield (queue.name, lane), ready if limit is None else ready[: max(0, limit - running)]

    def _held_up(self, queue: Queue, here: Sequence[Task]) -> set[str]:
        """The ids of those that wait for others of their group; `here` are the queue's messages in order."""
        held_up: set[str] = set()
        closed = {self._group(queue, task) for task in here if self._closes(task)}
        for task in here:
            group = self._group(queue, task)
            if group is None:
                continue
            if group in closed:
                held_up.add(task.message.id)
            if self.promises.alone or not task.ready(self.now):
                closed.add(group)
        return held_up

    def _closes(self, task: Task) -> bool:
        """Whether others of its group have to wait, those before it as well: to wait for a retry may be a loan, too."""
        return task.status is Status.RUNNING or (not self.promises.alone and not task.ready(self.now))

    def _group(self, queue: Queue, task: Task) -> tuple[str, int] | None:
        """What holds a message of a FIFO queue up: others of the same group."""
        message = task.message
        name = message.group if message.group is not None or self.promises.grouped else message.task
        return (name, 0 if self.promises.across else message.lane) if queue.fifo and name is not None else None

    def _judge_groups(
        self, queues: Sequence[Queue], deliveries: Sequence[Delivery], free: Mapping[tuple[str, int], list[Task]]
    ) -> None:
        """What came of a group has to be the first ones of it, in order. Raises Difference."""
        for queue in (queue for queue in queues if queue.fifo):
            given: dict[object, list[str]] = {}
            there: dict[object, list[str]] = {}
            for lane in range(queue.lanes):
                for task in free[queue.name, lane]:
                    there.setdefault(self._group(queue, task), []).append(task.message.id)
            for delivery in deliveries:
                known = self.tasks.get(delivery.message.id)
                if known and delivery.queue == queue.name and (group := self._group(queue, known)) is not None:
                    given.setdefault(group, []).append(delivery.message.id)
            for name, ids in given.items():
                if ids != there.get(name, [])[: len(ids)]:
                    raise Difference(f"of group {name} came {ids}, where {there.get(name)} could be had")

    def _take(self, delivery: Delivery, free: list[Task], number: int) -> None:
        task = next((task for task in free if task.message.id == delivery.message.id), None)
        if task is None:
            known = self.tasks.get(delivery.message.id)
            raise Difference(f"{delivery.message.id} was given, which is not to be had: it is {known and known.status}")
        if self.promises.ordered and free[number] is not task:
            raise Difference(f"{delivery.message.id} was given where it was the turn of {free[number].message.id}")
        if delivery.body != task.message.encode():
            raise Difference(f"{delivery.message.id} came with other bytes than it was sent with")
        if task.status is Status.RUNNING:
            raise Difference(f"{delivery.message.id} was given twice at a time")
        if delivery.receipt in self.receipts:
            raise Difference(f"{delivery.message.id} came with the receipt {delivery.receipt}, which was given before")
        self.receipts[delivery.receipt] = task.redriven
        task.status, task.receipt, task.begun = Status.RUNNING, delivery.receipt, False
        task.receives, task.started_at = task.receives + 1, self.now
        counted = 1 if task.receives == 1 else max(1, 2 + task.starts)
        task.attempt = task.attempt + 1 if self.promises.counts else counted
        if delivery.attempt != task.attempt:
            raise Difference(f"{delivery.message.id} came as attempt {delivery.attempt}, it is {task.attempt}")
        fate = task.errors[-1] if task.lost and self.promises.tells else None
        if _plain([delivery.fate]) != _plain([fate]):
            raise Difference(f"{delivery.message.id} came with the fate {delivery.fate}, it is {fate}")

    def _found_due(self) -> None:
        """What a receive finds due stays so, even if the clock goes back."""
        for task in self.tasks.values():
            if task.ready(self.now):
                task.due = 0.0

    # Settling

    def taken_over(self, delivery: Delivery) -> bool:
        """Whether somebody else has this one by now."""
        task = self.tasks.get(delivery.message.id)
        if task is None or self.receipts[delivery.receipt] != task.redriven:
            return False
        return task.status is Status.RUNNING and task.receipt != delivery.receipt

    def held(self, delivery: Delivery) -> Task | None:
        """The task, if this is its current loan."""
        task = self.tasks.get(delivery.message.id)
        return task if task and task.status is Status.RUNNING and task.receipt == delivery.receipt else None

    def begin(self, delivery: Delivery) -> None:
        if (task := self.held(delivery)) and not task.begun:
            task.begun = True
            task.starts += task.receives > 1

    def ack(self, settled: Sequence[Settlement]) -> int:
        """How many take effect, as with the other verbs."""
        effect = 0
        for settlement in settled:
            if task := self.held(settlement.delivery):
                effect += 1
                report = settlement.report
                if report is None or not report.keep:
                    del self.tasks[task.message.id]
                else:
                    task.status, task.value = Status.SUCCESSFUL, report.value
                    task.started_at, task.finished_at = report.started_at, report.finished_at
                    task.forget_at = (report.finished_at or 0.0) + report.keep
        return effect

    def retry(self, settled: Sequence[Settlement]) -> int:
        effect = 0
        for settlement in settled:
            if task := self.held(settlement.delivery):
                effect += 1
                task.status = Status.READY
                task.due = self.now + settlement.wait if settlement.wait > 0 else 0.0
                if settlement.spent:
                    task.lost = False
                    task.starts += not task.begun and task.receives > 1
                elif self.promises.gives_back:
                    task.attempt -= 1
                    task.starts -= task.begun or task.receives == 1
                if settlement.report and settlement.report.error:
                    task.errors.append(settlement.report.error)
        return effect

    def bury(self, settled: Sequence[Settlement]) -> int:
        effect = 0
        for settlement in settled:
            report = settlement.report
            if (task := self.held(settlement.delivery)) and report and report.error:
                effect += 1
                task.status, task.attempt = Status.FAILED, report.error.attempt
                self.buried += 1
                task.buried = self.buried
                task.started_at, task.finished_at = report.started_at, report.finished_at
                if report.error != settlement.delivery.fate:  # else it is told already
                    task.errors.append(report.error)
        return effect

    def extend(self, deliveries: Sequence[Delivery]) -> int:
        return sum(self.held(delivery) is not None for delivery in deliveries)

    # Losing

    def run_out(self, delivery: Delivery) -> None:
        """The loan has run out: the attempt is spent."""
        if task := self.held(delivery):
            self._lose(task)

    def die(self, delivery: Delivery) -> None:
        """Its holder has died: the attempt is spent if the task had begun."""
        if task := self.held(delivery):
            if task.begun:
                self._lose(task)
            else:
                task.status, task.attempt = Status.READY, task.attempt - 1

    def _lose(self, task: Task) -> None:
        task.status, task.lost = Status.READY, True
        if self.promises.tells:
            task.errors.append(TaskError(dotted(WorkerDied), "", "", task.attempt))

    # Looking

    def depth(self, queue: str) -> list[Depth]:
        here = [t for t in self.tasks.values() if t.message.queue == queue and t.status is not Status.SUCCESSFUL]
        lanes = range(max((task.message.lane for task in here), default=0) + 1)
        return [self._depth([task for task in here if task.message.lane == lane]) for lane in lanes]

    def _depth(self, tasks: list[Task]) -> Depth:
        ready = [task for task in tasks if task.ready(self.now)]
        delayed = [task for task in tasks if task.status is Status.READY and not task.ready(self.now)]
        count = Counter(task.status for task in tasks)
        return Depth(
            ready=len(ready),
            delayed=len(delayed),
            running=count[Status.RUNNING],
            dead=count[Status.FAILED],
            oldest=max(0.0, self.now - ready[0].message.enqueued_at) if ready else None,  # the first in line
            due_in=min((task.due - self.now for task in delayed), default=None),
        )

    def loaded(self, ids: Sequence[str], records: Mapping[str, Record]) -> None:
        """Judge the records that were read. Raises Difference."""
        if strange := records.keys() - self.tasks.keys():
            raise Difference(f"there are records of {sorted(strange)}, which should have none")
        for id in ids:
            task = self.tasks.get(id)
            if task and task.perhaps_gone and id not in records:
                del self.tasks[id]
            elif task and (id not in records or not same(records[id], task.record())):
                raise Difference(f"the record of {id} is {records.get(id)}, it should be {task.record()}")

    def dead(self, queue: str | None, limit: int, after: str | None) -> list[tuple[object, ...]]:
        """The dead letters to be listed, in the form of `letter`."""
        dead = [task for task in self.tasks.values() if task.status is Status.FAILED]
        chosen = sorted(task.message.id for task in dead if queue in (None, task.message.queue))
        return [self._letter(self.tasks[id]) for id in chosen if id > (after or "")][:limit]

    def _letter(self, task: Task) -> tuple[object, ...]:
        m, ended = task.message, task.finished_at or 0.0
        return letter(DeadLetter(m.id, m.task, m.queue, m.lane, task.errors[-1], task.attempt, ended, m.encode()))

    def redrive(self, ids: Sequence[str]) -> int:
        effect = 0
        if not self.promises.exact:  # in the order in which they died
            ids = sorted(ids, key=lambda id: self.tasks[id].buried if id in self.tasks else 0)
        for id in ids:
            if (task := self.tasks.get(id)) and task.status is Status.FAILED:
                effect += 1
                task.status, task.attempt, task.lost, task.errors, task.due = Status.READY, 0, False, [], 0.0
                task.receives = task.starts = 0
                task.redriven += 1
                self.tasks[id] = self.tasks.pop(id)  # it queues up anew, behind its group
        return effect

    def drop(self, ids: Sequence[str]) -> int:
        dead = {id for id in ids if id in self.tasks and self.tasks[id].status is Status.FAILED}
        for id in dead:
            del self.tasks[id]
        return len(dead)

    # Forgetting

    def purgeable(self, chosen: Chosen) -> dict[Place, int]:
        found = {place: len(self._meant(place, chosen.before)) for place in chosen.places}
        return {place: number for place, number in found.items() if number}

    def remove(self, chosen: Chosen) -> int:
        """How many go. The keys of what never succeeded are free again."""
        meant = {id: state for queue, state in chosen.places for id in self._meant((queue, state), chosen.before)}
        self.keys = {owner: key for owner, key in self.keys.items() if meant.get(key.id, "done") == "done"}
        self.keys_perhaps_gone &= self.keys.keys()
        for id in meant:
            del self.tasks[id]
        return len(meant)

    def _meant(self, place: Place, before: float) -> list[str]:
        queue, state = place
        here = [task for task in self.tasks.values() if task.message.queue == queue]
        alike = [task for task in here if self._state(task) == state]
        return [t.message.id for t in alike if (t.message.enqueued_at if t.pending else t.finished_at or 0.0) <= before]

    def _state(self, task: Task) -> str:
        named = {Status.RUNNING: "running", Status.FAILED: "dead", Status.SUCCESSFUL: "done"}
        return named.get(task.status, "ready" if task.ready(self.now) else "delayed")

    def _past(self) -> list[Task]:
        return [task for task in self.tasks.values() if task.forget_at <= self.now]

    def _perhaps_purged(self) -> None:
        """A receive may purge, too."""
        for task in self._past():
            task.perhaps_gone = True
        self.keys_perhaps_gone |= {
            owner
            for owner, key in self.keys.items()
            if key.until <= self.now and (key.id not in self.tasks or self.tasks[key.id].status is Status.SUCCESSFUL)
        }

    def purged(self, count: int) -> None:
        """Judge how many records a purge says it forgot. Raises Difference."""
        past = self._past()
        surely = sum(not task.perhaps_gone for task in past)
        if not surely <= count <= len(past):
            raise Difference(f"a purge forgot {count} records, {surely} to {len(past)} were past their retention")
        self._perhaps_purged()
        for task in past:
            del self.tasks[task.message.id]


def letter(dead: DeadLetter) -> tuple[object, ...]:
    """A dead letter as one can compare it."""
    return (*dead[:4], *_plain([dead.error]), *dead[5:])


def same(one: Record, other: Record) -> bool:
    """Whether two records say the same."""
    return one[:-1] == other[:-1] and _plain(one.errors) == _plain(other.errors)


def _plain(errors: Sequence[TaskError | None]) -> list[object]:
    """Errors without the broker's own words on how a holder was lost."""
    lost = dotted(WorkerDied)
    return [(lost, error.attempt) if error and error.exception_class == lost else error for error in errors]
