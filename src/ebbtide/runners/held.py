"""What a worker process holds: messages claimed but not started, running, and finished but not settled."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock

from ebbtide.app import App
from ebbtide.broker import Delivery, Settlement
from ebbtide.errors import StorageError
from ebbtide.execute import Decided, settle
from ebbtide.outcome import Outcome


class Held:
    """The three kinds, and how each leaves; every method may be called by any thread."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._waiting: deque[Delivery] = deque()
        self._running: dict[str, Delivery] = {}  # these two by receipt
        self._extend_at: dict[str, float] = {}
        self._finished: deque[Decided] = deque()
        self._changed = Condition()
        self._awaited = 0
        self._settling = Lock()
        self.settled_at = 0.0
        """When the last settlement ended, on the monotonic clock."""

    @property
    def nothing(self) -> bool:
        """Whether nothing is held at all, nor just being settled."""
        return not (self._waiting or self._running or self._finished or self._settling.locked())

    @property
    def running(self) -> int:
        """How many tasks run."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many were claimed and not started."""
        return len(self._waiting)

    @property
    def unsettled(self) -> int:
        """How many outcomes are not yet settled."""
        return len(self._finished)

    def claimed(self, deliveries: Iterable[Delivery]) -> None:
        """These were received and wait to be started."""
        self._waiting.extend(deliveries)

    @property
    def first(self) -> Delivery | None:
        """The next one to start, which may still be given back, if any is left."""
        try:
            return self._waiting[0]
        except IndexError:
            return None

    def next(self) -> Delivery | None:
        """The next one to start, if any is left; it waits no longer."""
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def taken_with(self, fits: Callable[[Delivery], bool], most: int) -> list[Delivery]:
        """Up to `most` of those that wait and fit; they wait no longer, and the others do as before. On a FIFO queue
        none overtakes another."""
        waiting = list(iter(self.next, None))
        taken: list[Delivery] = []
        stay: list[Delivery] = []
        for delivery in waiting:
            behind = any(self._app.queues[one.queue].fifo and one.queue == delivery.queue for one in stay)
            (taken if len(taken) < most and not behind and fits(delivery) else stay).append(delivery)
        self._waiting.extendleft(reversed(stay))
        return taken

    def started(self, delivery: Delivery) -> None:
        """This one runs now."""
        self._extend_at[delivery.receipt] = time.monotonic() + self._loan(delivery) / 2
        self._running[delivery.receipt] = delivery

    def ended(self, delivery: Delivery, outcome: Outcome) -> None:
        """This one has run."""
        self._finished.append((delivery, outcome))
        self._running.pop(delivery.receipt, None)
        self._extend_at.pop(delivery.receipt, None)
        if self._awaited:  # else nobody need be told, which costs as much as the rest
            with self._changed:
                self._changed.notify_all()

    def settle(self) -> None:
        """Settle what has finished, as one write. Raises StorageError; then all is kept for another try."""
        with self.settling():
            pass

    @contextmanager
    def settling(self) -> Iterator[None]:
        """Settle what has finished, as one write with what is done within. If that write fails, by StorageError, all
        is kept for another try: nothing is settled before it is committed."""
        with self._settling:  # outside the write, always: else two threads wait for each other
            done = [self._finished.popleft() for _ in range(len(self._finished))]
            try:
                with self._app.broker.together():
                    settle(self._app, done)
                    yield
            except StorageError:
                self._finished.extendleft(reversed(done))
                raise
            self.settled_at = time.monotonic()

    def make_safe(self) -> None:
        """Have on disk what was settled."""
        self._app.broker.flush()

    def give_back_waiting(self) -> None:
        """Hand back what was not started, as if it had never been taken."""
        self._give_back(list(iter(self.next, None)))

    def give_back_running(self) -> None:
        """Hand back what runs, its attempt unspent; only for a process that ends right after."""
        self._give_back([part for delivery in list(self._running.values()) for part in delivery.parts])

    def extend_loans(self) -> None:
        """Extend the loans of what has been running for half of its loan."""
        now = time.monotonic()
        for receipt, at in list(self._extend_at.items()):
            delivery = self._running.get(receipt)
            if at <= now and delivery:
                self._app.broker.extend(delivery.parts, self._loan(delivery))
                if receipt in self._extend_at:
                    self._extend_at[receipt] = now + self._loan(delivery) / 2

    def wait_until(self, holds: Callable[[], bool], timeout: float | None = None) -> None:
        """Wait for a condition that the end of a task may bring about."""
        with self._changed:
            self._awaited += 1
            try:
                self._changed.wait_for(holds, timeout)
            finally:
                self._awaited -= 1

    def _give_back(self, deliveries: list[Delivery]) -> None:
        if deliveries:
            self._app.broker.retry([Settlement(delivery, spent=False) for delivery in deliveries])

    def _loan(self, delivery: Delivery) -> float:
        return self._app.queues[delivery.queue].loan
