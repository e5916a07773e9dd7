"""One worker process: take messages, run their tasks, settle them.

The main thread claims a few messages, runs `def` tasks one after another (or on threads, if asked to) and hands `async
def` tasks to the event loop. Outcomes are settled in the same write as the next claim. The minder, a second thread,
sees to what cannot wait for the main thread; see `minder.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ebbtide.app import App
from ebbtide.broker import Delivery, alone
from ebbtide.dead_letters import check
from ebbtide.errors import StorageError
from ebbtide.execute import decide, finish, read, ride_together, runs_async, unless_permitted
from ebbtide.gathered import gathering
from ebbtide.outcome import Outcome
from ebbtide.queue import Queue
from ebbtide.runners.fatal import end_process_on_error
from ebbtide.runners.held import Held
from ebbtide.runners.limits import TimeLimit
from ebbtide.runners.loop import ASYNC_MARGIN, EventLoop
from ebbtide.runners.minder import REPAIR, Minder
from ebbtide.runners.pace import MOMENT, Pace
from ebbtide.task import Task

WAIT = 5.0
"""Seconds a receive may sleep; it wakes when something arrives."""

LINGER = 0.002
"""Seconds an outcome may wait for the next message while they come one by one, so that both share one write."""

DRAIN_HORIZON = 60.0
"""A draining worker waits for what is due within so many seconds, and leaves what is delayed longer."""

DRAIN_LOOK = 0.2
"""Seconds between a draining worker's looks at whether others still run something."""


@dataclass(frozen=True)
class Settings:
    """How a worker process works.

    threads: for `def` tasks, 0 runs them on the main thread, one at a time. concurrency: `async def` tasks at once.
    grace: seconds that running tasks have to end after a stop. drain: end when the queues are empty.
    """

    threads: int = 0
    concurrency: int = 100
    grace: float = 30.0
    drain: bool = False


