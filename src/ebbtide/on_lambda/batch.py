"""The records of one SQS event: each run by itself, and those named that must come again.

What was received for the first time goes first. Then come, one by one, those received before, for any of them may be
what killed the function then; what has ended is deleted before and after such a one, so that it does not run again. On
a FIFO queue records go in their order, and after one that did not succeed no more of its group. What does not fit the
time left is given back, its attempt unspent.

AWS deletes what the answer does not name, so whatever goes wrong here, what is not known to be over is named.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Condition
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from ebbtide.app import App
from ebbtide.broker import Delivery, Settlement
from ebbtide.errors import StorageError
from ebbtide.execute import Decided, overrun, read, runs_async, settle, unless_fit, unless_permitted
from ebbtide.gathered import Gathered, gathering
from ebbtide.on_lambda.limits import timeout_of
from ebbtide.on_lambda.logs import log
from ebbtide.on_lambda.runner import Ended, Runner
from ebbtide.outcome import Failed, Outcome, Skipped, Succeeded
from ebbtide.queue import Queue

T = TypeVar("T")

AT_ONCE = 10
"""Outcomes settled together: what one call to SQS takes, and an event mostly holds. They are not kept for longer, so
that those of a large batch are settled in the time that it has."""


class Item(NamedTuple):
    """One record. id: SQS's for the message; group: on a FIFO queue; suspect: whether it was received before; record:
    as Lambda handed it over; own: whether it came from a queue of this stage."""

    id: str
    delivery: Delivery
    group: str | None = None
    suspect: bool = False
    record: Mapping[str, Any] = MappingProxyType({})
    own: bool = True


class Running(NamedTuple):
    """One that runs: since when, in seconds since 1970, for how long at most, and until when on the monotonic clock."""

    delivery: Delivery
    since: float
    seconds: float
    until: float


class Batch:
    """The items of one event.

    left: asked for the seconds that may still be used; tell: told each outcome; end: ends the process.
    """

    def __init__(
        self,
        app: App,
        runner: Runner,
        items: Iterable[Item],
        left: Callable[[], float],
        tell: Ended,
        end: Callable[[], None],
    ) -> None:
        self._app = app
        self._runner = runner
        self._left = left
        self._tell = tell
        self._end = end
        self._items = {item.delivery.receipt: item for item in items}
        self._waiting = deque(_in_order(list(self._items.values())))
        self._running: dict[str, Running] = {}
        self._finished: list[Decided] = []
        self._back: list[Item] = []
        self._halted: set[str] = set()  # groups
        self._began = False
        self._changed = Condition()
        self.over: set[str] = set()
        """The ids of those that need not come again."""

    def run(self) -> None:
        """Run and settle what fits. Raises nothing that a task or the storage does."""
        while self._waiting:
            item = self._waiting[0]
            if item.suspect:
                self._make_safe()
            self._wait_until(lambda: not self._runner.busy)
            seconds = self._room(item)
            if not seconds:
                break
            self._waiting.popleft()
            if item.group in self._halted:
                self._back.append(item)
                continue
            self._start(item, seconds)
            if item.suspect:
                self._make_safe()
            elif len(self._finished) >= AT_ONCE:
                self._settle()
        self._wait_until(lambda: not self._running)
        self._settle()
        self._give_back([*self._back, *self._waiting])

    def _room(self, item: Item) -> float:
        """Seconds this one may run; 0: it may not start. The first one of an event takes what there is."""
        wanted = self._timeout(item)
        left = self._left()
        if wanted <= left:
            return wanted
        return 0.0 if self._began else max(0.0, left)

    def _timeout(self, item: Item) -> float:
        return self._app.queues.get(item.delivery.queue, Queue()).timeout

    def _start(self, item: Item, seconds: float) -> None:
        delivery, instead = self._call_of(item)
        instead = instead or unless_permitted(self._app, delivery)
        if instead:
            self._note(delivery, instead)
        elif together := self._with_others(item, delivery):
            self._run(item, together, seconds)

    def _call_of(self, item: Item) -> tuple[Delivery, Outcome | None]:
        """The call this record asks for, and what becomes of it if it asks for none, or for several."""
        return read(self._app, item.delivery, item.record, own=item.own)

    def _with_others(self, item: Item, delivery: Delivery) -> Delivery | None:
        """This one, with those of the waiting that are to ride with it if its task gathers; None if none may start."""
        task = gathering(self._app, delivery)
        if task is None or item.suspect:
            return delivery
        riders = self._fit(delivery)
        for other in list(self._waiting):
            if len(riders) >= task.queue.batch:
                break
            if other.group in self._halted:
                continue
            if not other.suspect:
                found, instead = self._call_of(other)
                if instead or gathering(self._app, found) is task:
                    self._waiting.remove(other)
                    riders += self._fit(found, instead or unless_permitted(self._app, found))
                    continue
            if item.group is not None:  # on a FIFO queue nothing overtakes
                break
        return Gathered.of(riders) if riders else None

    def _fit(self, delivery: Delivery, instead: Outcome | None = None) -> list[Delivery]:
        """This one if it may ride with others; else what becomes of it is noted."""
        if instead := instead or unless_fit(self._app, delivery):
            self._note(delivery, instead)
        return [] if instead else [delivery]

    def _run(self, item: Item, delivery: Delivery, seconds: float) -> None:
        self._began = True
        since = self._app.now()
        self._running[delivery.receipt] = Running(delivery, since, seconds, time.monotonic() + seconds)
        self._runner.start(delivery.until(since + seconds), seconds, self._ended, self._give_up)
        if item.group is not None:
            self._wait_until(lambda: not self._running)

    def _ended(self, delivery: Delivery, outcome: Outcome) -> None:
        running = self._running.get(delivery.receipt)
        if running:  # else it was given up
            self._note(running.delivery, outcome)

    def _note(self, delivery: Delivery, outcome: Outcome) -> None:
        for part in delivery.parts:
            self._tell(part, outcome)
        with self._changed:
            self._running.pop(delivery.receipt, None)
            for part in delivery.parts:
                self._finished.append((part, outcome))
                group = self._items[part.receipt].group
                if group is not None and not isinstance(outcome, (Succeeded, Skipped)):
                    self._halted.add(group)
            self._changed.notify_all()

    def _wait_until(self, holds: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(holds)

    def _make_safe(self) -> None:
        """Have what has ended gone from the queue: what comes next may kill this process."""
        self._wait_until(lambda: not self._running)
        self._settle()
        self._flush()

    def _settle(self) -> None:
        with self._changed:
            done, self._finished = self._finished, []
        for some in self._while_time_lasts(done):
            if not self._settled(some) and len(some) > 1:
                for one in self._while_time_lasts(some, 1):  # one that cannot be settled costs the others nothing
                    self._settled(one)

    def _while_time_lasts(self, them: list[T], at_once: int = AT_ONCE) -> Iterator[list[T]]:
        """These in runs of so many, as long as AWS leaves time to tell it of them; the first in any case."""
        for first in range(0, len(them), at_once):
            if first and self._left() < -self._runner.grace:
                log.error("no time is left to settle %d messages; they come again", len(them) - first)
                return
            yield them[first : first + at_once]

    def _settled(self, done: list[Decided]) -> bool:
        try:
            settle(self._app, done)
        except StorageError as error:
            _trouble(error)
            return False
        self.over |= {
            self._items[delivery.receipt].id
            for delivery, outcome in done
            if isinstance(outcome, (Succeeded, Skipped, Failed))
        }
        return True

    def _flush(self) -> None:
        try:
            self._app.broker.flush()
        except StorageError as error:
            _trouble(error)

    def _give_back(self, items: list[Item]) -> None:
        if not items:
            return
        words = "%d messages are given back: they no longer fit the time left, or follow one that failed"
        log.info(words, len(items), extra={"event": "given_back", "count": len(items)})
        try:
            for some in self._while_time_lasts(items):
                self._app.broker.retry([Settlement(item.delivery, spent=False) for item in some])
        except StorageError as error:
            _trouble(error)

    def _give_up(self) -> None:
        """Settle what is known and end the process: something runs on past its limit. Called by the watch."""
        with self._changed:  # and never let go of: nothing else of this batch may go on
            running = list(self._running.values())
            hanging = [one for one in running if self._hangs(one)]
            for one in hanging:
                self._note(one.delivery, overrun(self._app, one.delivery, timeout_of(one.seconds), one.since))
            others = [self._items[part.receipt] for one in running if one not in hanging for part in one.delivery.parts]
            self._settle()
            self._give_back([*others, *self._back, *self._waiting])
            self._flush()
            self._end()

    def _hangs(self, running: Running) -> bool:
        """Whether it is its own fault that it has not ended; one that blocks the loop holds up all others there."""
        if running.until > time.monotonic():
            return False
        culprit = self._running.get(self._runner.blocked_by or "")
        if culprit is None or culprit.until > time.monotonic() or not runs_async(self._app, running.delivery):
            return True
        return culprit.delivery.receipt == running.delivery.receipt


def _in_order(items: list[Item]) -> list[Item]:
    """On a FIFO queue as they came, else the suspects last, and of these last what was started most often."""
    if any(item.group is not None for item in items):
        return items
    return sorted(items, key=lambda item: (item.suspect, item.delivery.attempt))


def _trouble(error: Exception) -> None:
    log.error("%s; what this concerns comes again", error, extra={"event": "storage_trouble"})