class Worker:
    """Runs the tasks of some queues of an app until it is stopped.

    report: told each delivery and its outcome, on the thread that ran it. trouble: told what the storage refuses; the
    worker lives on and tries again.
    """

    def __init__(
        self,
        app: App,
        queues: Sequence[Queue],
        settings: Settings,
        report: Callable[[Delivery, Outcome], None],
        trouble: Callable[[StorageError], None],
    ) -> None:
        self._app = app
        self._queues = queues
        self._settings = settings
        self._report = report
        self._trouble = trouble
        check(app)
        self._one_at_a_time = not any(task.is_async for task in app.tasks.values())
        self._batch = max((task.queue.batch for task in app.tasks.values() if self._gathers(task)), default=0)
        self._held = Held(app)
        self._minder = Minder(self._held, trouble)
        self._pace = Pace()
        self._limit = TimeLimit(app.broker.last_words())
        self._loop: EventLoop | None = None
        self._threads = ThreadPoolExecutor(settings.threads, "ebbtide-task") if settings.threads else None
        self._on_threads: set[str] = set()  # receipts
        self._one_by_one = False  # whether messages come in close succession, yet none waits
        self._stopped = False
        self.drained = False
        """Whether it ended because the queues were empty."""

    def _gathers(self, task: Task[Any, Any, Any]) -> bool:
        return task.gathers and task.queue in self._queues

    def stop(self, *, at_once: bool = False) -> None:
        """Take nothing more and end when what runs has ended, or its grace has; at_once: no grace.

        For a signal handler; again it changes nothing, unless at_once.
        """
        self._stopped = True
        self._minder.stop(0.0 if at_once else self._settings.grace)
        self._app.broker.wake()

    def run(self) -> None:
        """Work until stopped, or until the queues are empty if draining. What runs then has the grace to end."""
        self._minder.start()
        while not (self._stopped or self.drained):
            self._try(self._work)
        self._held.wait_until(lambda: not self._held.running)
        while not self._try(self._leave):
            pass

    def _try(self, step: Callable[[], None]) -> bool:
        """Whether the storage let this step be done; if not, that is told, and some time has passed."""
        try:
            step()
        except StorageError as error:
            self._trouble(error)
            time.sleep(REPAIR)
            return False
        return True

    def _work(self) -> None:
        took = self._exchange()
        self.drained = not took and self._settings.drain and self._nothing_left()
        self._run_waiting()

    def _leave(self) -> None:
        self._held.give_back_waiting()
        self._held.settle()

    def _exchange(self) -> bool:
        """Settle and claim in one write; if there is nothing, wait for a message. Whether one was taken."""
        room = self._room()
        if not room:
            self._held.wait_until(lambda: self._free() > 0, timeout=MOMENT)
            return True
        broker = self._app.broker
        if self._one_by_one and self._held.unsettled:
            self._one_by_one = broker.listen(self._queues, LINGER)
        with self._held.settling():
            taken = broker.receive(self._queues, room)
        if not taken and not self._stopped:
            began = time.monotonic()
            taken = broker.receive(self._queues, room, DRAIN_LOOK if self._settings.drain else WAIT)
            self._one_by_one = bool(taken) and time.monotonic() - began < LINGER
        self._pace.claimed(len(taken))
        self._held.claimed(taken)
        return bool(taken)

    def _room(self) -> int:
        """How many to claim now: what can be started, or, where a task gathers, a batch for it."""
        free = self._free()
        if self._batch and free > 0:
            return max(0, max(self._pace.room(), self._batch) - self._held.waiting)
        return max(0, min(self._pace.room(), free))

    def _free(self) -> int:
        """How many more may run at once."""
        on_threads = len(self._on_threads)
        free = self._settings.concurrency - (self._held.running - on_threads)
        if self._threads:  # nobody knows which kind comes next
            free = min(free, self._settings.threads - on_threads)
        return free

    def _run_waiting(self) -> None:
        while not self._stopped and (delivery := self._next()):
            began = time.monotonic()
            self._start(delivery)
            ended = time.monotonic()
            self._pace.took(ended - began)
            if self._held.unsettled and ended - self._held.settled_at > MOMENT:
                self._limit.rest()
                self._held.settle()
        self._limit.rest()

    def _next(self) -> Delivery | None:
        """The next to start. What ended before one that may kill this process is safe by then; a suspect one runs
        alone, and may be given back while it waits for that. None as well where more were claimed than may run."""
        if self._batch and self._free() <= 0:
            return None
        delivery = self._held.first
        if delivery and delivery.attempt > 1:
            self._limit.rest()
            if delivery.fate:
                self._held.wait_until(lambda: not self._held.running)
            self._held.settle()
        return None if self._stopped else self._held.next()

    def _start(self, delivery: Delivery) -> None:
        delivery, instead = read(self._app, delivery)
        instead = instead or unless_permitted(self._app, delivery)
        if instead:
            self._end(delivery, instead)
            return
        if self._batch:
            together = self._with_others(delivery)
            if together is None:
                return
            delivery = together
        self._held.started(delivery)
        self._minder.busy()
        timeout = self._app.queues[delivery.queue].timeout
        if runs_async(self._app, delivery):
            self._loop = self._loop or EventLoop(self._app, self._end)
            self._limit.start(delivery.receipt, timeout + ASYNC_MARGIN)
            self._loop.submit(delivery, timeout)
        elif self._threads:
            self._limit.start(delivery.receipt, timeout)
            self._on_threads.add(delivery.receipt)
            self._threads.submit(self._run, delivery).add_done_callback(end_process_on_error)
        else:
            self._limit.start(delivery.receipt, timeout)
            self._end(delivery, self._here(delivery), more=True)
        if delivery.fate:
            self._held.wait_until(lambda: not self._held.running)

    def _here(self, delivery: Delivery) -> Outcome:
        alone[:] = [delivery] if self._one_at_a_time else []
        try:
            return finish(decide(self._app, delivery))
        finally:
            alone.clear()

    def _with_others(self, delivery: Delivery) -> Delivery | None:
        """This one, with those of the waiting that are to ride with it if its task gathers; None if none may start."""
        task = gathering(self._app, delivery)
        if task is None:
            return delivery
        found: dict[str, tuple[Delivery, Outcome | None]] = {}  # as read, by receipt

        def rides(other: Delivery) -> bool:
            if other.attempt > 1 or other.queue != delivery.queue:
                return False
            one, instead = found[other.receipt] = read(self._app, other)
            return bool(instead) or gathering(self._app, one) is task

        riders = [delivery]
        for other in self._held.taken_with(rides, task.queue.batch - 1):
            one, instead = found[other.receipt]
            if instead := instead or unless_permitted(self._app, one):
                self._end(one, instead)
            else:
                riders.append(one)
        together, others = ride_together(self._app, riders)
        for one, instead in others:
            self._end(one, instead)
        return together

    def _run(self, delivery: Delivery) -> None:
        self._end(delivery, finish(decide(self._app, delivery)))

    def _end(self, delivery: Delivery, outcome: Outcome, *, more: bool = False) -> None:
        self._limit.stop(delivery.receipt, more=more)
        self._on_threads.discard(delivery.receipt)
        self._held.ended(delivery, outcome)
        self._minder.busy()
        for part in delivery.parts:
            self._report(part, outcome)

    def _nothing_left(self) -> bool:
        if not self._held.nothing:
            return False
        depths = [depth for queue in self._queues for depth in self._app.broker.depth(queue.name)[: queue.lanes]]
        soon = min((depth.due_in for depth in depths if depth.due_in is not None), default=DRAIN_HORIZON)
        return not any(depth.ready or depth.running for depth in depths) and soon >= DRAIN_HORIZON
